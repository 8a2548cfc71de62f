"""Files of tensors by their names, with texts beside them (safetensors): a form that holds nothing to execute."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import atomic_path, must_exist, system_errors

SUFFIX = ".safetensors"


def read_tensors(file: Path) -> dict[str, Tensor]:
    """Read all tensors, to the CPU.

    Raises:
        XlplError: no such file, or a damaged one.
    """
    with _whole(file):
        return load_file(file)


def read_texts(file: Path) -> dict[str, str]:
    """Read what stands beside the tensors.

    Raises:
        XlplError: no such file, or a damaged one.
    """
    with _whole(file), safe_open(file, "pt") as opened:
        return dict(opened.metadata() or {})


def write_tensors(file: Path, tensors: Mapping[str, Tensor], texts: Mapping[str, str]) -> None:
    """Write a file, atomically; no two tensors may share their memory.

    Raises:
        XlplError: the file cannot be written.
    """
    with atomic_path(file) as part:
        save_file(dict(tensors), part, metadata=dict(texts))


def damaged(file: Path, error: Exception) -> XlplError:
    """Return the error of a file of weights that cannot be read."""
    return XlplError(
        f"cannot be read: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
        file=file,
        expected="a whole file of weights",
        remedy="copy or download the file again",
    )


@contextmanager
def _whole(file: Path) -> Iterator[None]:
    must_exist(file, "a safetensors file")
    with system_errors(file, "a safetensors file"):
        try:
            yield
        except SafetensorError as error:
            raise damaged(file, error) from error
