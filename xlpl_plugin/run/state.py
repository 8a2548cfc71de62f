"""Which steps of a run are done: ``state.json``, written atomically after each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import read_json, write_json
from xlpl_plugin.run.plan.steps import Step
from xlpl_plugin.stage import Stage


@dataclass(frozen=True)
class Progress:
    """What is known of one step. ``fingerprint`` stands for all that decides its result."""

    fingerprint: str
    # false: it was begun, and what it wrote may be half
    done: bool
    finished: str = ""
    seconds: float = 0.0


class RunState:
    """The steps begun and done so far; every change is on disk when the call returns."""

    def __init__(self, file: str | Path) -> None:
        self.file = Path(file)
        self._steps: dict[str, Progress] = {}
        self._redo_from: str | None = None
        if self.file.exists():
            try:
                stored = read_json(self.file)
                self._steps = {name: Progress(**entry) for name, entry in stored["steps"].items()}
                self._redo_from = stored.get("redo_from")
            except (KeyError, TypeError, AttributeError) as error:
                raise XlplError(
                    f"not the state of a run ({error})",
                    file=self.file,
                    expected="what 'xlpl iterate' wrote",
                    remedy="choose another run directory, or delete this one",
                ) from error

    def __getitem__(self, name: str) -> Progress | None:
        return self._steps.get(name)

    def is_done(self, name: str, fingerprint: str) -> bool:
        progress = self._steps.get(name)
        return progress is not None and progress.done and progress.fingerprint == fingerprint

    def is_other(self, name: str, fingerprint: str) -> bool:
        """Whether the step was begun or done with other options or inputs than those of ``fingerprint``."""
        progress = self._steps.get(name)
        return progress is not None and progress.fingerprint != fingerprint

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
        steps = {key: asdict(value) for key, value in self._steps.items()}
        write_json(self.file, {"steps": steps, "redo_from": self._redo_from})
