"""Signals counted by hand, from label files as they stand on disk."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import write_lines
from xlpl_plugin.labelling.label_split import LabelConfig, label
from xlpl_plugin.labelling.records import LabelRecord, agreement, record_line
from xlpl_plugin.monitoring.measure import MeasureConfig, blank_share, measure
from xlpl_plugin.monitoring.signals import Signals, SignalsConfig
from xlpl_plugin.monitoring.unit_histograms import distance, expected_vocabulary
from xlpl_plugin.tuning.weight_search import SearchConfig

MakeConfig = Callable[[Mapping[str, str]], LabelConfig]


def record(key: str, words: str, greedy: str, confidence: float = 0.5, kept: bool = True) -> LabelRecord:
    """Return a record of two seconds whose units spell its words."""
    units = " ".join(f"{' '.join(word.lower().replace('à', 'a'))} |" for word in words.split())
    return LabelRecord(
        id=key,
        words=tuple(words.split()),
        units=units,
        am_score=-1.0,
        lm_score=-1.0,
        score=-3.0,
        frames=50,
        starts=(),
        seconds=2.0,
        confidence=confidence,
        agreement=agreement(units.split(), greedy.split()),
        greedy=greedy,
        greedy_score=-1.0,
        kept=kept,
    )


class Project:
    """A target with stored emissions: measures labels that a test writes."""

    def __init__(self, config: LabelConfig, folder: Path) -> None:
        self.config, self.folder = config, folder
        self.search = SearchConfig()
        self.signals = SignalsConfig()

    def write(self, name: str, records: Sequence[LabelRecord]) -> Path:
        write_lines(self.folder / name / "labels.jsonl", map(record_line, records))
        return self.folder / name

    def measure(self, labels: Path, previous: Path | None = None, sources: Sequence[Path] = (), **more: str) -> Signals:
        return measure(
            MeasureConfig(
                labels=str(labels),
                emissions=self.config.emissions,
                decoder=self.config.decoder,
                search=self.search,
                signals=self.signals,
                previous=str(previous or ""),
                sources=list(map(str, sources)),
                **more,
            )
        )

    def of(self, *records: LabelRecord) -> Signals:
        return self.measure(self.write("labels", records))

    def change(self, before: Sequence[LabelRecord], now: Sequence[LabelRecord]) -> float | None:
        return self.measure(self.write("now", now), previous=self.write("before", before)).change


@pytest.fixture
def project(make_config: MakeConfig, tmp_path: Path) -> Project:
    return Project(make_config({"one": "_a|b", "two": "___b"}), tmp_path)


def test_counts_of_one_labelling(project: Project) -> None:
    signals = project.of(
        record("one", "Àb Àb B", "a b | a b | b a |", confidence=0.9),
        record("two", "", "a |", confidence=0.1, kept=False),
    )
    assert signals.utterances == 2
    assert signals.blank_share == 4 / 8  # a blank in four of the eight frames that were emitted
    assert signals.empty_share == 0.5
    assert signals.kept_share == 0.5
    assert signals.letters_per_second == 5 / 4
    assert signals.greedy_letters_per_second == 7 / 4
    assert signals.length_ratio == 5 / 7
    assert signals.vocabulary == 2
    assert signals.top_word_share == pytest.approx(2 / 3)
    assert signals.agreement == pytest.approx((8 / 9 + 0) / 2)  # one a too many in nine units; nothing of the other
    assert signals.confidence == pytest.approx(0.5)
    assert signals.nonword_share == 1 / 4  # "ba"; the lexicon spells ab, b and a
    assert (signals.change, signals.evidence, signals.train_loss, signals.source_distance) == (None, None, None, None)


def test_words_of_another_script_are_counted(project: Project) -> None:
    assert project.of(record("one", "ab тест àb", "a b |"), record("two", "a", "a |")).foreign_share == 0.25


def test_silence_is_measured(project: Project) -> None:
    signals = project.of(record("one", "", ""))
    assert (signals.vocabulary, signals.top_word_share, signals.agreement) == (0, 0.0, 1.0)
    assert (signals.length_ratio, signals.nonword_share, signals.letters_per_second) == (0, 0, 0)


def test_change_is_matched_by_id_not_by_order(project: Project) -> None:
    before = [record("one", "A B", ""), record("two", "Àb", "")]
    assert project.change(before, [record("two", "Àb", ""), record("one", "A Àb", "")]) == pytest.approx(1 / 3)
    assert project.change(before, before) == 0


def test_change_counts_only_what_both_rounds_labelled(project: Project) -> None:
    before = [record("one", "A B", ""), record("old", "B B B B", "")]
    assert project.change(before, [record("one", "A A", ""), record("new", "A A A", "")]) == 1 / 2
    assert project.change(before, [record("new", "A", "")]) is None


def test_change_from_silence(project: Project) -> None:
    assert project.change([record("one", "", "")], [record("one", "", "")]) == 0
    assert project.change([record("one", "", "")], [record("one", "A", "")]) == 1


def test_score_and_perplexity_are_of_the_judge_and_of_the_second_lm(project: Project, tmp_path: Path) -> None:
    lm = str(tmp_path / "lm.arpa")
    labels = record("one", "Àb B", "a b | b |")
    assert (project.of(labels).label_free, project.of(labels).perplexity_lm) == (None, "")
    project.config.decoder.lm = lm
    signals = project.of(labels)
    nats = (0.3 + 0.4 + 0.2) * math.log(10)  # <s> Àb, Àb B, B </s>
    assert signals.label_free == pytest.approx(nats / 3 / 4)  # three letters, none edited
    assert signals.lm_perplexity == pytest.approx(10**0.3)
    assert signals.perplexity_lm == "decoder.lm"
    project.search = SearchConfig(scoring_lm=lm)
    assert project.of(labels).perplexity_lm == "tuning.search.scoring_lm"
    second = tmp_path / "second.arpa"
    second.write_text((tmp_path / "lm.arpa").read_text().replace("-0.4\tÀb B", "-1.9\tÀb B"))
    project.signals = SignalsConfig(lm=str(second))
    signals = project.of(labels)
    assert signals.lm_perplexity == pytest.approx(10**0.8)
    assert signals.perplexity_lm == "signals.lm"
    assert signals.label_free == pytest.approx(nats / 3 / 4)


def test_a_second_lm_over_units_reads_units(project: Project, tmp_path: Path) -> None:
    (tmp_path / "units.arpa").write_text(
        "\\data\\\nngram 1=5\nngram 2=1\n\n\\1-grams:\n-2\t<unk>\n-99\t<s>\t0\n-0.5\t</s>\n-0.3\ta\t0\n-0.1\t|\t0\n\n"
        "\\2-grams:\n-0.1\ta |\n\n\\end\\\n"
    )
    project.signals = SignalsConfig(lm=str(tmp_path / "units.arpa"), lm_level="units")
    assert project.of(record("one", "A", "a |")).lm_perplexity == pytest.approx(10 ** ((0.3 + 0.1 + 0.5) / 3))


def test_units_are_compared_with_the_text_and_with_the_nearest_source(project: Project, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("Àb B nowhere\nB\n", encoding="utf-8")  # a 1, b 3, | 3
    for name, line in (("far", "a | a | a |"), ("near", "b b |")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.ltr").write_text(f"{line}\n")
    sources = [tmp_path / "far", tmp_path / "near"]
    labels = project.write("labels", [record("one", "Àb B B", "b b |")])
    assert project.measure(labels, sources=sources).histogram_distance is None  # no text was named
    project.search = SearchConfig(text=str(tmp_path / "text.txt"))
    signals = project.measure(labels, sources=sources)
    assert signals.histogram_distance == 0
    # of three words of this text: once in 27 none but Àb, eight times none but B, else both
    assert expected_vocabulary({"Àb": 1, "B": 2}, 3) == signals.text_vocabulary == 2
    assert signals.source_distance == 0
    assert signals.greedy_histogram_distance == pytest.approx(distance({"b": 2, "|": 1}, {"a": 1, "b": 3, "|": 3}))
    project.signals = SignalsConfig(text=str(tmp_path / "other.txt"))
    (tmp_path / "other.txt").write_text("A\n")
    assert project.measure(labels).histogram_distance > 0.5  # type: ignore[operator]


def test_without_a_lexicon_there_are_no_words_to_compare_with(project: Project, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("B\n")
    project.search = SearchConfig(text=str(tmp_path / "text.txt"))
    project.config.decoder.lexicon = ""
    signals = project.of(record("one", "B", "b |"))
    assert (signals.nonword_share, signals.histogram_distance, signals.text_vocabulary) == (None, None, None)


def test_real_labels_are_measured(project: Project) -> None:
    label(project.config)
    signals = project.measure(Path(project.config.out))
    assert (signals.utterances, signals.vocabulary, signals.kept_share) == (2, 2, 1)
    assert signals.length_ratio == 1


def test_losses_of_the_last_update_and_evidence(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "train.log"
    log.write_text(
        '[train_inner][INFO] - {"epoch": 1, "loss": "3.5", "num_updates": "20"}\n'
        '[valid][INFO] - {"epoch": 1, "valid_loss": "2.5", "valid_uer": "40.0", "valid_num_updates": "20"}\n'
        '[train_inner][INFO] - {"epoch": 1, "loss": "1.5", "num_updates": "40"}\n'
        '[valid][INFO] - {"epoch": 1, "valid_loss": "0.5", "valid_uer": "12.5", "valid_num_updates": "40"}\n'
    )
    found = SimpleNamespace(evidence=SimpleNamespace(gain=0.25, error=0.02))
    monkeypatch.setattr("xlpl_plugin.monitoring.measure.read_tuning", {"tuned": found}.get)
    labels = project.write("labels", [record("one", "A", "a |")])
    signals = project.measure(labels, training_log=str(log), tuning="tuned")
    assert (signals.train_loss, signals.valid_loss, signals.valid_uer) == (1.5, 0.5, 0.125)
    assert (signals.evidence, signals.evidence_error) == (0.25, 0.02)
    without = project.measure(labels)
    assert (without.train_loss, without.valid_loss, without.evidence) == (None, None, None)
    log.write_text("nothing of use\n")
    assert project.measure(labels, training_log=str(log)) == without
    with pytest.raises(XlplError, match="no such file"):
        project.measure(labels, training_log=str(tmp_path / "no.log"))


def test_distance_of_counts() -> None:
    assert distance({"a": 1, "b": 3}, {"a": 10, "b": 30}) == 0
    assert distance({"a": 1}, {"b": 5}) == 1
    # M = (3/4, 1/4): half of 1/2 log2(2/3) + 1/2 log2 2, and of log2(4/3)
    assert distance({"a": 1, "b": 1}, {"a": 1}) == pytest.approx(0.5579230452841438)
    assert distance({}, {"a": 1}) == 1


def test_blank_share_weighs_frames_not_utterances() -> None:
    blank, letter = [[-0.1, -3.0]], [[-3.0, -0.1]]
    assert blank_share([np.array(blank * 3), np.array(letter)]) == 0.75
    assert blank_share([]) == 0


def test_memory_does_not_grow_with_the_labels(project: Project) -> None:
    labels = project.write("labels", [record(f"utterance-{n}", "A B " * 400, "a | b | " * 400) for n in range(500)])
    project.measure(labels, previous=labels)  # imports
    tracemalloc.start()
    project.measure(labels, previous=labels)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < (labels / "labels.jsonl").stat().st_size / 5


@pytest.mark.parametrize(
    ("lines", "problem"), [([], "holds no labels"), (["{}"], r"labels.jsonl:1: not a label record")]
)
def test_broken_labels_are_refused(project: Project, tmp_path: Path, lines: list[str], problem: str) -> None:
    write_lines(tmp_path / "labels" / "labels.jsonl", lines)
    with pytest.raises(XlplError, match=problem):
        project.measure(tmp_path / "labels")


def test_missing_labels_are_refused(project: Project, tmp_path: Path) -> None:
    with pytest.raises(XlplError, match="labels written by xlpl label"):
        project.measure(tmp_path / "nowhere")


def test_unusable_configuration_is_refused(project: Project) -> None:
    project.signals = SignalsConfig(lm_level="letters")
    with pytest.raises(XlplError, match="lm_level"):
        project.of(record("one", "A", "a |"))
