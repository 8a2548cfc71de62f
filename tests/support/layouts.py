"""benchmarks/layouts.py, which lays clips out as the corpora of each form are."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

_FILE = Path(__file__).parents[2] / "benchmarks" / "layouts.py"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("layouts", _FILE)
    assert spec
    assert spec.loader
    module = sys.modules["layouts"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


layouts = _load()
