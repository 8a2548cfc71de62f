"""Libraries that the forms of linguists and subtitles need, and that need not be there."""

from __future__ import annotations

from types import ModuleType

from xlpl_plugin.text.documents.optional import optional_module


def linguistics_extra(module: str, form: str) -> ModuleType:
    """Return a module of the extra ``linguistics``.

    Raises:
        XlplError: it is not installed.
    """
    return optional_module(module, "linguistics", f"--format {form}", form)
