"""Libraries that one form alone needs, and that need not be there."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.documents.source import Source


def documents_extra(module: str, source: Source) -> ModuleType:
    """Return a module of the extra ``documents``.

    Raises:
        XlplError: it is not installed.
    """
    return optional_module(module, "documents", source.name, source.form)


def optional_module(module: str, extra: str, name: str, form: str) -> ModuleType:
    """Return a module of an extra; ``name`` and ``form`` are of what needs it.

    Raises:
        XlplError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise XlplError(
            f"{form} needs the module {module}, which is not installed",
            file=name,
            remedy=f"pip install 'xlpl[{extra}]'",
        ) from error
