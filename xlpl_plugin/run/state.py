"""Which steps of a run are done: ``state.json``, written atomically after each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from xlpl_plugin.errors import XlplError
from xlpl_plugin.json_record import JsonRecord
from xlpl_plugin.run.plan.steps import Step
from xlpl_plugin.stage import Stage

# of a run's folder: raised where names or contents in it change so that runs cannot be gone on with
FORM = 2


@dataclass(frozen=True)
class Progress:
    """What is known of one step. ``fingerprint`` stands for all that decides its result."""

    fingerprint: str
    # false: it was begun, and what it wrote may be half
    done: bool
    finished: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class StateFile(JsonRecord):
    """``state.json``.

    Attributes:
        steps: by their names.
        redo_from: folder of the stage from which steps were to be done again, until the run has come to its end.
        form: of the run's folder; the first version did not write it.
    """

    steps: Mapping[str, Progress]
    redo_from: str | None = None
    form: int = 1

    holds = "the state of a run"
    written_by = "`xlpl iterate`"


class RunState:
    """The steps begun and done so far; every change is on disk when the call returns."""

    def __init__(self, file: str | Path) -> None:
        self.file = Path(file)
        stored = StateFile.read_if_there(self.file)
        if stored and stored.form != FORM:
            raise XlplError(
                f"a run of another version of xlpl (its folder has form {stored.form})",
                file=self.file,
                expected=f"a run that this version began (form {FORM})",
                remedy="choose another out=..., or go on with the version that began it; `xlpl score` reads its labels",
            )
        self._steps: dict[str, Progress] = dict(stored.steps) if stored else {}
        self._redo_from = stored.redo_from if stored else None

    def __getitem__(self, name: str) -> Progress | None:
        return self._steps.get(name)

    def is_done(self, name: str, fingerprint: str) -> bool:
        progress = self._steps.get(name)
        return progress is not None and progress.done and progress.fingerprint == fingerprint

    def is_other(self, name: str, fingerprint: str) -> bool:
        """Return whether the step was begun or done with other options or inputs than those of ``fingerprint``."""
        progress = self._steps.get(name)
        return progress is not None and progress.fingerprint != fingerprint

    def begun_in(self, stage: Stage) -> list[str]:
        """Return the names of the steps of ``stage`` that were begun or done."""
        return [name for name in self._steps if name.partition("/")[0] == stage.folder]

    def redo(self, plan: Sequence[Step], stage: Stage) -> None:
        """Forget that the steps of ``stage`` and later ones were done, so that they are begun anew.

        Does nothing where that has been asked for and the run has not come to its end since: then the same command
        goes on.
        """
        if self._redo_from == stage.folder:
            return
        self._redo_from = stage.folder
        kept = {step.name for step in plan if step.stage < stage}
        self._steps = {name: progress for name, progress in self._steps.items() if name in kept}
        self._write()

    def end(self) -> None:
        """Note that the run has come to its end."""
        if self._redo_from is not None:
            self._redo_from = None
            self._write()

    def begin(self, name: str, fingerprint: str) -> None:
        self._set(name, Progress(fingerprint, done=False))

    def finish(self, name: str, fingerprint: str, seconds: float) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._set(name, Progress(fingerprint, done=True, finished=now, seconds=round(seconds, 1)))

    def _set(self, name: str, progress: Progress) -> None:
        self._steps[name] = progress
        self._write()

    def _write(self) -> None:
        StateFile(self._steps, self._redo_from, FORM).write(self.file)
