"""A run stops anywhere and goes on; it is never mixed with another configuration; failures say what to do."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner
from support.label_records import filter_out

from xlpl_plugin.cli.iterate import command
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.errors import XlplError
from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.driver import iterate
from xlpl_plugin.run.lock import locked
from xlpl_plugin.run.plan.planner import make_plan
from xlpl_plugin.run.plan.steps import Train
from xlpl_plugin.run.state import StateFile
from xlpl_plugin.run.training.start import run_training

Configure = Callable[..., IterateConfig]
Results = Callable[[Path], dict[str, Any]]
STEPS = 30  # of two rounds with one eval split; the test of the plan counts them one by one


class Counting:
    """Wraps actions; stops in the middle of the step with number ``stop``, when that has written something."""

    def __init__(self, actions: dict[Any, Any], stop: int | None = None) -> None:
        self.done: list[str] = []
        self.stop = stop
        self.actions = {kind: self._wrap(action) for kind, action in actions.items()}

    def _wrap(self, action: Callable[..., None]) -> Callable[..., None]:
        def run(step: Any, resources: Any) -> None:
            action(step, resources)
            if len(self.done) == self.stop:
                raise KeyboardInterrupt
            self.done.append(step.name)

        return run


def test_a_run_needs_no_reference_and_leaves_everything_in_place(
    configure: Configure, project: Path, fake_run: ModuleType
) -> None:
    iterate(configure(), actions=fake_run.FAKES)  # the project's transcripts are not even UTF-8
    run = project / "run"
    assert all(
        (run / f"round-{k}/labels/{split}/labels.jsonl").exists()
        for k in range(3)
        for split in ("train", "valid", "test")
    )
    stored = (run / "round-1/training/command.txt").read_text()
    assert "PYTHONUTF8=1 " in stored
    assert f" ++task.init_from={project}/source.pt " in stored
    assert '"num_updates": "10"' in (run / "round-2/training/train.log").read_text()
    state = json.loads((run / "state.json").read_text())["steps"]
    assert len(state) == STEPS
    assert all(entry["done"] for entry in state.values())


def test_second_call_does_nothing(configure: Configure, fake_run: ModuleType) -> None:
    iterate(configure("rounds=1"), actions=fake_run.FAKES)
    again = Counting(fake_run.FAKES)
    iterate(configure("rounds=1"), actions=again.actions)
    assert again.done == []


@pytest.mark.slow
def test_interrupted_anywhere_the_same_call_ends_the_same(
    configure: Configure, project: Path, results: Results, fake_run: ModuleType
) -> None:
    config = configure("rounds=1")
    names = [step.name for step in make_plan(config)]
    iterate(config, actions=fake_run.FAKES)
    whole = results(project / "run")
    for stop in range(len(names)):
        shutil.rmtree(project / "run")
        first, second = Counting(fake_run.FAKES, stop), Counting(fake_run.FAKES)
        with pytest.raises(KeyboardInterrupt):
            iterate(config, actions=first.actions)
        iterate(config, actions=second.actions)
        assert first.done == names[:stop]
        assert second.done == names[stop:]
        assert results(project / "run") == whole, f"interrupted in {names[stop]}"


def test_half_written_files_of_a_killed_driver_go(configure: Configure, project: Path, fake_run: ModuleType) -> None:
    iterate(configure("rounds=0"), actions=fake_run.FAKES)
    (project / "run/round-0/.signals.json.x1y2.part").write_text("{")
    iterate(configure("rounds=0"), actions=fake_run.FAKES)
    assert not list((project / "run").rglob("*.part"))


@pytest.mark.slow
def test_killed_driver_takes_its_trainer_along_and_resumes(
    configure: Configure, project: Path, results: Results, fake_run: ModuleType
) -> None:
    text = (project / "run.yaml").read_text().replace("rounds: 2", "rounds: 1")
    (project / "slow.yaml").write_text(text.replace("init: previous", "init: previous, overrides: [fake.seconds=0.2]"))
    driver = fake_run.start_driver(project / "slow.yaml")
    wait_for(lambda: (project / "run/round-1/training/checkpoints/updates").exists())
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    wait_for(lambda: not living_trainers(project))
    assert not (project / "run/round-1/training/checkpoints/checkpoint_last.pt").exists()
    config = configure("rounds=1", "student.overrides=[fake.seconds=0.2]")
    iterate(config, actions=fake_run.FAKES)
    starts = re.findall(r"starting at update (\d+)", (project / "run/round-1/training/train.log").read_text())
    assert starts[0] == "0"
    assert int(starts[1]) > 0
    killed = results(project / "run")
    shutil.rmtree(project / "run")
    iterate(config, actions=fake_run.FAKES)
    assert killed == results(project / "run")


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def living_trainers(project: Path) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = entry.read_text()
        except OSError:
            continue
        if "fake_trainer" in arguments and str(project) in arguments:
            found.append(arguments)
    return found


def test_changed_configuration_is_refused_with_a_diff(
    configure: Configure, project: Path, results: Results, fake_run: ModuleType
) -> None:
    iterate(configure("rounds=0"), actions=fake_run.FAKES)
    before = results(project / "run")
    with pytest.raises(XlplError) as caught:
        iterate(configure("rounds=0", "decoder.beam=77"), actions=fake_run.FAKES)
    message = str(caught.value)
    assert "-  beam: 500" in message
    assert "+  beam: 77" in message
    assert "--force, which does round-0/tune, round-0/label/train" in message
    assert results(project / "run") == before


def test_changed_input_file_is_refused(configure: Configure, project: Path, fake_run: ModuleType) -> None:
    iterate(configure("rounds=0"), actions=fake_run.FAKES)
    (project / "lm.arpa").write_text("other text")
    with pytest.raises(XlplError, match="another content"):
        iterate(configure("rounds=0"), actions=fake_run.FAKES)


def test_force_does_again_what_the_change_touches_and_no_more(
    configure: Configure, project: Path, results: Results, fake_run: ModuleType
) -> None:
    iterate(configure(), actions=fake_run.FAKES)
    stale = project / "run/round-2/training/checkpoints/stale.pt"
    stale.write_text("of the old training")
    changed = configure("changes=[{round: 2, overrides: [fake.note=longer]}]")
    forced = Counting(fake_run.FAKES)
    iterate(changed, force=True, actions=forced.actions)
    assert forced.done[0] == "round-2/train"
    assert all(name.startswith("round-2/") for name in forced.done)
    assert not stale.exists()
    after = results(project / "run")
    os.rename(project / "run", project / "forced")
    iterate(changed, actions=fake_run.FAKES)
    assert after == results(project / "run")


def test_more_rounds_keep_the_old_ones(configure: Configure, fake_run: ModuleType) -> None:
    iterate(configure("rounds=1"), actions=fake_run.FAKES)
    longer = Counting(fake_run.FAKES)
    iterate(configure("rounds=2"), actions=longer.actions)  # no --force: nothing is done again
    assert longer.done[0] == "round-2/collect"
    with pytest.raises(XlplError, match=r"-rounds: 2(.|\n)*does nothing again"):
        iterate(configure("rounds=1"), actions=longer.actions)


def test_other_resources_are_no_other_configuration(configure: Configure, fake_run: ModuleType) -> None:
    iterate(configure("rounds=0"), actions=fake_run.FAKES)
    again = Counting(fake_run.FAKES)
    iterate(configure("rounds=0", "workers=8", "device=cuda"), actions=again.actions)
    assert again.done == []


def test_failing_trainer_shows_its_last_words_and_resumes(
    configure: Configure, project: Path, fake_run: ModuleType
) -> None:
    with pytest.raises(XlplError) as caught:
        iterate(configure("rounds=1", "student.overrides=[fake.fail_at=4]"), actions=fake_run.FAKES)
    message = str(caught.value)
    assert "round-1/training/train.log: round-1/train: the training failed with exit status 3" in message
    assert "RuntimeError: the loss is è infinite" in message
    assert "goes on from its last checkpoint" in message
    iterate(configure("rounds=1", "student.overrides=[fake.fail_at=4]"), actions=fake_run.FAKES)
    assert "starting at update 4" in (project / "run/round-1/training/train.log").read_text()


@pytest.mark.parametrize("cut", [True, False])
def test_checkpoint_cut_off_by_a_kill_is_replaced_by_the_newest_whole_one(
    configure: Configure, project: Path, fake_run: ModuleType, cut: bool
) -> None:
    config = configure("rounds=1", "student.overrides=[fake.fail_at=1]")
    with pytest.raises(XlplError, match="exit status 3"):
        iterate(config, actions=fake_run.FAKES)
    folder = project / "run/round-1/training/checkpoints"
    for number in (1, 2):
        with zipfile.ZipFile(folder / f"checkpoint_1_{number}.pt", "w") as archive:
            archive.writestr("weights", f"of update {number}")
        os.utime(folder / f"checkpoint_1_{number}.pt", (number, number))
    older, newer = ((folder / f"checkpoint_1_{number}.pt").read_bytes() for number in (1, 2))
    (folder / "checkpoint_last.pt").write_bytes(older[:-30] if cut else older)
    run_training(next(step for step in make_plan(config) if isinstance(step, Train)), ("true",))
    assert (folder / "checkpoint_last.pt").read_bytes() == (newer if cut else older)


def test_trainer_that_is_killed_is_told_apart(configure: Configure, project: Path, fake_run: ModuleType) -> None:
    (project / "killed.sh").write_text("#!/bin/sh\nkill -9 $$\n")
    (project / "killed.sh").chmod(0o755)
    with pytest.raises(XlplError, match=r"ended by SIGKILL(.|\n)*out of memory"):
        iterate(configure(f"train_command=[{project}/killed.sh]"), actions=fake_run.FAKES)


def test_trainer_that_does_not_exist(configure: Configure, fake_run: ModuleType) -> None:
    with pytest.raises(XlplError, match="cannot start the trainer"):
        iterate(configure("train_command=[/nowhere/train]"), actions=fake_run.FAKES)


def test_trainer_that_leaves_no_model(configure: Configure, fake_run: ModuleType) -> None:
    with pytest.raises(XlplError, match=r"checkpoint_last\.pt"):
        iterate(configure("train_command=['true']"), actions=fake_run.FAKES)


def test_labels_without_a_word_cannot_teach(configure: Configure, project: Path, fake_run: ModuleType) -> None:
    def nothing(step: Any, resources: Any) -> None:
        fake_run.label(step, resources)
        split = step.config.split
        filter_out(Path(step.out), split, read_manifest(step.out, split).ids)
        for suffix in ("wrd", "ltr"):
            (Path(step.out) / f"{split}.{suffix}").write_text("")

    with pytest.raises(XlplError, match=r"round-0/labels/train/train.tsv: no label was kept(.|\n)*filter"):
        iterate(configure(), actions={**fake_run.FAKES, fake_run.Label: nothing})


def test_two_drivers_do_not_share_a_run(
    configure: Configure, project: Path, fake_run: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xlpl_plugin.run.driver.locked", partial(locked, patience=0.0))

    def second(step: Any, resources: Any) -> None:
        iterate(configure(), actions=fake_run.FAKES)

    with pytest.raises(XlplError, match="another process works in this run"):
        iterate(configure(), actions={**fake_run.FAKES, fake_run.Emit: second})


def test_damaged_state_is_named(configure: Configure, project: Path, fake_run: ModuleType) -> None:
    iterate(configure("rounds=0"), actions=fake_run.FAKES)
    (project / "run/state.json").write_text('{"steps": {"round-0/tune": 3}}')
    with pytest.raises(XlplError, match=r"state\.json: not the state of a run"):
        iterate(configure("rounds=0"), actions=fake_run.FAKES)


def test_a_run_of_an_earlier_version_is_refused_with_a_sentence(
    configure: Configure, project: Path, fake_run: ModuleType
) -> None:
    iterate(configure("rounds=0"), actions=fake_run.FAKES)
    state = project / "run/state.json"
    replace(StateFile.read(state), form=1).write(state)
    before = state.read_bytes()
    with pytest.raises(XlplError, match=r"state\.json: a run of another version(.|\n)*choose another out"):
        iterate(configure("rounds=0"), force=True, actions=fake_run.FAKES)
    assert state.read_bytes() == before


def test_dry_run_prints_steps_and_commands_and_writes_nothing(project: Path) -> None:
    result = CliRunner().invoke(command, [str(project / "run.yaml"), "rounds=1", "--dry-run"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "round-1/train:\n" in result.output
    assert "fake_trainer.py --config-dir" in result.output
    assert not (project / "run").exists()
