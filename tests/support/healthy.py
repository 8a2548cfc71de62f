"""Signals of a labelling with which nothing is wrong."""

from __future__ import annotations

from xlpl_plugin.monitoring.signals import Signals

HEALTHY = Signals(
    utterances=100,
    blank_share=0.5,
    empty_share=0.0,
    kept_share=1.0,
    letters_per_second=12.0,
    greedy_letters_per_second=12.0,
    vocabulary=700,
    top_word_share=0.05,
    agreement=0.8,
    confidence=0.7,
)
