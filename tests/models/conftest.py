"""Checkpoints of tiny untrained models."""

from __future__ import annotations

from support.tiny_checkpoints import build, save, save_wav2vec

__all__ = ["build", "save", "save_wav2vec"]
