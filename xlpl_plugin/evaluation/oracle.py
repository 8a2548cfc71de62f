"""The decoder weights that references would choose: a yardstick for ``xlpl tune``, never a setting of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from xlpl_plugin.decoding import Hypothesis, Weights
from xlpl_plugin.decoding.pool import DecoderPool
from xlpl_plugin.errors import XlplError
from xlpl_plugin.evaluation.counting import count_words
from xlpl_plugin.evaluation.texts import read_references
from xlpl_plugin.files import new_output
from xlpl_plugin.json_record import JsonRecord
from xlpl_plugin.tuning.heatmap import draw_trials
from xlpl_plugin.tuning.tune import TUNE_FILE, TuneConfig, TuningObjective, read_tuning
from xlpl_plugin.tuning.weight_search import Trial, search_weights

# no file here may be taken for the choice of `xlpl tune`
ORACLE_FILE = "oracle.json"
PICTURE_FILE = "oracle.png"
ORACLE = "ORACLE: chosen with references; no unsupervised result"


@dataclass(frozen=True)
class Oracle(JsonRecord):
    """``oracle.json``: what references choose; guards do not count.

    The ``value`` of a trial is its word error rate, as a fraction.

    Attributes:
        trials: the best first; its weights are the oracle's.
        label_free: the choice of ``xlpl tune`` in the same folder, decoded on the same sample; None without one.
    """

    trials: tuple[Trial, ...]
    label_free: Trial | None
    utterances: int
    config: dict[str, Any]
    caution: str = ORACLE

    holds = "an oracle's choice"
    written_by = "`xlpl tune --oracle`"

    @property
    def best(self) -> Trial:
        return self.trials[0]

    @property
    def regret(self) -> float | None:
        """Word error rate of the label-free choice minus that of the best trial, as a fraction."""
        return None if self.label_free is None else self.label_free.value - self.best.value


def tune_oracle(config: TuneConfig, references: str | Path, *, force: bool = False) -> Oracle:
    """Search the weights with the lowest word error rate on the sample; write ``oracle.json`` and ``oracle.png``.

    Args:
        config: as for ``tune``; sample, trials and ranges are the same, so that the two can be compared.
        references: prepared folder with the transcripts of ``config.split``.

    Raises:
        XlplError: results are there already (without ``force``), an utterance without a reference, broken input.
    """
    out = Path(config.out)
    file = new_output(out / ORACLE_FILE, force=force)
    ground = TuningObjective(config)
    sample, search = ground.sample, ground.search
    texts = _references(references, config, sample.ids)

    def evaluate(weights: Weights, hypotheses: Sequence[Hypothesis]) -> Trial:
        counts = count_words(texts, [" ".join(hypothesis.words) for hypothesis in hypotheses])
        rate = int(counts.errors.sum()) / max(1, int(counts.length.sum()))
        return replace(ground.score(weights, hypotheses), value=rate, refused="")

    with DecoderPool(replace(config.decoder, beam=search.beam, nbest=1), sample.units, config.workers) as pool:
        label_free = None
        if (out / TUNE_FILE).exists():
            [decoding] = sample.decode(pool, [read_tuning(out).best])
            label_free = evaluate(decoding.weights, decoding.hypotheses)
        trials = search_weights(pool, sample, search, evaluate)
    oracle = Oracle(tuple(trials), label_free, len(sample), asdict(config))
    oracle.write(file)
    draw_trials(out / PICTURE_FILE, trials, oracle.best.weights, title=ORACLE, scale="word error rate", percent=True)
    return oracle


def _references(folder: str | Path, config: TuneConfig, ids: Sequence[str]) -> list[str]:
    """Return the references of ``ids``; romanised where decoding without a lexicon gives romanised words."""
    texts = read_references(folder, config.split).text("native" if config.decoder.lexicon else "romanised")
    missing = [name for name in ids if name not in texts]
    if missing:
        raise XlplError(
            f"no reference of {missing[0]!r} and {len(missing) - 1} more utterances",
            file=Path(folder) / f"{config.split}.tsv",
            expected="the transcripts of every utterance of the split that is tuned on",
        )
    return [texts[name] for name in ids]
