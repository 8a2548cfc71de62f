"""From a step that collects labels to one that puts transcripts by a person in their place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xlpl_plugin.data.summary import REPORT
from xlpl_plugin.run.config import CorrectionsConfig, IterateConfig
from xlpl_plugin.run.plan.steps import Collect, CollectCorrected


def with_corrections(
    collect: Collect, corrections: tuple[CorrectionsConfig, ...], config: IterateConfig
) -> CollectCorrected:
    """Return a step that collects the same labels, with corrections. Steps without any stay what they always were."""
    data, lexicon = config.target.data, config.decoder.lexicon
    prepared = Path(data) / REPORT
    inputs = [
        *_tables(corrections),
        *(str(Path(data) / f"{split}.tsv") for split in (collect.train_split, collect.valid_split)),
        *([str(prepared)] if prepared.exists() else []),
        *([lexicon] if lexicon else []),
    ]
    options = vars(collect) | {"inputs": tuple(inputs)}
    return CollectCorrected(**options, data=data, corrections=corrections, lexicon=lexicon)


def _tables(corrections: Sequence[CorrectionsConfig]) -> list[str]:
    return [path for entry in corrections for path in (entry.file, entry.rules) if path]
