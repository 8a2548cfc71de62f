"""Work that jobs do: sent, waited for, found again by the next call, and sent once more where a job is lost."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from xlpl_plugin.errors import XlplError
from xlpl_plugin.executors.engines import JobEngine
from xlpl_plugin.executors.slurm import JobState
from xlpl_plugin.files import make_folder, read_end
from xlpl_plugin.json_record import JsonRecord

_SENT = "sent.json"
# seconds for which an engine may not answer while jobs are at work: its controller may be started anew
_SILENCE = 600.0


@dataclass(frozen=True)
class Sent(JsonRecord):
    """``sent.json``: the parts that the jobs of one folder do, in the jobs' order; written before they are sent."""

    parts: tuple[int, ...]

    holds = "the record of jobs that were sent"
    written_by = "`xlpl iterate`"


@dataclass(frozen=True)
class JobOutcome(JsonRecord):
    """``part-N.json``: how a part ended, written by the job itself.

    Attributes:
        told: what there is to tell of it.
        error: why it cannot be done, however often it is tried; '' for other ends.
        failure: what broke it off, and need not do so again; '' for other ends.
    """

    told: str = ""
    error: str = ""
    failure: str = ""

    holds = "the outcome of a job"
    written_by = "a job of `xlpl iterate`"

    @property
    def done(self) -> bool:
        return not self.error and not self.failure


@dataclass(frozen=True)
class Work:
    """A step that jobs do.

    Attributes:
        name: the step's.
        folder: for records and logs; taken away when all is done.
        parts: how many there are, counted from 1.
        command: returns what does a part and writes its outcome to a file.
        tries: how often a part is sent.
    """

    name: str
    folder: Path
    parts: int
    command: Callable[[int, Path], Sequence[str]]
    tries: int


@dataclass
class _Batch:
    """Jobs that were sent together from one folder.

    Attributes:
        open: the parts that are not known to have ended.
    """

    folder: Path
    parts: tuple[int, ...]
    open: set[int] = field(default_factory=set)

    def outcome_file(self, part: int) -> Path:
        return self.folder / f"part-{part}.json"

    def outcomes(self) -> dict[int, JobOutcome]:
        """Return the outcomes of open parts that can be seen on this machine."""
        seen = set(os.listdir(self.folder))  # asks a network disk anew, which a look at a single file may not
        return {
            part: JobOutcome.read(self.outcome_file(part)) for part in self.open if self.outcome_file(part).name in seen
        }


def carry_out(work: Work, engine: JobEngine) -> list[JobOutcome]:
    """Have jobs do all parts; return their outcomes, in the order of the parts.

    What jobs of a former call have done, or are at, is not sent again. A job that is lost, ended by the engine or
    killed is told with its reason and sent again.

    Raises:
        XlplError: a part cannot be done (in its own words), or has failed ``tries`` times; jobs that wait for what will
            never be; the engine refuses the jobs or does not answer. Other parts' jobs go on, and the next call finds
            them.
    """
    waiting = _Waiting(work, engine)
    try:
        with tqdm(total=work.parts, desc=work.name, unit="part", disable=None) as bar:
            while True:
                waiting.look()
                bar.update(len(waiting.done) - bar.n)
                if len(waiting.done) == work.parts:
                    break
                waiting.send_missing()
                time.sleep(engine.pause)
            waiting.let_end()
    except KeyboardInterrupt:
        _say(f"{work.name}: its jobs go on; the same command finds them")
        raise
    shutil.rmtree(work.folder, ignore_errors=True)
    return [waiting.done[part] for part in range(1, work.parts + 1)]


def clear(folder: Path, engines: Sequence[JobEngine]) -> None:
    """End the jobs that former calls sent from ``folder``, and take it away.

    Raises:
        XlplError: an engine does not answer, or its jobs do not end.
    """
    for batch in _batches(folder):
        for engine in engines:
            deadline = time.monotonic() + _SILENCE
            while any(state.alive for state in engine.states(batch.folder, len(batch.parts))):
                engine.end(batch.folder)
                if time.monotonic() > deadline:
                    raise XlplError("jobs of a former call do not end", file=batch.folder, expected="jobs that end")
                time.sleep(engine.pause)
    if folder.exists():
        shutil.rmtree(folder)


class _Waiting:
    """What is known of a work's parts."""

    def __init__(self, work: Work, engine: JobEngine) -> None:
        self._work, self._engine = work, engine
        self.done: dict[int, JobOutcome] = {}
        self._failures: dict[int, list[str]] = defaultdict(list)
        self._gone: dict[int, float] = {}  # since when a part's job has ended without an outcome
        self._told: set[str] = set()
        self._answered = time.monotonic()
        self._batches = list(_batches(work.folder))
        self._adopt()

    def _adopt(self) -> None:
        """Go on with what former calls left: what is done, and what is under way."""
        for batch in self._batches:
            states = self._engine.states(batch.folder, len(batch.parts))
            batch.open = set(batch.parts)
            outcomes = batch.outcomes()
            self.done.update({part: outcome for part, outcome in outcomes.items() if outcome.done})
            alive = {part for part, state in zip(batch.parts, states, strict=True) if state.alive}
            batch.open = alive - set(outcomes)  # a job that has refused its part may be about to end
        if found := sum(len(batch.open) for batch in self._batches):
            _say(f"{self._work.name}: jobs of a former call are at {found} of {self._work.parts} parts")

    def look(self) -> None:
        """Ask how the jobs stand."""
        for batch in self._batches:
            if batch.open:
                states = self._states(batch)  # asked before the outcomes are read: what was written before is read
                self._take(batch, batch.outcomes())
                for part, state in states.items():
                    if part in batch.open:
                        self._judge(batch, part, state)

    def _states(self, batch: _Batch) -> dict[int, JobState]:
        """Return how a batch's jobs stand, by their parts; nothing while the engine does not answer."""
        try:
            states = self._engine.states(batch.folder, len(batch.parts))
        except XlplError as error:
            if time.monotonic() > self._answered + _SILENCE:
                raise
            self._tell(f"{error.problem}; its jobs are waited for")
            return {}
        self._answered = time.monotonic()
        return dict(zip(batch.parts, states, strict=True))

    def _take(self, batch: _Batch, outcomes: dict[int, JobOutcome]) -> None:
        for part, outcome in outcomes.items():
            if outcome.error:
                raise XlplError(
                    f"{self._part(part)} cannot be done: {outcome.error}",
                    file=self._log(batch, part),
                    remedy="mend that, and give the same command again; what is done is kept, jobs under way go on",
                )
            if outcome.failure:
                self._give_up(batch, part, JobState(False, "FAILED"), outcome.failure)
            else:
                self.done[part] = outcome
                batch.open.discard(part)

    def _judge(self, batch: _Batch, part: int, state: JobState) -> None:
        """Say what a job waits for; give a part up whose job has ended without a word."""
        if state.alive:
            self._gone.pop(part, None)
            if state.hopeless:
                self._engine.end(batch.folder)
                raise XlplError(
                    f"{self._work.name}: its jobs would wait for ever ({state.reason}), and were cancelled",
                    expected="jobs that Slurm can start",
                    remedy=f"{state.hopeless}; then give the same command again",
                )
            if state.reason not in ("", "None", "Priority", "Resources"):
                self._tell(f"jobs wait: {state.reason}")
            return
        since = self._gone.setdefault(part, time.monotonic())
        # of a job that Slurm ended nothing more will come; else its outcome may not be seen here yet
        late = state.word in ("", "COMPLETED") and time.monotonic() < since + self._engine.patience
        if late:
            self._tell(f"{self._part(part)} has ended; its files are waited for, {self._engine.patience:.0f} s at most")
            return
        self._give_up(batch, part, state)

    def _give_up(self, batch: _Batch, part: int, state: JobState, words: str = "") -> None:
        batch.open.discard(part)
        self._gone.pop(part, None)
        log = self._log(batch, part)
        if not words and state.word in ("", "COMPLETED", "FAILED"):  # else Slurm's own word says it
            words = _last_line(log)
        reason = f"{state.told}{f' ({words})' if words else ''}"
        self._failures[part].append(reason)
        failures = self._failures[part]
        if len(failures) >= self._work.tries:
            told = "\n    ".join(f"{number}. {one}" for number, one in enumerate(failures, 1))
            raise XlplError(
                f"{self._part(part)} failed {len(failures)} times:\n    {told}",
                file=log or batch.folder,
                expected="a job that comes to its end",
                remedy="out of memory or time: raise memory or minutes of its kind in labelling; then give the same "
                "command again, which keeps what is done",
            )
        _say(f"{self._part(part)}: its job {reason}; sent again ({len(failures) + 1} of {self._work.tries})")

    def send_missing(self) -> None:
        """Send the parts that are neither done nor under way."""
        busy = set().union(*(batch.open for batch in self._batches))
        missing = tuple(part for part in range(1, self._work.parts + 1) if part not in busy and part not in self.done)
        if not missing:
            return
        folder = make_folder(self._work.folder / f"send-{len(self._batches) + 1}")
        batch = _Batch(folder, missing, set(missing))
        Sent(missing).write(folder / _SENT)
        self._batches.append(batch)
        self._engine.send(folder, [self._work.command(part, batch.outcome_file(part)) for part in missing])

    def let_end(self) -> None:
        """Wait a while for jobs that have told their outcomes: one whose folder has gone ends as a failed job."""
        deadline = time.monotonic() + self._engine.patience
        while any(state.alive for batch in self._batches for state in self._states(batch).values()):
            if time.monotonic() > deadline:
                break
            time.sleep(self._engine.pause)

    def _part(self, part: int) -> str:
        return self._work.name if self._work.parts == 1 else f"{self._work.name}, part {part}/{self._work.parts}"

    def _log(self, batch: _Batch, part: int) -> Path | None:
        return self._engine.log(batch.folder, batch.parts.index(part))

    def _tell(self, text: str) -> None:
        """Say something once."""
        if text not in self._told:
            self._told.add(text)
            _say(f"{self._work.name}: {text}")


def _batches(folder: Path) -> Iterator[_Batch]:
    """Yield what was sent from a work's folder, the oldest first."""
    for number in range(1, len(list(folder.glob("send-*"))) + 1):
        batch = folder / f"send-{number}"
        sent = Sent.read_if_there(batch / _SENT)
        yield _Batch(batch, sent.parts if sent else ())


def _last_line(log: Path | None) -> str:
    """Return the last line of a log that says something."""
    lines = read_end(log).replace("\r", "\n").splitlines() if log else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _say(text: str) -> None:
    tqdm.write(text, file=sys.stderr)
