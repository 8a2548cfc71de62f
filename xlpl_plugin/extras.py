"""Modules that only some work needs, so that they come with an extra and need not be there."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from xlpl_plugin.errors import XlplError


class MissingExtra(XlplError):
    """What is asked for needs a module of an extra that is not installed."""


def optional_module(module: str, extra: str, what: str, file: str | Path | None = None) -> ModuleType:
    """Return a module of an extra; ``what`` needs it, and ``file`` is what is being read or written.

    Raises:
        MissingExtra: it cannot be imported; the extra is named.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"{what} needs the module {module}, and {module.partition('.')[0]} cannot be imported: {error}",
            file=file,
            remedy=f"pip install 'xlpl[{extra}]'",
        ) from error
