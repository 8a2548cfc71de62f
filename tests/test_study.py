"""The study: cells and their keys, the plans that cells share, what is kept, and what sees transcripts."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from omegaconf import OmegaConf
from study.cells import Cell, read_questions
from study.command import main
from study.plan import CONFIG, plan_cell
from study.records import CellRecord, RecordFolder
from study.settings import CellSettings
from study.steps import WorkFolder, places_in
from support.study_records import make_record

from xlpl_plugin.errors import XlplError
from xlpl_plugin.run.config import IterateConfig

ROOT = Path(__file__).parents[1]
DECLARED = ROOT / "benchmarks" / "study" / "cells"
BASE = "questions: [toy]\nhours: {run: 2.0}\nsettings: {target: {language: sw}}\n"
TOY = """
question: A toy
columns: [zero-shot, chosen, topline, closed %]
cells:
  - name: toy-${target.language}-${text.lines}-${seed}
    for: {target.language: [it, fr], text.lines: [10, 0], seed: [1, 2]}
    set: {sources: {asterisk: [en, es, it]}}
    row: {target: "${target.language}", lines: "${text.lines}"}
"""
Write = Callable[..., list[Cell]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write files of cells and read them."""

    def write_cells(toy: str = TOY, base: str = BASE) -> list[Cell]:
        (tmp_path / "cells").mkdir(exist_ok=True)
        (tmp_path / "cells" / "base.yaml").write_text(base)
        (tmp_path / "cells" / "toy.yaml").write_text(toy)
        [question] = read_questions(tmp_path / "cells")
        return list(question.cells)

    return write_cells


@pytest.fixture
def voices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """GCompris' voices, as far as a plan looks at them: a table in each folder that the cells name."""
    for folder in yaml.safe_load((DECLARED / "base.yaml").read_text())["settings"]["sources"]["gcompris"]:
        (tmp_path / "voices" / folder).mkdir(parents=True)
        (tmp_path / "voices" / folder / "labels.tsv").write_text(f"audio\ttext\na.opus\t{folder}\n")
    monkeypatch.setenv("GCOMPRIS", str(tmp_path / "voices"))
    return tmp_path / "voices"


@functools.cache
def declared() -> list[Cell]:
    return [cell for question in read_questions(DECLARED) for cell in question.cells]


def test_an_entry_is_multiplied_in_its_order(write: Write) -> None:
    cells = write()
    assert [cell.name for cell in cells[:3]] == ["toy-it-10-1", "toy-it-10-2", "toy-it-0-1"]
    assert len(cells) == 8
    assert cells[-1].settings.target.language == "fr"
    assert cells[-1].row == {"target": "fr", "lines": "all"}
    assert cells[-1].hours == {"run": 2.0}
    # what an entry does not set is as the base has it, or as its default
    assert (cells[0].settings.sources.asterisk, cells[0].settings.text.order) == (["en", "es", "it"], 4)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("asterisk:", "asterix:", "asterix"),
        ("    set:", "    sett:", "sett"),
        ("text.lines: [10, 0]", "text.order: [9]", "text.order=9"),
        ("[10, 0]", "[ten]", "ten"),
        ("-${seed}", "", "two cells are called 'toy-"),
        ("${seed}", "${sed}", "sed"),
    ],
)
def test_a_mistake_in_a_file_is_named(write: Write, old: str, new: str, problem: str) -> None:
    with pytest.raises(XlplError, match=r"cells") as caught:
        write(TOY.replace(old, new))
    assert problem in str(caught.value)


def test_a_key_stands_for_the_settings_alone(write: Write) -> None:
    before = [cell.key for cell in write()]
    assert len(set(before)) == 8
    # neither labels nor hours nor what is set to its default anyway
    assert before == [cell.key for cell in write(TOY.replace('lines: "', 'sentences: "'), BASE.replace("2.0", "3.0"))]
    assert before == [cell.key for cell in write(TOY.replace("set: {", "set: {text: {order: 4}, "))]
    assert not set(before) & {cell.key for cell in write(TOY.replace("set: {", "set: {text: {order: 3}, "))}


def test_cells_share_the_steps_that_are_alike(voices: Path) -> None:
    steps = {cell.name: {step.kind: step.key for step in plan_cell(cell.settings).steps()} for cell in declared()}
    assert steps["five-it-1"]["source"] == steps["text-it-2-gram"]["source"] != steps["five-fr-1"]["source"]
    # another seed of the five is another draw of the source AM, of *students* it is not
    assert steps["five-it-1"]["source"] != steps["five-it-2"]["source"]
    assert steps["students-it-plain-1"]["source"] == steps["students-it-plain-2"]["source"]
    assert steps["five-it-1"]["run"] != steps["five-it-2"]["run"]
    # a part of the target's audio is another target for the same source AM
    assert steps["amount-it-3-minutes"]["source"] == steps["units-it-phonemes"]["source"]
    assert len({steps[f"distance-{language}"]["source"] for language in ("fi", "tr", "sw", "hi", "zh")}) == 1


def test_a_key_of_a_step_follows_contents_not_places(voices: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def keys() -> list[str]:
        return [plan_cell(cell.settings).run.key for cell in declared() if cell.question == "five"]

    before = keys()
    voices.rename(voices.with_name("moved"))
    monkeypatch.setenv("GCOMPRIS", str(voices.with_name("moved")))
    monkeypatch.setenv("FROM", "/packages")
    assert keys() == before
    (voices.with_name("moved") / "de" / "labels.tsv").write_text("audio\ttext\nb.opus\tanders\n")
    assert not set(keys()) & set(before)


def test_precision_is_the_machine_s_and_in_no_key(
    voices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell, work, seen = next(cell for cell in declared() if cell.settings.topline), WorkFolder(tmp_path), {}
    for quick in (True, False):
        monkeypatch.setattr("study.plan.computes_bf16", lambda quick=quick: quick)
        trainings = [step for step in plan_cell(cell.settings).steps() if step.kind in ("source", "topline", "run")]
        words = [str([work.commands(step), work.filled(dict(step.files), step)]) for step in trainings]
        assert [text.count("common.bf16=true") for text in words] == [int(quick)] * 3
        seen[quick] = [step.key for step in trainings]
    assert seen[True] == seen[False]


def test_no_source_speaks_the_target(voices: Path) -> None:
    for cell in declared():
        plan = plan_cell(cell.settings)
        [source] = [step for step in plan.run.needs if step.kind == "source"]
        # sentencepiece reads the target's text, which is kept apart from the target's speech
        speech = [step for step in source.with_needs() if step.kind == "speech" and "target-" not in step.name]
        assert speech
        for step in speech:
            [words] = step.commands
            # a synthesizer's script takes the language before the text
            spoken = words[words.index("bash") + 2] if "bash" in words else words[words.index("--language") + 1]
            assert spoken != cell.settings.target.language


def test_the_target_s_transcripts_stay_with_topline_and_text(voices: Path) -> None:
    """Text reads them to leave out what is spoken; matched text takes those of the audio that is learned from."""
    for cell in declared():
        for step in plan_cell(cell.settings).steps():
            readers = {"topline", "text"} | ({"lexicon", "lm"} if cell.settings.text.matched else set())
            others = (place for place in places_in([step.commands, step.files]) if place.step)
            reads = any(place.path.startswith("references") for place in others)
            assert not reads or step.kind in readers or step.name.endswith("-minutes"), step.title


def test_the_declared_runs_have_no_unknown_keys(voices: Path, tmp_path: Path) -> None:
    work, schema, seen = WorkFolder(tmp_path), OmegaConf.structured(IterateConfig), set()
    for step in (step for cell in declared() for step in plan_cell(cell.settings).steps() if CONFIG in step.files):
        config = work.filled(step.files[CONFIG], step)
        if (keys := str(sorted(keys_of(config)))) not in seen:
            seen.add(keys)
            OmegaConf.merge(schema, config)
    assert len(seen) > 4


def keys_of(config: dict[str, Any], above: str = "") -> Iterator[str]:
    for key, value in config.items():
        yield f"{above}{key}"
        if isinstance(value, dict):
            yield from keys_of(value, f"{above}{key}.")


def test_voices_that_are_not_there_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GCOMPRIS", raising=False)
    with pytest.raises(XlplError, match="GCOMPRIS is not set") as caught:
        plan_cell(declared()[0].settings)
    assert "gcompris-qt-data" in str(caught.value)
    # a cell that needs none has a plan all the same
    assert plan_cell(next(cell for cell in declared() if cell.question == "twelve").settings).run


def test_a_record_of_other_settings_is_none(write: Write, tmp_path: Path) -> None:
    records, cells = RecordFolder(tmp_path), write()
    assert records.state(cells[0]) == "not run"
    record = make_record(cells[0], {"round-0": [1, 2]}, "round-0")
    record.write(records.file(cells[0]))
    assert records.read(cells[0]) == record == CellRecord.read(records.file(cells[0]))
    assert records.state(cells[0]) == "done"
    other = write(TOY.replace("set: {", "set: {text: {order: 3}, "))[0]
    assert (records.read(other), records.state(other)) == (None, "settings changed")
    assert records.read_all(cells) == {cells[0].name: record}


@pytest.fixture
def study(tmp_path: Path, write: Write) -> Callable[..., Result]:
    """The command on the toy's cells."""
    write()

    def run(*options: str) -> Result:
        folders = ["--cells", str(tmp_path / "cells"), "--results", str(tmp_path), "--work", str(tmp_path / "work")]
        return CliRunner().invoke(main, [*folders, *options])

    return run


def test_the_list_counts_what_is_shared_once(study: Callable[..., Result], write: Write, tmp_path: Path) -> None:
    cell = write()[1]
    make_record(cell, {"round-0": [1, 2]}, "round-0").write(RecordFolder(tmp_path / "cells").file(cell))
    rows = [line.split() for line in study("--list").output.splitlines()[2:]]
    assert [row[0] for row in rows] == [one.name for one in write()]
    assert rows[1] == [cell.name, "toy", "done"]
    assert float(rows[0][2]) > float(rows[3][2]) >= 2.0


def test_no_cell_is_begun_that_would_end_too_late(study: Callable[..., Result], tmp_path: Path) -> None:
    done = study("--hours", "1.5")
    assert done.exit_code == 0
    assert done.output.count("not begun: 2.") == 8
    assert not (tmp_path / "work").exists()
    assert "not run" in (tmp_path / "study-toy.md").read_text()


def test_a_dry_run_prints_each_step_once(study: Callable[..., Result], tmp_path: Path) -> None:
    output = study("--dry-run", "--only", "toy-it-*").output
    assert output.count("xlpl prepare asterisk --language en") == 1
    assert "--language it --test 0.1" not in output
    assert output.count("xlpl iterate") == 5
    assert not (tmp_path / "work").exists()


def test_a_pattern_that_fits_nothing(study: Callable[..., Result]) -> None:
    done = study("--only", "tyo", "--list")
    assert done.exit_code == 1
    assert "no cell is called 'tyo'" in done.output
    assert study("--only", "toy", "--list").exit_code == 0


TOY_CELL = """
question: A toy
tuned_on: [sw]
columns: [zero-shot greedy, zero-shot, round 1, chosen, topline, closed %, evidence, sources' own greedy CER, minutes]
pictures: [{title: Rounds}]
settings:
  topline: true
  target: {language: sw, speech: espeak, minutes: 1.0}
  sources: {espeak: {es: 1.0}, espeak_voices: m1 f1}
  text: {order: 3}
  recipes:
    source: {config_name: train, max_update: 60, overrides: &size [model=transformer_ctc, model.dim=32, model.layers=1,
      model.heads=2, model.ffn_dim=64, model.num_mels=40, common.cpu=true, dataset.max_tokens=160000,
      "optimization.lr=[0.005]", dataset.num_workers=0, dataset.validate_interval=1000, checkpoint.save_interval=1000]}
    topline: {config_name: train, max_update: 30, overrides: *size}
    run:
      rounds: 1
      decoder: {beam: 20}
      tuning: {search: {sample: 6, trials: 6, local_trials: 2, beams: [5, 10]}}
      stop: {enabled: false, zero_shot: "off"}
      student: {config_name: train, max_update: 20, overrides: *size}
cells:
  - {name: toy, row: {target: "${target.language}"}}
"""


@pytest.mark.slow
def test_a_toy_cell_runs_whole(tmp_path: Path, write: Write) -> None:
    [cell] = write(TOY_CELL)
    folders = {"cells": tmp_path / "cells", "results": tmp_path / "results", "work": tmp_path / "work"}
    words = [word for name, folder in folders.items() for word in (f"--{name}", str(folder))]
    command = [sys.executable, str(ROOT / "benchmarks" / "study"), *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, env=environment)
    file = tmp_path / "results" / "cells" / "toy.json"
    record = CellRecord.read(file)
    assert [stage.stage for stage in record.stages] == ["round-0", "round-1"]
    assert record.topline
    for stage in record.all_stages.values():
        assert stage.lm
        assert stage.evidence
        assert stage.measurement.signals.utterances > 0
        # the errors of the utterances are those of the product's own score
        score = stage.lm.score
        assert (
            sum(map(int, stage.lm.errors["words"].split())) == score.substitutions + score.deletions + score.insertions
        )
        assert len(stage.lm.errors["words"].split()) == record.utterances
    assert (tmp_path / "results" / "study-toy-1.png").read_bytes().startswith(b"\x89PNG")
    assert "| sw * " in (tmp_path / "results" / "study-toy.md").read_text()
    # where the work is lost, the record is all that is needed
    written = file.read_bytes()
    (tmp_path / "work").rename(tmp_path / "lost")
    subprocess.run(command, check=True, env=environment)
    assert file.read_bytes() == written
    assert not (tmp_path / "work").exists()
    assert plan_cell(cell.settings).run.title in {path.name for path in (tmp_path / "lost" / "steps").iterdir()}


def test_settings_have_the_defaults_that_change_nothing() -> None:
    from study.settings import changed

    assert changed(CellSettings()) == {}
