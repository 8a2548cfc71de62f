"""Unsupervised speech recognition by cross-lingual pseudo-labelling: a plugin of fairseq and the ``xlpl`` command.

This is what fairseq's ``--user-dir`` and ``common.user_dir`` import, so it must register all that the plugin
adds. fairseq is always loaded by then. In a process without fairseq there is nothing to register with, and
``xlpl --help`` need not wait for torch; library code that needs the registry imports ``xlpl_plugin.registry``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xlpl_plugin.transcribing.recogniser import load_recogniser

__all__ = ["load_recogniser"]

if "fairseq" in sys.modules:
    from xlpl_plugin import registry  # noqa: F401


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: fairseq, and verbs that need no torch, must not wait for it."""
    if name in __all__:
        from xlpl_plugin.transcribing import recogniser

        return getattr(recogniser, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
