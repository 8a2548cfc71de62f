"""Signals of a labelling, measured in one pass over its labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xlpl_plugin.decoding.options import DecoderConfig
from xlpl_plugin.labels.search import SearchConfig
from xlpl_plugin.labels.signals import Signals, SignalsConfig


def measure_labels(
    labels: str | Path,
    *,
    emissions: str | Path,
    decoder: DecoderConfig,
    search: SearchConfig,
    config: SignalsConfig,
    previous: str | Path | None = None,
    sources: Sequence[str | Path] = (),
) -> Signals:
    """Measure the labels of one split. Memory does not grow with their number but for some bytes a label.

    Args:
        labels: folder of labels (labels.jsonl).
        emissions: folder of the log-probs that they were decoded from.
        decoder: lexicon and LM that they were decoded with.
        search: criterion and judging LM of the label-free score.
        config: what else they are measured with.
        previous: folder of the labels of the round before.
        sources: prepared folders of the source languages, whose train.ltr is compared with the greedy output.

    Raises:
        XlplError: a file is missing or broken, or there is no label.
    """
    raise NotImplementedError
