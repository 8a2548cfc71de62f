"""The kinds of step that a run is made of. A step is data: what it reads, what it writes, with which configuration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xlpl_plugin.emissions.compute import EmitConfig
from xlpl_plugin.labelling.label_split import LabelConfig
from xlpl_plugin.labelling.vote import VoteConfig
from xlpl_plugin.monitoring.measure import MeasureConfig
from xlpl_plugin.run.config import CorrectionsConfig, TrainingConfig
from xlpl_plugin.stage import Stage
from xlpl_plugin.tuning.choose_checkpoint import SelectConfig
from xlpl_plugin.tuning.tune import TuneConfig


@dataclass(frozen=True, kw_only=True)
class Step:
    """What all kinds have.

    Attributes:
        out: what the step writes, inside the run directory; it is removed before the step is done over.
        needs: names of the steps whose output it reads.
        inputs: files from outside the run whose content it depends on.
    """

    name: str
    stage: Stage
    out: str
    needs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Collect(Step):
    """Put labels of the target's train and valid splits together as one folder that fairseq reads.

    ``drop_unsure_words`` is the share of the words of train that is left out, with their audio, where their
    confidence is lower than ``unsure_below``.
    """

    train: str
    valid: str
    train_split: str
    valid_split: str
    drop_unsure_words: float = 0.0
    unsure_below: float = 1.0


@dataclass(frozen=True, kw_only=True)
class CollectCorrected(Collect):
    """Collect labels, and put transcripts by a person in their place or beside them.

    ``data`` is the target's prepared folder, ``lexicon`` the decoder's ('' for none).
    """

    data: str
    corrections: tuple[CorrectionsConfig, ...]
    lexicon: str


@dataclass(frozen=True, kw_only=True)
class Divide(Step):
    """Divide recordings, and labels of some of them, among the students of a round with folds.

    Attributes:
        data: prepared folder of the target, whose train split ``split`` is divided.
        audio: folder with the recordings of it that the round labels.
        labels: folder with what the round's students learn from.
    """

    data: str
    split: str
    audio: str
    labels: str
    folds: int

    def audio_of(self, fold: int) -> Path:
        """Return the folder of the recordings that a student labels, from 1."""
        return Path(self.out) / str(fold) / "audio"

    def data_of(self, fold: int) -> Path:
        """Return the folder that a student learns from: labels of all but its own recordings."""
        return Path(self.out) / str(fold) / "data"


@dataclass(frozen=True, kw_only=True)
class Train(Step):
    """Train an acoustic model on ``data`` in a child process; its checkpoints go to ``out``/checkpoints."""

    data: str
    training: TrainingConfig
    init_from: str = ""

    @property
    def checkpoints(self) -> Path:
        return Path(self.out) / "checkpoints"

    @property
    def model(self) -> Path:
        """The checkpoint that the next step reads; the folder where it reads several."""
        one = {"last": "checkpoint_last.pt", "best": "checkpoint_best.pt", "ema": "checkpoint_last.pt"}
        return self.checkpoints / one.get(self.training.checkpoint, "")


@dataclass(frozen=True, kw_only=True)
class Continue(Train):
    """Train on while the model itself labels ``unlabelled``, a prepared folder; ``data`` is the labelled part.

    With a lexicon or an LM the labels are searched, else greedy.
    """

    unlabelled: str
    unlabelled_split: str
    lexicon: str = ""
    lm: str = ""


@dataclass(frozen=True, kw_only=True)
class Extract(Step):
    """Write the weights alone of a training's model, or of the mean of its last ``count`` checkpoints.

    ``how`` is last, best, average or ema. What later steps read is this file; the checkpoints may be pruned then.
    """

    checkpoints: str
    how: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Select(Step):
    """Write the weights alone of that of a training's last ``count`` checkpoints which labels the target best.

    ``config`` names no checkpoints: which there are, the training tells.
    """

    checkpoints: str
    count: int
    config: SelectConfig


@dataclass(frozen=True, kw_only=True)
class DrawSample(Step):
    """Draw a share of a split's recordings; ``out`` is a folder with their manifest."""

    data: str
    split: str
    share: float


@dataclass(frozen=True, kw_only=True)
class Emit(Step):
    """Store the log-probs of an acoustic model for one split of the target."""

    config: EmitConfig


@dataclass(frozen=True, kw_only=True)
class Tune(Step):
    """Choose the decoder's weights on the train split without labels."""

    config: TuneConfig


@dataclass(frozen=True, kw_only=True)
class Label(Step):
    """Label one split from stored log-probs."""

    config: LabelConfig


@dataclass(frozen=True, kw_only=True)
class Vote(Step):
    """Put labels of the same split by several acoustic models to the vote; filters see the outcome."""

    config: VoteConfig


@dataclass(frozen=True, kw_only=True)
class CrossLabels(Vote):
    """Put together labels of parts of a split, each by the student that did not learn from its part."""


@dataclass(frozen=True, kw_only=True)
class Measure(Step):
    """Measure how the labelling of the train split went, without references, and compare with the rounds before.

    Attributes:
        history: signals.json of round 0 to the round that the labels are compared with.
        weights_from: folder of the tuning whose weights the labels were decoded with ('' for the configured ones).
    """

    config: MeasureConfig
    history: tuple[str, ...]
    weights_from: str


# options that steps came to have, as they are where they do nothing
LATER = {"drop_unsure_words": Collect.drop_unsure_words, "unsure_below": Collect.unsure_below}


def step_options(step: Step) -> dict[str, Any]:
    """Return a step's options; what is off and came later does not count, so that runs of earlier versions go on."""
    options = {name: value for name, value in asdict(step).items() if name not in LATER or value != LATER[name]}
    config = options.get("config", {})
    for place, name in ((config, "bf16"), (config.get("search", {}), "word_length")):
        if not place.get(name):
            place.pop(name, None)
    return options


def fingerprints(plan: Sequence[Step], digest: Callable[[str], str]) -> dict[str, str]:
    """Return for each step a hash of all that decides its result: options, outside files, and the steps it needs."""
    result: dict[str, str] = {}
    for step in plan:
        parts = {
            "kind": type(step).__name__,
            "options": step_options(step),
            "inputs": [digest(path) for path in step.inputs],
            "needs": [result[name] for name in step.needs],
        }
        result[step.name] = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return result
