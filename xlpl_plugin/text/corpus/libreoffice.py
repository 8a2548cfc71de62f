"""LibreOffice's help, which Debian has in many languages."""

from __future__ import annotations

from pathlib import Path

from xlpl_plugin.debian import fetch_package

# codes in the names of the packages where they are not the language's own
_LIBREOFFICE = {"en": "en-us", "pt": "pt", "zh": "zh-cn"}


def libreoffice_package(language: str) -> str:
    """Return the name of Debian's package of LibreOffice's help: ``it``, ``pt_BR`` -> ``libreoffice-help-pt-br``."""
    code = language.replace("_", "-").lower()
    return f"libreoffice-help-{_LIBREOFFICE.get(code, code)}"


def libreoffice_files(language: str, source: Path | None = None, cache: Path | None = None) -> Path:
    """Return ``source``, or the files of LibreOffice's help in ``language`` from Debian.

    Raises:
        XlplError: there is no such package, or it cannot be fetched.
    """
    return source if source is not None else fetch_package(libreoffice_package(language), cache)
