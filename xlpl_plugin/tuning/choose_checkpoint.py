"""Which checkpoint of a training labels best, judged without labels on a sample of the target's audio."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from xlpl_plugin.decoding import DecoderConfig, Weights
from xlpl_plugin.decoding.pool import DecoderPool
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import new_output
from xlpl_plugin.json_record import JsonRecord
from xlpl_plugin.schema import option
from xlpl_plugin.tuning.criteria import SampleCounts
from xlpl_plugin.tuning.sample import SilentModel
from xlpl_plugin.tuning.tune import TuneConfig, TuningObjective, read_tuning
from xlpl_plugin.tuning.weight_search import SearchConfig

logger = logging.getLogger(__name__)

SELECT_FILE = "select.json"


@dataclass
class SelectConfig:
    """What to choose from, and what it is scored with."""

    checkpoints: list[str] = option(
        [], "checkpoints of one training, the oldest first; those with the same weights (last and best) are judged once"
    )
    data: str = option(MISSING, "prepared folder of the target; its transcripts, if it has any, are not read")
    split: str = option("train", "split of `data`")
    out: str = option(MISSING, "folder for select.json")
    model: str = option(MISSING, "file for the weights of the chosen checkpoint")
    decoder: DecoderConfig = option(DecoderConfig(), "lexicon, LM and weights, the same for all")
    tuning: str = option(
        "", "folder of a tuning, whose weights and beam are taken instead of the decoder's; empty: none"
    )
    search: SearchConfig = option(
        SearchConfig(), "sample, criterion and guards as when weights are tuned; none is searched"
    )
    length_from: str = option("", "as for tuning")
    max_seconds: float = option(120.0, "seconds of audio in a batch of the acoustic model, padding counted", above=0)
    device: str = option("auto", "device of the acoustic model: auto (a GPU where there is one), cpu, cuda, cuda:1")
    bf16: bool = option(False, "compute the acoustic model in bfloat16")
    workers: int = option(1, "decoding processes", least=1)


@dataclass(frozen=True)
class Candidate:
    """A checkpoint and how the sample looks when it is decoded with it.

    Attributes:
        checkpoint: its path.
        updates: after how many it was saved.
        value: the tuning score; lower is better. None where greedy output is empty.
        nonempty: utterances of the sample in which the greedy decoder finds a letter.
        refused: which guard objects; empty where none does.
    """

    checkpoint: str
    updates: int
    value: float | None
    nonempty: int
    refused: str
    outcome: SampleCounts | None


@dataclass(frozen=True)
class Selection(JsonRecord):
    """``select.json``: the choice; not ``trusted`` where the guards refused every candidate: the newest is taken.

    Attributes:
        candidates: in the order in which they were given.
    """

    best: Candidate
    criterion: str
    trusted: bool
    candidates: tuple[Candidate, ...]
    config: dict[str, Any]

    holds = "the choice of a checkpoint"
    written_by = "`xlpl iterate`"


def select(config: SelectConfig, *, force: bool = False) -> Selection:
    """Choose a checkpoint, write its weights alone to ``config.model`` and the choice to select.json after them.

    Raises:
        XlplError: results are there already (without ``force``), no checkpoint or no LM, or broken input.
    """
    from xlpl_plugin.models.checkpoint import extract_model  # torch, which stored results do not need

    file = new_output(Path(config.out) / SELECT_FILE, force=force)
    if config.tuning:
        config = replace(config, decoder=read_tuning(config.tuning).apply(config.decoder), tuning="")
    candidates = _refuse_deaf(list(_judge(config)), config.search.max_empty)
    passed = [candidate for candidate in candidates if not candidate.refused]
    best = min(passed, key=lambda candidate: candidate.value or 0.0) if passed else candidates[-1]
    if not passed:
        logger.warning("the guards refused every checkpoint; the newest one is taken (%s)", best.refused)
    selection = Selection(best, config.search.criterion, bool(passed), tuple(candidates), asdict(config))
    extract_model(best.checkpoint, config.model, force=force)
    selection.write(file)
    return selection


def _judge(config: SelectConfig) -> Iterator[Candidate]:
    weights = Weights(config.decoder.lm_weight, config.decoder.word_score, config.decoder.blank_penalty)
    for checkpoint, updates in _different(config.checkpoints):
        try:
            ground = TuningObjective(_as_tuning(config, checkpoint))
        except SilentModel as silence:
            yield Candidate(checkpoint, updates, None, 0, silence.problem, None)
            continue
        decoder = replace(config.decoder, beam=ground.search.beam, nbest=1)
        with DecoderPool(decoder, ground.sample.units, config.workers) as pool:
            (decoding,) = ground.sample.decode(pool, [weights])
        trial = ground.score(weights, decoding.hypotheses)
        yield Candidate(checkpoint, updates, trial.value, len(ground.sample), trial.refused, trial.outcome)


def _different(checkpoints: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield (path, updates) of the checkpoints that are not copies of an earlier one of the list."""
    from xlpl_plugin.models.checkpoint import checkpoint_updates, read_checkpoint, weights_digest

    if not checkpoints:
        raise XlplError("no checkpoints to choose from", expected="at least one path")
    seen: set[str] = set()
    for checkpoint in checkpoints:
        state = read_checkpoint(checkpoint)
        digest = weights_digest(state)
        if digest not in seen:
            seen.add(digest)
            yield checkpoint, checkpoint_updates(state)


def _as_tuning(config: SelectConfig, checkpoint: str) -> TuneConfig:
    """Return what tuning would be asked with this checkpoint, so that both score alike."""
    return TuneConfig(
        am=checkpoint,
        data=config.data,
        split=config.split,
        out=config.out,
        decoder=config.decoder,
        search=config.search,
        length_from=config.length_from,
        max_seconds=config.max_seconds,
        device=config.device,
        bf16=config.bf16,
        workers=config.workers,
    )


def _refuse_deaf(candidates: Sequence[Candidate], most_silent: float) -> list[Candidate]:
    """Refuse those without greedy output in too many utterances where another has some: their sample is easier.

    Args:
        most_silent: share of utterances.
    """
    most = max(candidate.nonempty for candidate in candidates)
    return [
        replace(candidate, refused=f"greedy output in {candidate.nonempty} utterances, of another checkpoint in {most}")
        if candidate.nonempty < (1 - most_silent) * most and not candidate.refused
        else candidate
        for candidate in candidates
    ]
