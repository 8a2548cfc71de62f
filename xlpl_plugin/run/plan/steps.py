"""The kinds of step that a run is made of. A step is data: what it reads, what it writes, with which options.

``out`` is what the step writes, inside the run directory, and what is removed before it is done over. ``needs``
names the steps whose output it reads; ``inputs`` the files from outside the run whose content it depends on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from xlpl_plugin.decoding.options import DecoderConfig
from xlpl_plugin.labelling.filters import FilterConfig
from xlpl_plugin.monitoring.signals import SignalsConfig
from xlpl_plugin.tuning.weight_search import SearchConfig

# the "round" of the steps that make source acoustic models, before round 0
SOURCE = -1


@dataclass(frozen=True, kw_only=True)
class Step:
    """What all kinds have."""

    name: str
    round: int
    out: str
    needs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Gather(Step):
    """Put labels of the target's train and valid splits together as one folder that fairseq reads."""

    train: str
    valid: str
    train_split: str
    valid_split: str


@dataclass(frozen=True, kw_only=True)
class Train(Step):
    """Train an acoustic model on ``data`` in a child process; its checkpoints go to ``out``/checkpoints.

    ``makes`` is the checkpoint there that the next step reads ('' where it reads several).
    """

    data: str
    makes: str
    config_dir: str
    config_name: str
    overrides: tuple[str, ...]
    init_from: str = ""
    mix: tuple[str, ...] = ()
    mix_weights: tuple[float, ...] = ()

    @property
    def checkpoints(self) -> Path:
        return Path(self.out) / "checkpoints"

    @property
    def model(self) -> Path:
        return self.checkpoints / self.makes


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
    """Write the weights alone of that of a training's last ``count`` checkpoints which hears the target best.

    Judged without labels, on a sample of the target's train split, with weights as in Label and a length as in Tune.
    """

    checkpoints: str
    count: int
    data: str
    split: str
    decoder: DecoderConfig
    search: SearchConfig
    tuning: str
    length_from: str


@dataclass(frozen=True, kw_only=True)
class Sample(Step):
    """Draw a share of a split's recordings; ``out`` is a folder with their manifest."""

    data: str
    split: str
    share: float


@dataclass(frozen=True, kw_only=True)
class Emit(Step):
    """Store the log-probs of an acoustic model for one split of the target."""

    am: str
    data: str
    split: str


@dataclass(frozen=True, kw_only=True)
class Tune(Step):
    """Choose the decoder's weights on the train split without labels.

    ``length_from`` is the tuning of round 0 ('' there): students are held to as many units as the source AM expected.
    """

    am: str
    data: str
    split: str
    emissions: str
    decoder: DecoderConfig
    search: SearchConfig
    length_from: str


@dataclass(frozen=True, kw_only=True)
class Label(Step):
    """Label one split, with the weights that the tuning in ``tuning`` chose (empty: the decoder's own)."""

    am: str
    data: str
    split: str
    emissions: str
    decoder: DecoderConfig
    filter: FilterConfig
    tuning: str


@dataclass(frozen=True, kw_only=True)
class Vote(Step):
    """Put labels of the same split by several acoustic models to the vote; filters see the outcome."""

    labels: tuple[str, ...]
    data: str
    split: str
    filter: FilterConfig


@dataclass(frozen=True, kw_only=True)
class Measure(Step):
    """Measure how the labelling of the train split went, without references, and compare with the rounds before."""

    labels: str
    emissions: str
    # of the valid split, for the score on audio that no student has trained on
    valid_labels: str
    # as in the round's Label steps
    decoder: DecoderConfig
    tuning: str
    # criterion and judging LM of the label-free score
    search: SearchConfig
    signals: SignalsConfig
    # labelled folders of the source languages
    sources: tuple[str, ...]
    # train.log of the student that labelled ('' in round 0, whose model learnt from no pseudo-labels)
    training_log: str
    # signals.json of round 0 to the one that the labels are compared with; the labels of that one ('' in round 0)
    history: tuple[str, ...]
    previous: str


def fingerprints(plan: Sequence[Step], digest: Callable[[str], str]) -> dict[str, str]:
    """Return for each step a hash of all that decides its result: options, outside files, and the steps it needs."""
    result: dict[str, str] = {}
    for step in plan:
        told = {
            "kind": type(step).__name__,
            "options": asdict(step),
            "inputs": [digest(path) for path in step.inputs],
            "needs": [result[name] for name in step.needs],
        }
        result[step.name] = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return result
