"""Where the YAML files and examples lie that come with xlpl."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from xlpl_plugin.errors import XlplError

_CHECKOUT = Path(__file__).resolve().parent.parent
# a file of each folder, by which it is found
_INSIDE = {"config": Path("train.yaml"), "examples": Path("quickstart/run.yaml")}


def shipped_folder(name: str) -> Path:
    """Return ``config`` or ``examples``: in a checkout its own, so that edits count; else where the wheel put them.

    Raises:
        XlplError: they were removed.
    """
    if (_CHECKOUT / "setup.py").exists():
        return _CHECKOUT / name
    inside = _INSIDE[name]
    for file in metadata.files("xlpl") or ():
        if file.match(f"share/xlpl/{name}/{inside}"):
            return Path(str(file.locate())).resolve().parents[len(inside.parts) - 1]
    raise XlplError(
        f"the {name} folder of xlpl is not installed",
        file=_CHECKOUT,
        expected=f"share/xlpl/{name} in the environment",
        remedy="install xlpl again with pip",
    )
