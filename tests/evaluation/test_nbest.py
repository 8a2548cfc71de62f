"""The oracle of the n best: the best choice by the reference, and never a worse one than the decoder's."""

from __future__ import annotations

from pathlib import Path

from xlpl_plugin.evaluation.nbest import nbest_oracle
from xlpl_plugin.evaluation.texts import References, System


def test_the_fewest_word_edits_win_and_the_decoder_wins_ties() -> None:
    truth = {"a": "uno due", "b": "tre", "c": "sì"}
    system = System(
        "mine LM",
        "native",
        {"a": "uno", "b": "quattro", "c": "sì"},
        Path("x"),
        {"a": (0.1,)},
        {"a": ("uno tre", "uno due"), "b": ("cinque",)},
    )
    oracle = nbest_oracle(system, References(Path("r"), "test", truth, None))
    assert oracle.texts == {"a": "uno due", "b": "quattro", "c": "sì"}
    assert oracle.name == "mine LM n-best oracle"
    assert (oracle.confidences, oracle.alternatives) == ({}, {})
