"""Runs as `xlpl iterate` leaves them, made of its own classes, without the training and the decoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from xlpl_plugin.decoding import Weights
from xlpl_plugin.files import read_json, write_json, write_lines, write_text
from xlpl_plugin.labelling.records import LabelRecord, record_line
from xlpl_plugin.monitoring.signals import Alarm, Signals
from xlpl_plugin.report.stages import CONTINUOUS, stage_of
from xlpl_plugin.run.layout import RunLayout

# the labels of each round: id -> words, units of the greedy output, confidence
ROUNDS: tuple[Mapping[str, tuple[str, str, float]], ...] = (
    {
        "a": ("habari ya asubuhi", "h a b a r i | a s u |", 0.30),
        "b": ("доброе утро", "d o b r o |", 0.20),
        "c": ("", "", 0.0),
        "d": ("moja", "m o j a |", 0.90),
    },
    {
        "a": ("habari za asubuhi njema", "h a b a r i | z a | a s u b u h i |", 0.50),
        "b": ("доброе утро", "d o b r o e | u t r o |", 0.60),
        "c": ("mbili", "m b i l i |", 0.40),
        "d": ("moja", "m o j a |", 0.95),
    },
)
SCORES = (("zero-shot", 0.7), ("round 1", 0.5), ("topline", 0.2))


def record(key: str, words: str, greedy: str, confidence: float) -> LabelRecord:
    return LabelRecord(
        id=key,
        words=tuple(words.split()),
        units=greedy,
        am_score=-1.0,
        lm_score=-1.0,
        score=-2.0,
        frames=10,
        starts=(),
        seconds=1.5,
        confidence=confidence,
        agreement=0.5,
        greedy=greedy,
        greedy_score=-1.0,
        kept=bool(words),
        reason="" if words else "empty: no word",
    )


def write_labels(folder: Path, labels: Sequence[LabelRecord]) -> None:
    write_lines(folder / "labels.jsonl", map(record_line, labels))
    kept = [label for label in labels if label.kept]
    rows = [
        {"name": "failed", "removed": 0, "removed_seconds": 0.0, "left": len(labels)},
        {"name": "empty", "removed": len(labels) - len(kept), "removed_seconds": 1.5, "left": len(kept)},
    ]
    summary = {
        "utterances": len(labels),
        "kept": len(kept),
        "seconds": 1.5 * len(labels),
        "kept_seconds": 1.5 * len(kept),
        "words": sum(len(label.words) for label in kept),
        "filters": rows,
    }
    write_json(folder / "provenance.json", {"summary": summary, "reasons": {"empty": len(labels) - len(kept)}})


def signals(label_free: float, **others: Any) -> Signals:
    values: dict[str, Any] = {
        "utterances": 4,
        "blank_share": 0.5,
        "empty_share": 0.25,
        "kept_share": 0.75,
        "letters_per_second": 10.0,
        "greedy_letters_per_second": 11.0,
        "vocabulary": 6,
        "top_word_share": 0.2,
        "agreement": 0.6,
        "confidence": 0.4,
    }
    return Signals(**{**values, "label_free": label_free, **others})


def write_signals(run: Path, number: int, measured: Signals, alarms: Sequence[Alarm] = ()) -> None:
    told = {"round": number, "weights": {"lm_weight": 2.0, "word_score": -0.5}, "signals": asdict(measured)}
    write_json(RunLayout(run).signals(stage_of(number)), {**told, "alarms": [asdict(a) for a in alarms]})


def write_tuning(folder: Path) -> None:
    trials = [
        {"weights": asdict(Weights(1.0 + 0.5 * i, -1.0 + 0.4 * i)), "value": 0.5 + 0.1 * (i - 2) ** 2, "refused": ""}
        for i in range(5)
    ]
    trials[-1]["refused"] = "4 of 4 empty"
    best = trials[2]["weights"]
    told = {"best": best, "beam": 50, "criterion": "edits_and_lm", "trusted": True, "trials": trials}
    write_json(folder / "tune.json", told)


def write_log(folder: Path, losses: Sequence[str] = ("4.0", "2.0")) -> None:
    def line(kind: str, told: str) -> str:
        return f"[2026-01-01 00:00:00,000][{kind}][INFO] - {{{told}}}"

    lines = [
        line("train_inner", f'"epoch": 1, "loss": "{loss}", "num_updates": "{20 * i}"')
        for i, loss in enumerate(losses, start=1)
    ]
    told = '"epoch": 1, "valid_loss": "3.5", "valid_uer": "40.5", "valid_num_updates": "40"'
    write_lines(folder / "train.log", [*lines, line("valid", told)])
    write_text(folder / "command.txt", "fairseq-hydra-train --config-name train task.data=<here>\n")


def write_steps(run: Path, minutes: Mapping[str, int | None]) -> None:
    """Write plan and state of steps each of which needs the one before; None: begun and not done; -1: not begun."""
    plan, state = [], {}
    before: list[str] = []
    for name, minute in minutes.items():
        plan.append({"kind": "Any", "name": name, "needs": before})
        before = [name]
        if minute is None:
            state[name] = {"fingerprint": name, "done": False, "finished": "", "seconds": 0.0}
        elif minute >= 0:
            finished = f"2026-01-01T00:{minute:02}:00+00:00"
            state[name] = {"fingerprint": name, "done": True, "finished": finished, "seconds": 60.0}
    write_json(run / "plan.json", plan)
    write_json(run / "state.json", {"steps": state})


def add_phase(run: Path, result: Mapping[str, Any] | None = None, measured: Signals | None = None) -> Path:
    """Add a continuous phase that started from round 0: all of it, where ``measured``, else its training alone."""
    folder = run / "continuous"
    kind = '{"num_updates": "%s", "loss": "2.0", "loss_labelled": "%s", "loss_unlabelled": "3.0", "replaced": "4", '
    kind += '"pl_length": "%s", "pl_churn": "nan"}'
    logged = [kind % told for told in ((20, "2.5", "9.5"), (40, "2.0", "8.0"))]
    write_lines(folder / "training" / "train.log", [f"[train_inner][INFO] - {line}" for line in logged])
    if measured:
        write_labels(folder / "labels" / "speech", [record("a", "habari za jioni", "h a |", 0.5)])
        write_tuning(folder / "tuning")
        write_signals(run, CONTINUOUS, measured)
    if result:
        told = read_json(run / "result.json")
        write_json(run / "result.json", {**told, **result})
    return run


DONE = {"source/train": 1, "round-0/label/train": 2, "round-0/measure": 3, "round-1/train": 4, "round-1/measure": 5}


def write_scores(file: Path, scores: Sequence[tuple[str, float]] = SCORES) -> Path:
    rows = []
    for name, rate in scores:
        for kind, more, script in (("greedy", 0.1, "romanised"), ("LM", 0.0, "native")):
            interval = {"value": rate + more, "low": rate + more - 0.05, "high": rate + more + 0.05}
            rows.append({"system": f"{name} {kind}", "script": script, "wer": interval, "cer": interval})
    write_json(file, rows)
    return file


def make_run(run: Path, steps: Mapping[str, int | None] | None = None, result: Mapping[str, Any] | None = None) -> Path:
    """A run of one round after zero-shot, as far as the arguments say."""

    write_text(run / "config.yaml", "out: here\ntarget:\n  train_split: speech\n")
    write_steps(run, DONE if steps is None else steps)
    for number, labels in enumerate(ROUNDS):
        folder = run / f"round-{number}"
        write_labels(folder / "labels" / "speech", [record(key, *told) for key, told in labels.items()])
        write_tuning(folder / "tuning")
        change = {"change": 0.5} if number else {}
        write_signals(run, number, signals(0.9 - 0.4 * number, **change))
    for name in ("source", "round-1"):
        write_log(run / name / "training")
    if result:
        verdict = {"go": True, "reason": "the source AM hears the target", "advice": ""}
        told = {"rounds": 1, "weights": {}, "finished": True, "stopped": "", "verdict": verdict}
        write_json(run / "result.json", {**told, **result})
    return run


class Runs:
    """The above, for tests."""

    done = DONE
    add_phase = staticmethod(add_phase)
    make = staticmethod(make_run)
    record = staticmethod(record)
    signals = staticmethod(signals)
    write_labels = staticmethod(write_labels)
    write_log = staticmethod(write_log)
    write_scores = staticmethod(write_scores)
    write_signals = staticmethod(write_signals)
    write_steps = staticmethod(write_steps)


@pytest.fixture(scope="session")
def runs() -> type[Runs]:
    return Runs
