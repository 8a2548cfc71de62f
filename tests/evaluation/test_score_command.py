"""``xlpl score`` from the command line: rows, names, comparison, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.label_records import record, write_labels

from xlpl_plugin.cli.score import command
from xlpl_plugin.errors import XlplError
from xlpl_plugin.evaluation.scoring import ScoreTable
from xlpl_plugin.evaluation.texts import read_systems
from xlpl_plugin.labelling.provenance import LabelFacts
from xlpl_plugin.shards.store import ShardStore

SPOKEN = ["uno due", "tre", "uno tre due"]


def labels(folder: Path, words: list[str], greedy: list[str], **more: list[Any]) -> Path:
    """Write records; ``more`` holds further fields, a value for each utterance."""
    records = [
        record(f"u{i}", word, spell(raw), units=spell(word), **{key: values[i] for key, values in more.items()})
        for i, (word, raw) in enumerate(zip(words, greedy, strict=True))
    ]
    return write_labels(folder, records)


def spell(words: str) -> str:
    return " ".join(" ".join(word) + " |" for word in words.split())


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    folder = tmp_path / "truth"
    folder.mkdir()
    (folder / "test.tsv").write_text("/\n" + "".join(f"u{i}.wav\t9\n" for i in range(3)))
    (folder / "test.wrd").write_text("".join(f"{words}\n" for words in SPOKEN))
    (folder / "test.ltr").write_text("".join(f"{spell(words)}\n" for words in SPOKEN))
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    labels(tmp_path / "run/round-0/labels/test", ["uno uno", "tre", "uno due"], ["un", "tr", "uno"])
    labels(tmp_path / "run/round-1/labels/test", ["uno due", "tre", "uno due"], SPOKEN)
    labels(tmp_path / "run/round-10/labels/test", SPOKEN, SPOKEN)
    labels(tmp_path / "run/continuous/labels/test", SPOKEN, SPOKEN)
    return tmp_path / "run"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments] + ["--resamples", "200"], catch_exceptions=False)


def test_nothing_to_score_is_a_usage_error(truth: Path) -> None:
    result = call("--references", truth)
    assert result.exit_code == 2
    assert "give LABELS or --run" in result.output


def test_run_without_that_split_names_the_key(truth: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(XlplError, match="eval_splits"):
        call("--run", tmp_path / "empty", "--references", truth)


def test_existing_json_is_kept(truth: Path, run: Path, tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_text("mine")
    with pytest.raises(XlplError, match="already holds results"):
        call("--run", run, "--references", truth, "--json", tmp_path / "scores.json")
    assert (tmp_path / "scores.json").read_text() == "mine"


@pytest.mark.parametrize(
    ("option", "message"), [(["--reliability", "plot.png"], "no confidences"), (["--nbest"], "decoder.nbest=10")]
)
def test_labels_without_what_an_option_needs_are_refused(
    truth: Path, run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, option: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(XlplError, match=message):
        call(run / "round-0/labels/test", "--references", truth, *option)
    assert not Path("plot.png").exists()


def test_existing_picture_is_kept(truth: Path, run: Path, tmp_path: Path) -> None:
    (tmp_path / "plot.png").write_text("mine")
    with pytest.raises(XlplError, match="already holds results"):
        call("--run", run, "--references", truth, "--reliability", tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_text() == "mine"


def test_run_gives_greedy_and_lm_for_each_round_in_order(truth: Path, run: Path, tmp_path: Path) -> None:
    call("--run", run, f"mine={truth / 'test.wrd'}", "--references", truth, "--json", tmp_path / "scores.json")
    scores = ScoreTable.read(tmp_path / "scores.json").rows
    assert [score.system for score in scores] == [
        "zero-shot greedy", "zero-shot LM", "round 1 greedy", "round 1 LM", "round 10 greedy", "round 10 LM",
        "continuous greedy", "continuous LM", "mine",
    ]  # fmt: skip
    assert [score.script for score in scores] == ["romanised", "native"] * 4 + ["native"]
    assert [round(6 * score.wer.value) for score in scores] == [5, 2, 0, 1, 0, 0, 0, 0, 0]
    # every row but the baseline itself is compared, the greedy ones with the baseline's romanised words
    differences = [score.difference and round(6 * score.difference.rate.value) for score in scores]
    assert differences == [3, None, -2, -1, -2, -2, -2, -2, -2]


def test_markdown_without_baseline_has_no_difference(truth: Path, run: Path) -> None:
    output = call(f"first={run / 'round-0/labels/test'}", "--references", truth, "--markdown").output
    assert output.startswith("| system")
    assert "| first LM" in output
    assert "baseline" not in output


def test_greedy_labels_have_no_row_for_an_lm(tmp_path: Path) -> None:
    write_labels(tmp_path, [record("a", "ciao", "c i a o |")])
    assert [system.name for system in read_systems(tmp_path, "mine")] == ["mine greedy", "mine LM"]
    for lexicon, names in (("", ["mine greedy"]), ("lexicon.txt", ["mine greedy", "mine LM"])):
        decoded(tmp_path, lexicon, "")
        assert [system.name for system in read_systems(tmp_path, "mine")] == names


def decoded(folder: Path, lexicon: str, lm: str, *, voted: bool = False) -> None:
    """Write the provenance of labels, of one acoustic model's or of two that voted."""
    (folder / "provenance.json").unlink(missing_ok=True)
    settings: dict[str, Any] = {"decoder": {"lexicon": lexicon, "lm": lm}}
    if voted:
        settings = {"voters": {name: {"settings": settings, "labels": name} for name in ("1", "2")}}
    ShardStore.open(folder, settings, 1, LabelFacts({}), force=True).note()


@pytest.mark.parametrize("voted", [False, True])
def test_provenance_says_what_the_labels_are(tmp_path: Path, voted: bool) -> None:
    folder = labels(tmp_path / "l", ["uno"], ["un"], word_confidences=[[0.5]])
    for lexicon, lm, rows in (
        ("", "", [("romanised", {"u0": "uno"}, {"u0": (0.5,)})]),
        ("", "lm.bin", [("romanised", {"u0": "un"}, {}), ("romanised", {"u0": "uno"}, {"u0": (0.5,)})]),
        ("lexicon", "lm.bin", [("romanised", {"u0": "un"}, {}), ("native", {"u0": "uno"}, {"u0": (0.5,)})]),
    ):
        decoded(folder, lexicon, lm, voted=voted)
        assert [(system.script, system.texts, system.confidences) for system in read_systems(folder, "l")] == rows


def test_confidences_are_judged_in_table_json_and_picture(truth: Path, tmp_path: Path) -> None:
    confidences: list[Any] = [[0.9, 0.2], [0.7], [0.8, 0.6]]
    folder = labels(tmp_path / "l", ["uno tre", "tre", "uno tre"], SPOKEN, word_confidences=confidences)
    picture, scores = tmp_path / "plot.png", tmp_path / "scores.json"
    output = call(f"l={folder}", "--references", truth, "--reliability", picture, "--json", scores).output
    assert picture.stat().st_size > 1000
    greedy, lexical = ScoreTable.read(scores).rows
    assert greedy.reliability is None
    assert lexical.reliability
    # the one wrong word, tre for due, is the least sure one
    assert (lexical.reliability.right, lexical.reliability.words.auc) == (0.8, 1.0)
    # 0.2: wrong; 0.6, 0.7, 0.8 and 0.9: right
    assert lexical.reliability.words.raw.error == pytest.approx((0.2 + 0.4 + 0.3 + 0.2 + 0.1) / 5)
    assert "0.240" in next(line for line in output.splitlines() if "l LM" in line and " word " in line)


def test_nbest_adds_its_oracle_beneath(truth: Path, tmp_path: Path) -> None:
    alternatives: list[Any] = [[["uno due", -3.5], ["due", -4.0]], [], []]
    folder = labels(tmp_path / "l", ["uno", "tre", "uno due"], SPOKEN, alternatives=alternatives)
    call(f"l={folder}", "--references", truth, "--nbest", "--json", tmp_path / "scores.json")
    scores = ScoreTable.read(tmp_path / "scores.json").rows
    assert [(score.system, round(6 * score.wer.value)) for score in scores] == [
        ("l greedy", 0), ("l LM", 2), ("l LM n-best oracle", 1),
    ]  # fmt: skip
