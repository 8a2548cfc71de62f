"""Transcripts by a person: they take the place of labels, add to a run that has ended, and are told everywhere."""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner
from support.label_records import filter_out
from support.tiny_run import make_corrected_run

from xlpl_plugin.cli.iterate import command
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import sha256
from xlpl_plugin.picking.table import TableRow, write_table
from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.corrected_data import CORRECTIONS_FILE, CorrectedTable, CorrectionsRecord
from xlpl_plugin.run.driver import iterate
from xlpl_plugin.run.result import Result
from xlpl_plugin.stage import CONTINUOUS, Stage

Configure = Callable[..., IterateConfig]
Results = Callable[[Path], dict[str, Any]]


def table(file: Path, transcripts: dict[str, str]) -> Path:
    """Write what `xlpl pick` writes, filled in."""
    rows = (
        TableRow(name, f"audio/{name}.flac", "1.00", label="no", confidence="0.500", transcript=said)
        for name, said in transcripts.items()
    )
    write_table(file, rows)
    return file


def corrected(*entries: tuple[Path, int], more: str = "language: sw") -> str:
    """Return the override of a run's corrections: files, and the rounds from which they hold."""
    told = ", ".join(f"{{file: {file}, from_round: {first}, {more}}}" for file, first in entries)
    return f"corrections=[{told}]"


@pytest.fixture
def spoken(project: Path) -> Path:
    """A table for the project: two utterances, one in which nothing is said, one not looked at, one of valid."""
    told = {"train2": "", "train1": "-", "train0": "No, si NO!", "train3": "Habari", "valid0": "Si."}
    return table(project / "table.tsv", told)


@pytest.fixture
def picky(fake_run: ModuleType) -> dict[Any, Any]:
    """Actions whose filters leave out the label of train3."""

    def label(step: Any, resources: Any) -> None:
        fake_run.label(step, resources)
        filter_out(Path(step.out), step.config.split, ["train3"])

    return {**fake_run.FAKES, fake_run.Label: label}


def rows(folder: Path, split: str) -> dict[str, tuple[str | None, str | None, float]]:
    return {row.id: (row.words, row.units, row.weight) for row in read_manifest(folder, split).utterances}


def test_a_run_that_has_ended_goes_on_with_transcripts_in_place_of_labels(
    configure: Configure, project: Path, spoken: Path, picky: dict[Any, Any], fake_run: ModuleType
) -> None:
    run, done = project / "run", list[str]()
    iterate(configure(), actions=picky)
    before = {file: file.read_bytes() for file in run.rglob("*") if file.is_file() and "round-" in str(file)}
    iterate(configure("rounds=3", corrected((spoken, 3))), actions=fake_run.noting(picky, done))
    assert done[0] == "round-3/collect"
    assert {file: file.read_bytes() for file in before if file.exists()} == {
        file: content for file, content in before.items() if file.exists()
    }
    labels, data = (rows(run / folder, "train") for folder in ("round-2/labels/train", "round-3/data"))
    assert data == {
        "train0": ("no si no", "n o | s i | n o |", 3.0),
        "train2": labels["train2"],
        "train3": ("habari", "h a b a r i |", 3.0),
    }
    assert list(data) == ["train0", "train2", "train3"]
    valid = rows(run / "round-2/labels/valid", "valid")
    assert rows(run / "round-3/data", "valid") == valid | {"valid0": ("si", "s i |", 1.0)}
    assert set(rows(run / "round-3/labels/train", "train")) == {"train0", "train1", "train2"}
    record = CorrectionsRecord.read(run / "round-3/data" / CORRECTIONS_FILE)
    told = CorrectedTable("table.tsv", sha256(spoken), from_round=3, utterances=4, words=5, minutes=0.07)
    assert record == CorrectionsRecord((told,), 2, 1, 1, {"si": 2, "habari": 1})
    assert Result.read(run / "result.json").corrections == (told,)
    again: list[str] = []
    iterate(configure("rounds=3", corrected((spoken, 3))), actions=fake_run.noting(picky, again))
    assert again == []


def test_it_ends_as_a_run_that_had_them_from_the_start(
    configure: Configure, project: Path, spoken: Path, picky: dict[Any, Any], results: Results, fake_run: ModuleType
) -> None:
    late = table(project / "late.tsv", {"train0": "si", "train1": "no no"})
    config = configure("rounds=3", corrected((spoken, 2), (late, 3)))
    iterate(config, actions=picky)
    whole = results(project / "run")
    for broken_off in ("round-2/collect", "round-2/train", "round-3/collect"):
        shutil.rmtree(project / "run")
        iterate(configure("rounds=1"), actions=picky)
        if broken_off.startswith("round-3"):
            iterate(configure("rounds=2", corrected((spoken, 2))), actions=picky)
        with pytest.raises(KeyboardInterrupt):
            iterate(config, actions=fake_run.noting(picky, [], stop_after=broken_off))
        done: list[str] = []
        iterate(config, actions=fake_run.noting(picky, done))
        assert done[0] == broken_off
        assert results(project / "run") == whole


def test_a_later_table_takes_the_place_of_an_earlier_one(
    configure: Configure, project: Path, spoken: Path, picky: dict[Any, Any]
) -> None:
    late = table(project / "late.tsv", {"train0": "si", "train1": "no no"})
    iterate(configure("rounds=2", corrected((spoken, 1), (late, 2))), actions=picky)
    first, second = (rows(project / f"run/round-{number}/data", "train") for number in (1, 2))
    assert (first["train0"][0], first.get("train1")) == ("no si no", None)
    assert (second["train0"][0], second["train1"][0], second["train3"][0]) == ("si", "no no", "habari")
    told = Result.read(project / "run/result.json").corrections
    assert [(one.file, one.from_round, one.utterances, one.words) for one in told] == [
        ("table.tsv", 1, 2, 2),
        ("late.tsv", 2, 2, 3),
    ]


def test_what_round_was_done_before_stays_as_it_is_without_force(
    configure: Configure, project: Path, spoken: Path, picky: dict[Any, Any], results: Results
) -> None:
    iterate(configure("rounds=2", corrected((spoken, 2))), actions=picky)
    before = results(project / "run")
    for entries in ([(spoken, 1)], [(spoken, 2), (table(project / "more.tsv", {"train0": "no"}), 2)], []):
        with pytest.raises(XlplError, match=r"(round: 1|more\.tsv|corrections: \[\])(.|\n)*--force, which does rou"):
            iterate(configure("rounds=2", corrected(*entries)), actions=picky)
    table(spoken, {"train0": "si"})
    with pytest.raises(XlplError, match=r"\+rounds: 3(.|\n)*or a file that it names has another content"):
        iterate(configure("rounds=3", corrected((spoken, 2))), actions=picky)
    assert results(project / "run") == before


def test_a_run_that_stopped_by_itself_goes_on(
    configure: Configure, project: Path, spoken: Path, fake_run: ModuleType
) -> None:
    still = fake_run.measuring(change=lambda stage: [None, 0.4, *[0.001] * 9][stage.number])
    iterate(configure("rounds=5"), actions=still)
    assert Result.read(project / "run/result.json").rounds == 2
    iterate(configure("rounds=8"), actions=still)
    assert Result.read(project / "run/result.json").rounds == 2  # more rounds alone are no reason
    iterate(configure("rounds=8", corrected((spoken, 3))), actions=still)
    told = Result.read(project / "run/result.json")
    assert (told.rounds, told.finished) == (3, True)
    assert told.stopped.startswith("the labels changed by 0.1% since round 2")


def test_patience_begins_with_the_corrections(
    configure: Configure, project: Path, spoken: Path, fake_run: ModuleType
) -> None:
    worse = fake_run.measuring(held_out=lambda stage: [0.9, 0.5, *[0.7] * 9][stage.number])
    iterate(configure("rounds=9"), actions=worse)
    assert Result.read(project / "run/result.json").rounds == 3
    iterate(configure("rounds=9", corrected((spoken, 4))), actions=worse)
    told = Result.read(project / "run/result.json")
    assert (told.rounds, told.best, told.stopped) == (5, 1, "no round after round 1 was better (stop.patience=2)")


@pytest.mark.parametrize(
    ("transcripts", "problem"),
    [
        ({"train0": "no", "trian1": "no"}, r"table\.tsv:3: the transcript of 'trian1' cannot be used: there is no"),
        ({"train0": "no", "test1": "no"}, r"table\.tsv:3: .*'test1' .*: it stands in the test part 'test'(.|\n)*hones"),
        ({"test1": "no", "test0": "no"}, r"table\.tsv:2: .*'test1' .*\(and 1 more, in line 3\)"),
        ({"train0": "saa 12345678901234567890123, привет"}, r"table\.tsv:2: .*: letters of another script"),
        ({"train0": "!!!"}, r"table\.tsv:2: .*: empty after normalisation(.|\n)*Swahili(.|\n)*'-' where nothing is"),
        ({"train0": "", "train1": " "}, r"table\.tsv: holds no transcript"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_written(
    configure: Configure, project: Path, transcripts: dict[str, str], problem: str
) -> None:
    file = table(project / "table.tsv", transcripts)
    with pytest.raises(XlplError, match=problem):
        iterate(configure(corrected((file, 1))))
    assert not (project / "run").exists()


@pytest.mark.parametrize(
    ("more", "first", "problem"),
    [
        ("language: sw", 3, r"corrections\[0\]\.from_round=3, but rounds=2(.|\n)*raise rounds"),
        ("weight: 1", 1, r"table\.tsv: the language of its transcripts is not known(.|\n)*language: an ISO 639 code"),
        ("language: Swahilli", 1, "unknown language 'Swahilli'"),
        ("language: sw, weight: 0", 1, r"corrections\[0\]\.weight=0"),
        ("language: sw, rules: /nowhere.yaml", 1, r"nowhere\.yaml: no such file"),
    ],
)
def test_entries_that_cannot_be(
    configure: Configure, project: Path, spoken: Path, more: str, first: int, problem: str
) -> None:
    with pytest.raises(XlplError, match=problem):
        iterate(configure(corrected((spoken, first), more=more)))
    assert not (project / "run").exists()


def test_a_word_without_units_names_its_row(
    configure: Configure, project: Path, fake_run: ModuleType, picky: dict[Any, Any]
) -> None:
    from xlpl_plugin.data.units import write_units

    def few_letters(step: Any, resources: Any) -> None:
        picky[fake_run.Label](step, resources)
        write_units(step.out, ["|", "n", "o"])

    file = table(project / "table.tsv", {"train0": "no", "train3": "no habari"})
    with pytest.raises(XlplError, match=r"table\.tsv:3: .*'train3' .*the acoustic model has no units for 'habari'"):
        iterate(configure(corrected((file, 1))), actions={**picky, fake_run.Label: few_letters})
    assert not (project / "run/round-1/data").exists()


def test_all_that_a_run_says_tells_of_the_person(
    configure: Configure, spoken: Path, picky: dict[Any, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    iterate(configure("rounds=1", corrected((spoken, 1))), actions=picky)
    told = capfd.readouterr().err
    assert (
        "round-1/collect: not unsupervised: a person transcribed 4 utterances of the audio that students learn from "
        "(0.1 minutes, 5 words: table.tsv from round 1 on); 2 labels replaced, 1 utterance without a label added, 1 "
        "label taken out where nothing is said\n2 words of the transcripts (3 times) are not in the decoder's "
        "lexicon: si, habari. "
    ) in told
    assert re.search(r"result\.json\)\nnot unsupervised: a person transcribed 4 utterances", told)


def test_the_phase_learns_from_them_and_is_never_done_again_unasked(
    configure: Configure, project: Path, spoken: Path, fake_run: ModuleType
) -> None:
    (project / "continuous.yaml").write_text("optimization: {max_update: 20}\n")
    run, phase = project / "run", "continuous.enabled=true"
    scored = fake_run.measuring(held_out=lambda stage: 0.4 if stage == CONTINUOUS else 0.9 - 0.2 * stage.number)
    iterate(configure("rounds=1", phase), actions=scored)
    done: list[str] = []
    for more in (["rounds=2"], ["rounds=2", corrected((spoken, 2))]):
        with pytest.raises(XlplError, match=r"--force, which does continuous/collect, continuous/train"):
            iterate(configure(*more, phase), actions=fake_run.noting(scored, done))
    assert done == []
    iterate(configure("rounds=2", corrected((spoken, 2)), phase), force=True, actions=fake_run.noting(scored, done))
    assert (done[0], "continuous/collect" in done) == ("round-2/collect", True)
    assert rows(run / "continuous/data", "train")["train0"][0] == "no si no"
    told = Result.read(run / "result.json")
    assert (told.best_stage, [one.from_round for one in told.corrections]) == (CONTINUOUS, [2])


def test_a_dry_run_refuses_what_the_run_would(project: Path, spoken: Path) -> None:
    ask = [str(project / "run.yaml"), corrected((spoken, 3)), "--dry-run", "--no-probe"]
    refused = CliRunner().invoke(command, ask)
    assert "corrections[0].from_round=3" in str(refused.exception)
    shown = CliRunner().invoke(command, [str(project / "run.yaml"), corrected((spoken, 2)), *ask[2:]]).output
    assert re.findall(r"^ +(\d) .*table\.tsv$", shown, re.MULTILINE) == ["2"]


def test_results_of_earlier_versions_had_no_corrections(
    configure: Configure, project: Path, fake_run: ModuleType
) -> None:
    iterate(configure("rounds=0"), actions=fake_run.FAKES)
    file, config = project / "run/result.json", project / "run/config.yaml"
    whole = Result.read(file)
    assert whole == replace(whole, corrections=())
    file.write_text(re.sub(r',\s*"corrections": \[\]', "", file.read_text()))
    assert Result.read(file) == whole
    config.write_text(config.read_text().replace("corrections: []\n", ""))
    done: list[str] = []
    iterate(configure("rounds=1"), actions=fake_run.noting(fake_run.FAKES, done))
    assert done[0] == "round-1/collect"


@pytest.mark.slow
def test_killed_while_it_learns_from_them_it_goes_on(
    configure: Configure, project: Path, spoken: Path, results: Results, fake_run: ModuleType
) -> None:
    keys = ["rounds=2", corrected((spoken, 2)), "student.overrides=[fake.seconds=0.1]"]
    iterate(configure(*keys), actions=fake_run.FAKES)
    whole = results(project / "run")
    shutil.rmtree(project / "run")
    iterate(configure("rounds=1", keys[2]), actions=fake_run.FAKES)
    entry = f"{{file: {spoken}, from_round: 2, language: sw}}"
    with (project / "run.yaml").open("a") as stream:
        stream.write(f"corrections: [{entry}]\n")
    text = (project / "run.yaml").read_text()
    (project / "slow.yaml").write_text(text.replace("init: previous", "init: previous, overrides: [fake.seconds=0.1]"))
    driver = fake_run.start_driver(project / "slow.yaml")
    while not (project / "run/round-2/training/checkpoints/updates").exists():
        assert driver.poll() is None
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert not (project / "run/round-2/model.pt").exists()
    assert fake_run.start_driver(project / "slow.yaml").wait() == 0
    assert results(project / "run") == whole
    assert Stage.round(2) == Result.read(project / "run/result.json").best_stage


@pytest.mark.slow
def test_a_real_student_learns_from_them(tmp_path: Path) -> None:
    run = make_corrected_run(tmp_path, table)
    labels, data = (rows(run / folder, "train") for folder in ("round-1/labels/train", "round-2/data"))
    true = {name: row for name, row in data.items() if row[2] == 3.0}
    assert len(true) >= 2
    assert all(words and words.islower() and units == " ".join(f"{' '.join(word)} |" for word in words.split())
               for words, units, _ in true.values())  # fmt: skip
    assert {name: row[:2] for name, row in data.items() if name not in true}.items() <= {
        name: row[:2] for name, row in labels.items()
    }.items()
    record = CorrectionsRecord.read(run / "round-2/data" / CORRECTIONS_FILE)
    told = Result.read(run / "result.json")
    assert (told.rounds, told.corrections) == (2, record.tables)
    assert record.tables[0].utterances == len(true) + 1  # and one in which nothing is said
    page = (run / "report.html").read_text()
    assert "Not unsupervised: a person transcribed" in page
