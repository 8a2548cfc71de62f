"""Runs to bundle, and checkpoints."""

from __future__ import annotations

from support.small_run import run_parts, small_run
from support.tiny_checkpoints import build, save, save_wav2vec

__all__ = ["build", "run_parts", "save", "save_wav2vec", "small_run"]
