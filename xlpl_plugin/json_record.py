"""Dataclasses that are the content of a JSON file: each file form has one, which alone reads and writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import msgspec

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import read_json, write_json

T = TypeVar("T")


class JsonRecord:
    """Base of a dataclass that is written to a file of its own and read back, with the types of its fields checked.

    A field that the file has and the class lacks is passed over.
    """

    # what the file is, and what writes it, for the error
    holds: ClassVar[str]
    written_by: ClassVar[str]

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read ``path``.

        Raises:
            XlplError: no such file, no JSON, or not what ``write`` wrote (the field is named).
        """
        return convert(read_json(path), cls, path, holds=cls.holds, written_by=cls.written_by)

    @classmethod
    def read_if_there(cls, path: str | Path) -> Self | None:
        """Read as ``read`` does; None where there is no such file."""
        return cls.read(path) if Path(path).exists() else None

    def write(self, path: str | Path) -> None:
        """Write indented UTF-8 JSON, atomically."""
        write_json(path, self)


def convert(content: Any, kind: type[T], path: str | Path, *, holds: str, written_by: str) -> T:
    """Make plain JSON values a ``kind``; ``path`` is for the error.

    Raises:
        XlplError: a value is missing or of another type.
    """
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise XlplError(
            f"not {holds} ({error})",
            file=path,
            expected=f"what this version of {written_by} writes",
            remedy=f"make it again with {written_by}, or read it with the version of xlpl that wrote it",
        ) from error
