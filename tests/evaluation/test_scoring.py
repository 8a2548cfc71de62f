"""Error rates, their intervals, and what is refused. Every expected value was counted by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import label_records
from support.label_records import record

from xlpl_plugin.data.manifest import Manifest, write_manifest
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.errors import XlplError
from xlpl_plugin.evaluation.counting import bootstrap_rates, count_characters, count_words
from xlpl_plugin.evaluation.hints import hints
from xlpl_plugin.evaluation.score_tables import percent, render_scores
from xlpl_plugin.evaluation.scoring import ScoreOptions, score
from xlpl_plugin.evaluation.texts import System, read_references, read_systems
from xlpl_plugin.labelling.records import record_line

REFERENCES = {
    "a/1": ("perché no", "p e r c h e | n o |"),
    "a/2": ("sì", "s i |"),
    "a/3": ("uno due tre", "u n o | d u e | t r e |"),
}
FAST = ScoreOptions(resamples=500, seed=3)


@pytest.fixture
def references(tmp_path: Path) -> Path:
    folder = tmp_path / "it"
    folder.mkdir()
    rows = "".join(f"{key}.wav\t16000\n" for key in REFERENCES)
    (folder / "test.tsv").write_text(f"{folder}\n{rows}", encoding="utf-8")
    (folder / "test.wrd").write_text("".join(f"{words}\n" for words, _ in REFERENCES.values()), encoding="utf-8")
    (folder / "test.ltr").write_text("".join(f"{units}\n" for _, units in REFERENCES.values()), encoding="utf-8")
    return folder


def write_labels(folder: Path, records: dict[str, tuple[str, str, str]]) -> Path:
    return label_records.write_labels(
        folder, [record(key, words, greedy, units=units) for key, (words, units, greedy) in records.items()]
    )


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return write_labels(
        tmp_path / "labels",
        {
            "a/3": ("uno tre", "u n o | t r e |", "u n o | d u | t r e | s |"),  # other order than the references
            "a/1": ("perché lo", "p e r c h e | l o |", "p e r c h e | n o |"),
            "a/2": ("", "", "s i"),
        },
    )


def test_what_looks_alike_is_alike(references: Path, tmp_path: Path) -> None:
    """A decomposed letter and a space of no width are no errors."""
    system = tmp_path / "out.wrd"
    system.write_text("perche\u0301 no\nsi\u0300\nuno\u200b due\u00ad tre\n", encoding="utf-8")
    system.with_suffix(".tsv").write_text((references / "test.tsv").read_text(), encoding="utf-8")
    (row,) = score(read_systems(system), read_references(references, "test"), FAST)
    assert row.wer.value == row.cer.value == 0


def test_case_and_punctuation_are_pointed_out(references: Path, tmp_path: Path) -> None:
    truth = read_references(references, "test")
    texts = {"a/1": "Perché no?", "a/2": "sì", "a/3": "uno due quattro"}
    (hint,) = hints([System("asr", "native", texts, tmp_path / "x")], truth)
    assert "16.7 % instead of 50.0 %" in hint
    assert not list(hints([System("same", "native", truth.native, tmp_path / "x")], truth))


def test_the_headline_is_cer_without_spaces_where_a_segmenter_made_the_words(tmp_path: Path) -> None:
    folder = tmp_path / "zh"
    write_manifest(folder, "test", Manifest(folder, (Utterance("a.wav", 16000, "今天 天气 很好", "a | b | c |"),)))
    texts = {"a": "今 天天 气 很 好"}
    (row,) = score([System("x", "native", texts, tmp_path)], read_references(folder, "test"), FAST)
    assert (row.headline, row.rate.value, row.wer.value) == ("CER", 0, 5 / 3)
    assert render_scores([row]).split("\n")[0].index("CER") < render_scores([row]).split("\n")[0].index("WER")


def test_missing_and_extra_ids_are_named(references: Path, tmp_path: Path) -> None:
    good = read_references(references, "test")
    texts = {key: words for key, (words, _) in REFERENCES.items()}
    short = System("short", "native", {key: texts[key] for key in ("a/1", "a/3")}, tmp_path / "x")
    with pytest.raises(XlplError, match=r"missing: a/2"):
        score([short], good, FAST)
    with pytest.raises(XlplError, match=r"not in the references: b/9"):
        score([System("long", "native", {**texts, "b/9": "x"}, tmp_path / "x")], good, FAST)


def test_many_missing_ids_are_counted_not_listed(references: Path, tmp_path: Path) -> None:
    extra = {f"z/{i}": "" for i in range(40)}
    with pytest.raises(XlplError, match=r"z/4 and 35 more"):
        score(
            [System("s", "native", {**dict.fromkeys(REFERENCES, ""), **extra}, tmp_path)],
            read_references(references, "test"),
            FAST,
        )


def test_romanised_needs_ltr(references: Path, labels: Path) -> None:
    (references / "test.ltr").unlink()
    with pytest.raises(XlplError, match=r"test\.ltr: no romanised references"):
        score(read_systems(labels), read_references(references, "test"), FAST)


def test_references_without_words_are_refused(references: Path, labels: Path) -> None:
    (references / "test.wrd").write_text("\n\n\n")
    with pytest.raises(XlplError, match="hold no word"):
        score(read_systems(labels)[1:], read_references(references, "test"), FAST)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{not json", r"labels.jsonl:2: not a label record"),
        ('{"id": "a/9", "words": [], "units": ""}', r"labels.jsonl:2: not a label record .*greedy"),
        (record_line(record("a/1", "", "")), r"labels.jsonl:2: id 'a/1' stands twice"),
        ("[1]", r"labels.jsonl:2: not a label record"),
    ],
)
def test_malformed_records_are_refused(tmp_path: Path, line: str, problem: str) -> None:
    folder = write_labels(tmp_path / "l", {"a/1": ("", "", "")})
    with (folder / "labels.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")
    with pytest.raises(XlplError, match=problem):
        read_systems(folder)


def test_exact_rates(references: Path, labels: Path) -> None:
    greedy, lexical = score(read_systems(labels, "zero"), read_references(references, "test"), FAST)
    # LM: no -> lo, sì lost, due lost: 1 substitution, 2 deletions of 6 words
    assert (lexical.system, lexical.script) == ("zero LM", "native")
    assert (lexical.substitutions, lexical.deletions, lexical.insertions, lexical.words) == (1, 2, 0, 6)
    assert lexical.wer.value == pytest.approx(3 / 6)
    # characters: 1 of 'perché no' (9), 2 of 'sì' (2), 4 of 'uno due tre' (11)
    assert lexical.cer.value == pytest.approx(7 / 22)
    # greedy is compared with the letters: due -> du, and an s too many
    assert (greedy.system, greedy.script) == ("zero greedy", "romanised")
    assert (greedy.substitutions, greedy.deletions, greedy.insertions) == (1, 0, 1)
    assert greedy.wer.value == pytest.approx(2 / 6)


def test_romanised_option_compares_units(references: Path, labels: Path) -> None:
    _, lexical = score(read_systems(labels, romanised=True), read_references(references, "test"), FAST)
    assert lexical.script == "romanised"
    assert lexical.wer.value == pytest.approx(3 / 6)


def test_words_and_tsv_pair_scores_alone(references: Path) -> None:
    (only,) = score(read_systems(references / "test.wrd"), read_references(references, "test"), FAST)
    assert (only.wer.value, only.wer.low, only.wer.high, only.cer.value) == (0, 0, 0, 0)


def test_hypothesis_for_an_empty_reference_is_insertions() -> None:
    counts = count_words(["", "a b"], ["x y z", "a b"])
    assert counts.errors.tolist() == [3, 0]
    assert counts.length.tolist() == [0, 2]
    assert count_characters(["", "ab"], ["xy", ""]).errors.tolist() == [2, 2]


def test_interval_matches_theory_and_seed() -> None:
    generator = np.random.default_rng(0)
    lengths = np.full((1, 400), 10)
    errors = generator.binomial(10, 0.3, size=(1, 400))
    rates = bootstrap_rates(errors, lengths, resamples=4000, seed=5)
    standard_error = errors.std() / 10 / np.sqrt(400)
    assert rates.std() == pytest.approx(standard_error, rel=0.05)
    assert rates.mean() == pytest.approx(errors.sum() / lengths.sum(), abs=3 * standard_error / np.sqrt(4000))
    assert np.array_equal(rates, bootstrap_rates(errors, lengths, resamples=4000, seed=5))
    assert not np.array_equal(rates, bootstrap_rates(errors, lengths, resamples=4000, seed=6))


def test_rate_of_a_resample_is_a_ratio_of_sums() -> None:
    # one long wrong utterance and one short right one: a mean of ratios could never exceed 1/2 of the draws' mean
    rates = bootstrap_rates(np.array([[9, 0]]), np.array([[9, 1]]), resamples=300, seed=1)
    assert sorted(set(np.round(rates[0], 6))) == [0.0, 0.9, 1.0]


def test_resampling_in_blocks_covers_every_resample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xlpl_plugin.evaluation.counting._BLOCK", 7)
    rates = bootstrap_rates(np.array([[1, 1, 1]]), np.array([[2, 2, 2]]), resamples=11, seed=1)
    assert rates.shape == (1, 11)
    assert (rates == 0.5).all()


def test_paired_difference_is_tighter_than_the_two_intervals(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    folder.mkdir()
    keys = [f"u{i}" for i in range(60)]
    (folder / "test.tsv").write_text("/\n" + "".join(f"{key}.wav\t1\n" for key in keys))
    (folder / "test.wrd").write_text("a b c d\n" * 60)
    worse = {key: "x y c d" if i % 2 else "a b c d" for i, key in enumerate(keys)}
    better = {key: "x b c d" if i % 2 else "a b c d" for i, key in enumerate(keys)}
    base = System("base", "native", worse, folder)
    same, improved = score(
        [base, System("new", "native", better, folder)], read_references(folder, "test"), FAST, baselines=[base]
    )
    assert same.difference is None
    assert improved.difference is not None
    assert improved.difference.rate.value == pytest.approx(-0.125)
    assert improved.difference.rate.high < 0
    assert improved.difference.not_better == 0
    width = improved.difference.rate.high - improved.difference.rate.low
    assert width < 0.6 * (same.wer.high - same.wer.low)


def test_table_forms(references: Path, labels: Path) -> None:
    scores = score(read_systems(labels, "round 0"), read_references(references, "test"), FAST)
    text, markdown = render_scores(scores), render_scores(scores, "markdown")
    assert percent(scores[1].wer) in text
    header, rule, *rows = markdown.splitlines()
    assert header.split("|")[1].strip() == "system"
    assert set(rule) <= set("|-: ")
    assert len(rows) == 2
    assert "against" not in text
