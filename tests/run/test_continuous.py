"""The continuous phase follows the rounds from the best of them, resumes like them, and is taken where it is better."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from xlpl_plugin.cli.iterate import command
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import write_json
from xlpl_plugin.monitoring.signals import DecoderWeights
from xlpl_plugin.run.actions import ACTIONS, Resources
from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.driver import iterate
from xlpl_plugin.run.dry_run.preview import describe
from xlpl_plugin.run.plan.parts import Start
from xlpl_plugin.run.plan.plan_file import PlanFile
from xlpl_plugin.run.plan.planner import make_plan
from xlpl_plugin.run.plan.steps import Continue, Extract
from xlpl_plugin.run.training.command import max_update, training_command
from xlpl_plugin.run.training.start import run_training
from xlpl_plugin.stage import CONTINUOUS, Stage

Configure = Callable[..., IterateConfig]
Results = Callable[[Path], dict[str, Any]]

STEPS = [
    *("collect", "train", "model"),
    *("emit/train", "emit/valid", "emit/test", "tune", "label/train", "label/valid", "label/test", "measure"),
]
# held-out scores by round; round 1 is the best
SCORES = {Stage.round(0): 0.9, Stage.round(1): 0.5, Stage.round(2): 0.6}


@pytest.fixture(autouse=True)
def enabled(project: Path) -> None:
    """Switch the phase on in the project's configuration."""
    (project / "continuous.yaml").write_text("optimization: {max_update: 20}\n")
    with (project / "run.yaml").open("a") as stream:
        stream.write("continuous: {enabled: true}\n")


def scored(fake_run: ModuleType, phase: float | None, **more: Callable[[Stage], Any]) -> dict[Any, Any]:
    """Return actions whose rounds have ``SCORES``, and the phase the given one."""
    return dict(fake_run.measuring(held_out={**SCORES, CONTINUOUS: phase}.get, **more))


def result(project: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((project / "run/result.json").read_text())
    return told


def continuation(config: IterateConfig, start: int = 2) -> Continue:
    weights = DecoderWeights(lm_weight=2.5, word_score=-0.5, blank_penalty=0.25, beam=100)
    return next(step for step in make_plan(config, Start(start, weights)) if isinstance(step, Continue))


def test_goes_on_from_the_best_round(configure: Configure, project: Path, fake_run: ModuleType) -> None:
    done: list[str] = []
    iterate(configure(), actions=fake_run.noting(scored(fake_run, 0.4), done))
    run = project / "run"
    assert done[done.index("round-2/measure") + 1 :] == [f"continuous/{name}" for name in STEPS]
    typed = (run / "continuous/training/command.txt").read_text()
    assert f" ++task.init_from={run}/round-1/model.pt " in typed
    assert f" ++task.unlabelled={project}/it ++task.unlabelled_split=train " in typed
    assert " --config-name continuous " in typed
    for split in ("train", "valid"):
        mine = (run / f"continuous/data/{split}.ltr").read_text()
        assert mine == (run / f"round-1/labels/{split}/{split}.ltr").read_text()
    assert [step.name for step in PlanFile.read(run / "plan.json").steps[-11:]] == done[-11:]


@pytest.mark.parametrize(
    ("labels", "score", "taken"),
    [
        ("greedy", 0.49, True),
        ("greedy", 0.5, False),
        ("greedy", None, False),
        # labels under the LM that scores: two seeds are 3 % apart
        ("lm", 0.4, True),
        ("lm", 0.49, False),
    ],
)
def test_taken_only_where_it_is_better_than_its_start(
    configure: Configure, project: Path, fake_run: ModuleType, labels: str, score: float | None, taken: bool
) -> None:
    iterate(configure(f"continuous.label_with={labels}"), actions=scored(fake_run, score))
    told = result(project)
    assert told["continuous"] == {"start": 1, "score": score, "start_score": 0.5, "taken": taken, "collapse": ""}
    assert told["model"] == ("continuous/model.pt" if taken else "round-1/model.pt")
    assert (told["best"], told["rounds"], told["finished"]) == (1, 2, True)


def test_better_score_of_collapsed_labels_is_not_taken(
    configure: Configure, project: Path, fake_run: ModuleType
) -> None:
    silent = scored(fake_run, 0.1, empty_share=lambda stage: 0.9 if stage == CONTINUOUS else 0.0)
    iterate(configure(), actions=silent)
    assert not result(project)["continuous"]["taken"]


def test_follows_rounds_that_stopped_early_and_stays_done(
    configure: Configure, project: Path, fake_run: ModuleType
) -> None:
    still = scored(fake_run, 0.4, change=lambda stage: {Stage.round(0): None, Stage.round(2): 0.001}.get(stage, 0.4))
    iterate(configure("rounds=5"), actions=still)
    first = result(project)
    assert "chang" in first["stopped"]
    assert first["continuous"]["taken"]
    done: list[str] = []
    iterate(configure("rounds=5"), actions=fake_run.noting(still, done))
    assert done == []
    assert result(project) == first


def test_does_not_follow_a_source_that_hears_nothing(configure: Configure, project: Path, fake_run: ModuleType) -> None:
    deaf = fake_run.measuring(evidence=lambda stage: -0.1, evidence_error=lambda stage: 0.01)
    with pytest.raises(XlplError, match="no good for this target"):
        iterate(configure("rounds=0", "stop.zero_shot=stop"), actions=deaf)
    assert not (project / "run/continuous").exists()


def test_until_the_last_round_leaves_it_for_later(
    configure: Configure, project: Path, results: Results, fake_run: ModuleType
) -> None:
    config, actions = configure("rounds=1"), scored(fake_run, 0.4)
    iterate(config, actions=actions)
    whole = results(project / "run")
    shutil.rmtree(project / "run")
    iterate(config, until_stage=Stage.round(1), actions=actions)
    assert result(project) | {"finished": False, "continuous": None} == result(project)
    assert not (project / "run/continuous").exists()
    iterate(config, actions=actions)
    assert results(project / "run") == whole


@pytest.mark.parametrize(("stage", "first"), [(Stage.round(2), "round-2/collect"), (CONTINUOUS, "continuous/collect")])
def test_done_again_with_the_rounds_or_alone(
    configure: Configure, project: Path, results: Results, fake_run: ModuleType, stage: Stage, first: str
) -> None:
    actions, done = scored(fake_run, 0.4), list[str]()
    iterate(configure(), actions=actions)
    whole = results(project / "run")
    (project / "run/continuous/model.pt").write_text("spoilt")
    iterate(configure(), from_stage=stage, actions=fake_run.noting(actions, done))
    assert (done[0], done[-1]) == (first, "continuous/measure")
    assert results(project / "run") == whole


def test_the_phase_is_named_on_the_command_line(project: Path) -> None:
    ask = [str(project / "run.yaml"), "continuous.enabled=false", "--from-round", "continuous"]
    with pytest.raises(XlplError, match=r"--from-round continuous(.|\n)*continuous\.enabled=true"):
        CliRunner().invoke(command, ask, catch_exceptions=False)
    refused = CliRunner().invoke(command, [*ask[:-1], "later"])
    assert "'later' is no stage of a run" in str(refused.exception)


@pytest.mark.parametrize("step", ["collect", "train", "measure"])
def test_interrupted_it_goes_on(
    configure: Configure, project: Path, results: Results, fake_run: ModuleType, step: str
) -> None:
    config, actions, done = configure("rounds=0"), scored(fake_run, 0.4), list[str]()
    iterate(config, actions=actions)
    whole = results(project / "run")
    shutil.rmtree(project / "run")
    with pytest.raises(KeyboardInterrupt):
        iterate(config, actions=fake_run.noting(actions, [], stop_after=f"continuous/{step}"))
    iterate(config, actions=fake_run.noting(actions, done))
    assert done == [f"continuous/{name}" for name in STEPS[STEPS.index(step) :]]
    assert results(project / "run") == whole


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_the_same(
    configure: Configure, project: Path, results: Results, fake_run: ModuleType
) -> None:
    config = configure("rounds=0", "continuous.overrides=[fake.seconds=0.1]")
    text = (project / "run.yaml").read_text().replace("rounds: 2", "rounds: 0")
    slow = text.replace("enabled: true", "enabled: true, overrides: [fake.seconds=0.1]")
    (project / "slow.yaml").write_text(slow)
    iterate(config, actions=fake_run.FAKES)
    whole = results(project / "run")
    shutil.rmtree(project / "run")
    generator = random.Random(1)
    for _ in range(6):
        driver = fake_run.start_driver(project / "slow.yaml")
        try:
            assert driver.wait(generator.uniform(0.5, 2.0)) == 0
        except subprocess.TimeoutExpired:
            driver.send_signal(signal.SIGKILL)
            driver.wait()
    iterate(config, actions=fake_run.FAKES)
    assert results(project / "run") == whole


def test_collapse_is_an_end_and_its_reason_is_told(
    configure: Configure, project: Path, fake_run: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configure("rounds=0", "continuous.overrides=[fake.collapse_at=4]")
    iterate(config, actions=scored(fake_run, 0.4))
    told = result(project)
    assert told["continuous"]["collapse"] == "the labels fell silent"
    assert told["model"] == "continuous/model.pt"  # the good checkpoint that it was put back to
    assert len(re.findall("the labels fell silent", capsys.readouterr().err)) >= 2
    assert (project / "run/continuous/labels/test/labels.jsonl").exists()


def test_collapsed_training_is_not_begun_again(configure: Configure, project: Path) -> None:
    step = continuation(configure())
    step.checkpoints.mkdir(parents=True)
    (Path(step.out) / "hydra").mkdir()
    (Path(step.out) / "hydra/hydra_train.log").write_text("collapse at update 4: the labels fell silent\n")
    with zipfile.ZipFile(step.checkpoints / "checkpoint_last.pt", "w") as archive:
        archive.writestr("weights", "good")
    with pytest.raises(XlplError, match="exit status 1"):
        run_training(step, ("false",))  # it had no end
    record = {"update": 4, "reason": "silent", "signals": {}, "reference": {}, "rolled_back_to": 2}
    write_json(step.checkpoints / "collapse.json", record)
    run_training(step, ("false",))


@pytest.mark.parametrize("how", ["best", "average"])
def test_model_of_a_collapse_is_the_checkpoint_put_back(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "checkpoints"
    record = {"update": 4, "reason": "silent", "signals": {}, "reference": {}, "rolled_back_to": 2}
    write_json(folder / "collapse.json", record)
    state = {"cfg": {"model": {}, "task": {}, "criterion": {}}, "optimizer_history": [{"num_updates": 2}]}
    torch.save({**state, "model": {"weight": torch.full((1,), 2.0)}}, folder / "checkpoint_last.pt")
    step = Extract(name="m", stage=CONTINUOUS, out=str(tmp_path / "m.pt"), checkpoints=str(folder), how=how, count=2)
    ACTIONS[Extract](step, Resources((), None, 1, "cpu", 1.0))  # type: ignore[arg-type]
    assert torch.load(tmp_path / "m.pt")["model"]["weight"].item() == 2.0


def test_added_to_a_finished_run_it_alone_is_done_and_never_mixed(
    configure: Configure, project: Path, fake_run: ModuleType
) -> None:
    actions, done = scored(fake_run, 0.4), list[str]()
    iterate(configure("rounds=0", "continuous.enabled=false"), actions=actions)
    assert result(project)["continuous"] is None
    iterate(configure("rounds=0"), actions=fake_run.noting(actions, done))
    assert done == [f"continuous/{name}" for name in STEPS]
    changed = configure("rounds=0", "continuous.cache_size=7")
    with pytest.raises(XlplError, match=r"\+  cache_size: 7(.|\n)*--force, which does continuous/train"):
        iterate(changed, actions=actions)
    again: list[str] = []
    iterate(changed, force=True, actions=fake_run.noting(actions, again))
    assert again == done[1:]  # the labels of the start are the same


def test_another_best_round_is_another_start(configure: Configure, project: Path, fake_run: ModuleType) -> None:
    close = fake_run.measuring(held_out={**SCORES, Stage.round(2): 0.495, CONTINUOUS: 0.4}.get)
    iterate(configure("stop.tolerance=0.03"), actions=close)
    assert result(project)["continuous"]["start"] == 1
    with pytest.raises(XlplError, match=r"the best round is another one now(.|\n)*--force, which does continuous/"):
        iterate(configure(), actions=close)
    assert result(project)["continuous"]["start"] == 1
    iterate(configure(), force=True, actions=close)
    assert result(project)["continuous"]["start"] == 2


def test_labels_are_searched_with_the_weights_of_the_start(
    configure: Configure, project: Path, fake_run: ModuleType
) -> None:
    iterate(configure("rounds=0", "continuous.label_with=lm", "workers=2"), actions=fake_run.FAKES)
    typed = (project / "run/continuous/training/command.txt").read_text()
    for key, value in {
        "dec_lexicon": project / "lexicon.txt",
        "dec_lm": project / "lm.arpa",
        "dec_lm_weight": 2.5,
        "dec_word_score": -0.5,
        "dec_blank_penalty": 0.25,
        "dec_beam": 50,
        "dec_beam_token": 15,
        "label_workers": 2,
    }.items():
        assert f" ++task.{key}={value} " in f"{typed.strip()} ", key
    done: list[str] = []
    more = configure("rounds=0", "continuous.label_with=lm", "workers=3")
    iterate(more, actions=fake_run.noting(fake_run.FAKES, done))
    assert done == []


def test_greedy_labels_take_nothing_from_the_decoder(configure: Configure) -> None:
    typed = training_command(continuation(configure("decoder.blank_penalty=2.0")), ("trainer",))
    assert not [key for key in typed if "dec_" in key or "label_workers" in key]


@pytest.mark.parametrize(
    ("labelled", "weight", "mixed", "more"),
    [
        ("both", "1.0", True, []),
        ("pseudo", "1.0", False, []),
        ("source", "0.0", True, []),
        ("none", "0.0", False, ["++task.warm_up=0", "++task.labelled_updates=0"]),
    ],
)
def test_labelled_part(
    configure: Configure, project: Path, labelled: str, weight: str, mixed: bool, more: list[str]
) -> None:
    mix = (f"student.mix=[{project}/en]", "student.mix_weights=[0.5]")
    step = continuation(configure(*mix, f"continuous.labelled={labelled}"))
    assert f"++task.data_weight={weight}" in step.training.overrides
    assert (step.training.mix, step.training.mix_weights) == (([f"{project}/en"], [0.5]) if mixed else ([], []))
    assert [override for override in step.training.overrides if "updates" in override or "warm_up" in override] == more


def test_own_mix_and_settings_replace_the_students(configure: Configure, project: Path) -> None:
    config = configure(
        "student.mix=[/en]",
        "student.mix_weights=[0.5]",
        "continuous.mix=[/es, /fr]",
        "continuous.mix_weights=[1.0, 2.0]",
        "continuous.teacher=ema",
        "continuous.replace_prob=0.2",
        "continuous.lr=0.0002",
        "continuous.overrides=[++task.replace_prob=0.3]",
    )
    step = continuation(config)
    assert (step.training.mix, step.training.mix_weights) == (["/es", "/fr"], [1.0, 2.0])
    assert step.training.overrides == [
        *("++task.replace_prob=0.2", "++task.teacher=ema", "++task.data_weight=1.0", "++ema.store_ema=true"),
        *("++task.replace_prob=0.3", "++optimization.lr=[0.0002]"),
    ]


def test_a_yaml_file_may_take_another_over(configure: Configure, project: Path) -> None:
    (project / "phase").mkdir()
    (project / "phase/continuous.yaml").write_text("# @package _global_\noptimization: {max_update: 30}\n")
    (project / "continuous.yaml").write_text("defaults:\n  - _self_\n  - student\n  - phase: continuous\n")
    step = continuation(configure())
    assert max_update(step) == 30
    names = {f"{project}/{name}.yaml" for name in ("continuous", "student", "phase/continuous")}
    assert names <= set(step.inputs)


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (["labelled=all"], "continuous.labelled='all'"),
        (["label_with=beam"], "continuous.label_with='beam'"),
        (["replacement=never"], "continuous.replacement='never'"),
        (["teacher=best"], "continuous.teacher='best'"),
        (["cache_size=0"], "continuous.cache_size=0"),
        (["replace_prob=1.5"], "continuous.replace_prob=1.5"),
        (["dropout_scale=-1"], "continuous.dropout_scale=-1"),
        (["unlabelled_updates=0"], "continuous.unlabelled_updates=0"),
        (["labelled_updates=0"], "labelled=both with labelled_updates=0"),
        (["labelled=none", "warm_up=10"], "labelled=none with warm_up=10"),
        (["labelled=source"], "no labelled speech of a source"),
        (["config_name=other"], "other.yaml: no such file"),
        (["mix=[/nowhere]", "mix_weights=[1.0]"], "a labelled prepared folder for continuous.mix"),
        (["overrides=[task.unlabelled=/x]"], "task.unlabelled is set by the driver"),
        (["checkpoint=first"], "continuous.checkpoint='first'"),
        (["cash_size=3"], "did you mean 'continuous.cache_size'"),
    ],
)
def test_what_cannot_run_is_refused(configure: Configure, project: Path, overrides: list[str], problem: str) -> None:
    with pytest.raises(XlplError, match=problem):
        iterate(configure(*(f"continuous.{override}" for override in overrides)))
    assert not (project / "run").exists()


def test_search_without_lexicon_and_lm_is_refused(configure: Configure) -> None:
    bare = ("decoder.lexicon=''", "decoder.lm=''", "tuning.enabled=false")
    with pytest.raises(XlplError, match="neither lexicon nor LM"):
        iterate(configure(*bare, "continuous.label_with=lm"))


def test_dry_run_says_what_is_not_known_yet(configure: Configure, fake_run: ModuleType) -> None:
    before = describe(configure(), probe=False)
    assert "starts from the best round" in before
    assert re.search(r"continuous +round 2 +20 ", before)
    iterate(configure(), until_stage=Stage.round(2), actions=scored(fake_run, 0.4))
    after = describe(configure(), probe=False)
    assert "starts from the best round" not in after
    assert re.search(r"continuous +round 1 +20 ", after)
    assert re.search(r"continuous/train +\d+ s +like round-2/train", after)
