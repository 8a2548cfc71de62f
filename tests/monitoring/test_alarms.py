"""The alarm that each kind of failure raises, and the silence of rounds that were known to get better."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xlpl_plugin.emissions.compute import EmitConfig, emit
from xlpl_plugin.labelling.label_split import LabelConfig, label
from xlpl_plugin.monitoring.alarms import COLLAPSES, alarms, collapsed
from xlpl_plugin.monitoring.measure import MeasureConfig, measure
from xlpl_plugin.monitoring.signals import Signals

MakeConfig = Callable[[Mapping[str, str]], LabelConfig]


def signals(**values: Any) -> Signals:
    """Return signals of a healthy labelling, but for ``values``."""
    healthy = Signals(
        utterances=100,
        blank_share=0.6,
        empty_share=0.02,
        kept_share=0.9,
        letters_per_second=12.0,
        greedy_letters_per_second=11.0,
        vocabulary=800,
        top_word_share=0.05,
        agreement=0.6,
        confidence=0.7,
    )
    return replace(healthy, **values)


def names(*history: Signals) -> list[str]:
    return [alarm.name for alarm in alarms(history)]


def test_labels_in_words_of_another_script_raise_an_alarm() -> None:
    assert "foreign words" in names(signals(foreign_share=0.52))
    assert "foreign words" not in names(signals(foreign_share=0.04))


# five rounds on Italian recordings whose labels got better every time: word error rates 70.0 57.9 53.0 51.9 50.9
REAL: dict[str, tuple[Any, ...]] = {
    "blank_share": (0.496, 0.516, 0.469, 0.444, 0.426),
    "empty_share": (0.024, 0.007, 0.002, 0.0, 0.0),
    "letters_per_second": (11.45, 12.16, 12.31, 12.33, 12.31),
    "greedy_letters_per_second": (12.11, 11.75, 12.23, 12.32, 12.29),
    "vocabulary": (756, 723, 686, 684, 651),
    "top_word_share": (0.049, 0.054, 0.055, 0.054, 0.056),
    "agreement": (0.590, 0.764, 0.835, 0.885, 0.903),
    "change": (None, 0.462, 0.177, 0.092, 0.086),
    "label_free": (0.778, 0.610, 0.532, 0.489, 0.461),
    "length_ratio": (0.946, 1.035, 1.007, 1.001, 1.002),
    "greedy_histogram_distance": (0.140, 0.159, 0.151, 0.145, 0.144),
    "source_distance": (0.098, 0.138, 0.138, 0.135, 0.135),
    "nonword_share": (0.727, 0.568, 0.438, 0.344, 0.273),
    "train_loss": (None, 1.9, 1.5, 1.3, 1.1),
}


def test_rounds_that_got_better_raise_nothing() -> None:
    history = [signals(**{key: values[number] for key, values in REAL.items()}) for number in range(5)]
    assert [names(*history[: number + 1]) for number in range(5)] == [[], [], [], [], []]


@pytest.mark.parametrize(
    ("name", "now"),
    [
        ("training diverged", {"train_loss": math.nan}),
        ("training diverged", {"valid_loss": math.inf}),
        ("empty labels", {"empty_share": 0.3}),
        ("empty labels", {"empty_share": 0.15}),
        ("blank", {"blank_share": 0.99}),
        ("blank", {"blank_share": 0.85}),
        ("few words", {"top_word_share": 0.5}),
        ("few words", {"top_word_share": 0.16}),
        ("shorter output", {"letters_per_second": 8.9}),
        ("shorter output", {"greedy_letters_per_second": 8.0}),
        ("shorter output", {"length_ratio": 0.6}),
        ("vocabulary", {"vocabulary": 390}),
        ("agreement", {"agreement": 0.4}),
        ("non-words", {"nonword_share": 0.82}),
        ("degradation", {"label_free": 0.85}),
        ("plateau", {"label_free": 0.798}),
    ],
)
def test_each_failure_is_named_with_advice(name: str, now: dict[str, Any]) -> None:
    first = signals(label_free=0.8, nonword_share=0.7)
    better = signals(label_free=0.7, nonword_share=0.5)
    (alarm,) = alarms([first, replace(better, **now)])
    assert alarm.name == name
    assert alarm.message
    assert alarm.advice
    assert names(first, better) == []


def test_round_zero_may_write_non_words_and_its_students_may_not() -> None:
    assert names(signals(nonword_share=0.95)) == []
    assert names(signals(nonword_share=0.95), signals(nonword_share=0.92)) == ["non-words"]
    assert names(signals(nonword_share=0.98), signals(nonword_share=0.87)) == []  # on its way


def test_slow_shrinking_is_judged_against_the_most_that_there_was() -> None:
    rates = [11.5, 12.0, 10.8, 9.7, 8.7]  # never more than 11 % from one round to the next
    history = [signals(letters_per_second=rate) for rate in rates]
    assert names(*history[:4]) == []
    assert names(*history) == ["shorter output"]


def test_fewer_utterances_may_have_fewer_words() -> None:
    assert names(signals(), signals(utterances=30, vocabulary=300)) == []
    assert names(signals(utterances=30, vocabulary=400), signals(vocabulary=190)) == ["vocabulary"]


def test_words_of_the_first_labels_that_nobody_said_may_go() -> None:
    # Spanish from French, which gained 30 points: docs/results/study-twelve.md
    first, last = signals(vocabulary=1044, text_vocabulary=930), signals(vocabulary=571, text_vocabulary=911)
    assert names(first, last) == []
    assert names(first, replace(last, vocabulary=460)) == ["vocabulary"]
    assert names(replace(first, text_vocabulary=None), replace(last, vocabulary=520)) == ["vocabulary"]


def test_students_that_stay_with_the_source_language() -> None:
    start = signals(source_distance=0.10, greedy_histogram_distance=0.14)
    stuck = signals(source_distance=0.11, greedy_histogram_distance=0.145)
    leaving = signals(source_distance=0.13, greedy_histogram_distance=0.155)
    near = signals(source_distance=0.05, greedy_histogram_distance=0.04)
    assert names(start, stuck) == []  # one round says little
    assert names(start, stuck, stuck) == ["source language"]
    assert names(start, stuck, leaving) == []
    assert names(near, near, near) == []  # a target that is spelled like the source


def test_degradation_names_the_round_to_go_back_to() -> None:
    (alarm,) = alarms([signals(label_free=score) for score in (0.8, 0.6, 0.7)])
    assert alarm.name == "degradation"
    assert "round 1 had 0.600" in alarm.message
    assert "round 1" in alarm.advice


def test_a_plateau_is_no_alarm_where_no_round_follows() -> None:
    history = [signals(label_free=score) for score in (0.8, 0.6, 0.598)]
    assert [alarm.name for alarm in alarms(history)] == ["plateau"]
    assert alarms(history, followed=False) == []


def test_collapses_are_those_alarms_whose_labels_are_no_use() -> None:
    assert collapsed([signals(label_free=0.8), signals(label_free=0.9)]) == []
    assert [alarm.name for alarm in collapsed([signals(blank_share=0.99, train_loss=math.nan)])] == [
        "training diverged",
        "blank",
    ]
    assert "plateau" not in COLLAPSES


SPOKEN = {f"{n}": path for n, path in enumerate(["_ab|_b|_a|", "_b|_a|_ab|", "a|ab|_b|", "ab|_a|_b|_a|", "b|_b|ab|"])}


class Provoked:
    """Labels the same recordings well, then badly, with nothing faked but the acoustic model."""

    def __init__(self, config: LabelConfig, folder: Path) -> None:
        self._config, self._folder = config, folder

    def signals(self, name: str, am: str = "", **weights: float) -> Signals:
        config, out = self._config, self._folder / name
        emissions = str(self._folder / f"emissions-{name}") if am else config.emissions
        if am:
            emit(EmitConfig(am=am, data=config.data, out=emissions))
        decoder = replace(config.decoder, **weights)  # type: ignore[arg-type]
        label(replace(config, am=am or config.am, emissions=emissions, decoder=decoder, out=str(out)))
        return measure(MeasureConfig(labels=str(out), emissions=str(emissions), decoder=decoder))


@pytest.fixture
def provoked(make_config: MakeConfig, tmp_path: Path) -> Provoked:
    config = make_config(SPOKEN)
    return Provoked(replace(config, decoder=replace(config.decoder, lm=str(tmp_path / "lm.arpa"))), tmp_path)


def test_absurd_lm_weight(provoked: Provoked) -> None:
    good, bad = provoked.signals("good", lm_weight=1.0), provoked.signals("bad", lm_weight=100.0)
    assert set(names(good)) <= {"few words"}  # there are but three
    assert {"empty labels", "shorter output", "agreement", "degradation"} <= set(names(good, bad))


def test_absurd_word_score(provoked: Provoked) -> None:
    good, bad = provoked.signals("good", lm_weight=1.0), provoked.signals("bad", lm_weight=0.0, word_score=100.0)
    assert {"few words", "degradation"} <= set(names(good, bad))


def test_model_that_says_blank(
    provoked: Provoked, listener: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Silent(listener):
        def hear(self, waveform: np.ndarray) -> np.ndarray:
            probs = np.exp(super().hear(waveform))
            probs[:, 0] *= 60  # the blank wins where another unit had 0.9
            return np.log(probs / probs.sum(axis=1, keepdims=True)).astype(np.float32)

    good = provoked.signals("good", lm_weight=1.0)
    monkeypatch.setattr("xlpl_plugin.models.acoustic.load_acoustic_model", lambda path, **_: Silent())
    am = tmp_path / "silent.pt"
    am.write_bytes(b"other weights")
    bad = provoked.signals("bad", am=str(am), lm_weight=1.0)
    assert bad.blank_share == 1.0
    assert {"blank", "shorter output"} <= set(names(good, bad))


def test_model_that_writes_non_words(
    provoked: Provoked, listener: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Boundless(listener):
        def hear(self, waveform: np.ndarray) -> np.ndarray:
            return np.ascontiguousarray(super().hear(waveform)[:, [0, 1, 2, 3, 6, 5, 4]])  # | and b exchanged

    good = provoked.signals("good", lm_weight=1.0)
    monkeypatch.setattr("xlpl_plugin.models.acoustic.load_acoustic_model", lambda path, **_: Boundless())
    am = tmp_path / "boundless.pt"
    am.write_bytes(b"other weights")
    bad = provoked.signals("bad", am=str(am), lm_weight=1.0)
    assert good.nonword_share == 0
    assert "non-words" in names(good, bad)
