"""How long the steps of a run will take: from those that are done, else from a few updates of the training itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from xlpl_plugin.data.manifest import Manifest, read_manifest
from xlpl_plugin.run.dry_run.probe import Speed
from xlpl_plugin.run.plan.steps import Continue, Divide, DrawSample, Emit, Label, Step, Train, Tune
from xlpl_plugin.run.state import RunState
from xlpl_plugin.run.training.command import max_update
from xlpl_plugin.stage import SOURCE

# a forward pass against forward and backward of a training
_FORWARD = 1 / 3
# seconds of audio that one process searches in a second with a weak AM: at beam 500, and at the beam of 50 with which
# weights are tried (benchmarks/README.md)
_SEARCH, _TRIAL = 80.0, 800.0
# steps that only read and write files
_SMALL = 3.0

# how fast a training is; None where there is nothing to time it on
Probe = Callable[[Train], Speed | None]


@dataclass(frozen=True)
class Estimate:
    """Seconds that a step takes, and how that is known: done, like NAME, probed, assumed; unknown: None."""

    seconds: float | None
    basis: str


class Estimator:
    """Estimates the steps of a plan.

    Args:
        probe: measures the speed of a training on this machine.
    """

    def __init__(
        self, plan: Sequence[Step], state: RunState, marks: Mapping[str, str], workers: int, probe: Probe
    ) -> None:
        self._plan, self._workers = plan, workers
        self._done = {step.name: step for step in plan if state.is_done(step.name, marks[step.name])}
        self._seconds = {name: entry.seconds for name in self._done if (entry := state[name]) is not None}
        self._timed: dict[tuple[str, ...], Speed | None] = {}
        self._time = probe

    def estimate(self, step: Step) -> Estimate:
        if step.name in self._done:
            return Estimate(self._seconds[step.name], "done")
        return self._train(step) if isinstance(step, Train) else self._other(step)

    def _train(self, step: Train) -> Estimate:
        updates = max_update(step)
        if not updates:
            return Estimate(None, "no optimization.max_update")
        if isinstance(step, Continue):
            return self._continue(step, updates)
        for done in reversed(self._done.values()):
            length = max_update(done) if isinstance(done, Train) and _alike(done, step) else None
            if length:
                return Estimate(self._seconds[done.name] * updates / length, f"like {done.name}")
        speed = self._probe(step)
        return Estimate(updates * speed.update, "probed") if speed else Estimate(None, "unknown")

    def _continue(self, step: Continue, updates: int) -> Estimate:
        """Estimate the continuous phase as an update of a student for each of its own."""
        student = next((s for s in reversed(self._plan) if type(s) is Train and s.stage > SOURCE), None)
        length = max_update(student) if student else None
        known = self.estimate(student) if student else None
        if not student or not length or known is None or known.seconds is None:
            return Estimate(None, "unknown")
        return Estimate(known.seconds * updates / length, f"like {student.name}")

    def _probe(self, step: Train) -> Speed | None:
        """Time each kind of training once, however many rounds have it."""
        training = step.training
        kind = (training.config_dir, training.config_name, *(o for o in training.overrides if "optimization." not in o))
        if kind not in self._timed:
            self._timed[kind] = self._time(step)
        return self._timed[kind]

    def _other(self, step: Step) -> Estimate:
        task = step.name.partition("/")[2]
        for done in reversed(self._done.values()):
            if type(done) is type(step) and done.name.partition("/")[2] == task:
                return Estimate(self._seconds[done.name], f"like {done.name}")
        if isinstance(step, Emit):
            return self._emit(step)
        if isinstance(step, Label):
            return Estimate(self._audio(step.config.data, step.config.split) / _SEARCH / self._workers, "assumed")
        if isinstance(step, Tune):
            return self._tune(step)
        return Estimate(_SMALL, "assumed")

    def _emit(self, step: Emit) -> Estimate:
        training = next((known for known in self._plan if isinstance(known, Train)), None)
        speed = self._probe(training) if training else None
        if not speed:
            return Estimate(None, "unknown")
        audio = self._audio(step.config.data, step.config.split)
        return Estimate(_FORWARD * speed.update / speed.audio * audio, "probed")

    def _tune(self, step: Tune) -> Estimate:
        search = step.config.search
        manifest = self._manifest(step.config.data, step.config.split)
        share = min(1.0, search.sample / max(1, len(manifest.utterances)))
        sample = share * manifest.seconds
        trials = (search.trials + search.local_trials) * sample / _TRIAL
        beams = sample / _SEARCH * 2 if search.beams else 0.0  # the beams tried double, so the last is half of all
        return Estimate((trials + beams) / self._workers, "assumed")

    def _audio(self, data: str, split: str) -> float:
        return self._manifest(data, split).seconds

    def _manifest(self, data: str, split: str) -> Manifest:
        """Return the recordings of a folder; of one that the run makes, about as many as it will hold."""
        if data not in self._shares:
            return read_manifest(data, split, labels=False)
        source, share = self._shares[data]
        whole = self._manifest(source, split)
        return Manifest(whole.root, whole.utterances[: math.ceil(share * len(whole.utterances))])

    @cached_property
    def _shares(self) -> dict[str, tuple[str, float]]:
        """Folders of recordings that the run makes: each is a share of another folder."""
        drawn = {step.out: (step.data, step.share) for step in self._plan if isinstance(step, DrawSample)}
        divided = {
            str(step.audio_of(fold)): (step.audio, 1 / step.folds)
            for step in self._plan
            if isinstance(step, Divide)
            for fold in range(1, step.folds + 1)
        }
        return drawn | divided


def _alike(done: Train, step: Train) -> bool:
    """Whether two trainings are of one kind: of source models, or of students."""
    first, second = (
        (train.training.config_dir, train.training.config_name, train.stage == SOURCE) for train in (done, step)
    )
    return first == second


def hours(seconds: float) -> str:
    """Write a duration.

    >>> hours(40), hours(400), hours(40_000)
    ('40 s', '7 min', '11.1 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def stand_in(plan: Sequence[Step], step: Train) -> str:
    """Return a labelled folder on which a training can be timed before its own data exist; '' if the run has none."""
    trainings = [known for known in plan if isinstance(known, Train)]
    folders = [folder for train in (step, *trainings) for folder in (train.data, *train.training.mix)]
    return next((folder for folder in folders if (Path(folder) / "train.ltr").exists()), "")
