"""How far a run goes: from and until a round, stopping by itself, giving up on a source AM, on a share of the audio."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.errors import XlplError
from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.driver import iterate
from xlpl_plugin.stage import CONTINUOUS, Stage

Configure = Callable[..., IterateConfig]
Results = Callable[[Path], dict[str, Any]]


def outcome(project: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((project / "run/result.json").read_text())
    return result


def test_until_a_round_and_then_on(configure: Configure, project: Path, results: Results, fake_run: ModuleType) -> None:
    iterate(configure(), actions=fake_run.FAKES)
    whole = results(project / "run")
    shutil.rmtree(project / "run")
    iterate(configure(), until_stage=Stage.round(1), actions=fake_run.FAKES)
    assert (project / "run/round-1/signals.json").exists()
    assert not (project / "run/round-2").exists()
    assert outcome(project) | {"rounds": 1, "finished": False, "stopped": ""} == outcome(project)
    iterate(configure(), actions=fake_run.FAKES)
    assert outcome(project)["finished"]
    assert results(project / "run") == whole


def test_from_a_round_does_it_and_later_ones_again(
    configure: Configure, project: Path, results: Results, fake_run: ModuleType
) -> None:
    iterate(configure(), actions=fake_run.FAKES)
    whole = results(project / "run")
    (project / "run/round-1/model.pt").write_text("spoilt")
    done: list[str] = []
    iterate(configure(), from_stage=Stage.round(1), actions=fake_run.noting(fake_run.FAKES, done))
    assert done[0] == "round-1/collect"
    assert done[-1] == "round-2/measure"
    assert results(project / "run") == whole


def test_from_a_round_goes_on_where_it_was_interrupted(
    configure: Configure, project: Path, fake_run: ModuleType
) -> None:
    iterate(configure(), actions=fake_run.FAKES)
    with pytest.raises(KeyboardInterrupt):
        iterate(
            configure(),
            from_stage=Stage.round(1),
            actions=fake_run.noting(fake_run.FAKES, [], stop_after="round-1/model"),
        )
    done: list[str] = []
    iterate(configure(), from_stage=Stage.round(1), actions=fake_run.noting(fake_run.FAKES, done))
    assert done[0] == "round-1/model"  # broken off in it
    again: list[str] = []
    iterate(configure(), from_stage=Stage.round(1), actions=fake_run.noting(fake_run.FAKES, again))
    assert again[0] == "round-1/collect"  # that run had come to its end


def test_source_models_outlive_from_round_0(configure: Configure, project: Path, fake_run: ModuleType) -> None:
    (project / "src").mkdir()
    for name in ("train.tsv", "train.ltr", "valid.tsv", "valid.ltr", "dict.ltr.txt"):
        (project / "src" / name).write_text("")
    training = f"{{config_dir: {project}, config_name: student}}"
    config = configure("source.checkpoint=''", f"source.data={project}/src", f"source.training={training}", "rounds=0")
    iterate(config, actions=fake_run.FAKES)
    done: list[str] = []
    iterate(config, from_stage=Stage.round(0), actions=fake_run.noting(fake_run.FAKES, done))
    assert done[0] == "round-0/emit/train"


@pytest.mark.parametrize(
    ("bounds", "problem"),
    [
        ({"from_stage": Stage.round(3)}, "--from-round 3"),
        ({"until_stage": CONTINUOUS}, "--until-round continuous"),
        ({"from_stage": Stage.round(2), "until_stage": Stage.round(1)}, "--from-round 2 lies after"),
    ],
)
def test_rounds_that_there_are_not(configure: Configure, project: Path, bounds: dict[str, Stage], problem: str) -> None:
    with pytest.raises(XlplError, match=problem):
        iterate(configure(), **bounds)
    assert not (project / "run").exists()


def test_stops_when_labels_stop_changing_and_stays_stopped(
    configure: Configure, project: Path, fake_run: ModuleType
) -> None:
    still = fake_run.measuring(change=lambda stage: [None, 0.4, *[0.001] * 4][stage.number])
    iterate(configure("rounds=5"), actions=still)
    assert outcome(project)["rounds"] == 2
    assert "chang" in outcome(project)["stopped"]
    done: list[str] = []
    iterate(configure("rounds=5"), actions=fake_run.noting(still, done))
    assert done == []
    iterate(
        configure("rounds=5", "stop.enabled=false"), actions=fake_run.noting(still, done)
    )  # no --force: nothing is mixed
    assert done[0] == "round-3/collect"
    assert outcome(project) | {"rounds": 5, "stopped": "", "finished": True} == outcome(project)


def test_keeps_the_best_round(configure: Configure, project: Path, fake_run: ModuleType) -> None:
    (project / "run.yaml").write_text((project / "run.yaml").read_text() + "stop: {enabled: false}\n")
    worse = fake_run.measuring(label_free=lambda stage: [0.9, 0.5, 0.6, 0.7][stage.number])
    iterate(configure("rounds=3"), actions=worse)
    assert outcome(project)["best"] == 1
    assert outcome(project)["model"] == "round-1/model.pt"
    for number in (1, 2, 3):
        assert (project / f"run/round-{number}/model.pt").exists()
        left = list((project / f"run/round-{number}/training/checkpoints").glob("*.pt"))
        assert bool(left) == (number != 2)  # the best round's and the last one's can be trained on


def test_a_hopeless_source_ends_the_run_where_that_is_asked_for(
    configure: Configure, project: Path, fake_run: ModuleType
) -> None:
    deaf = fake_run.measuring(evidence=lambda stage: -0.1, evidence_error=lambda stage: 0.01)
    with pytest.raises(XlplError, match=r"no good for this target(.|\n)*stop\.zero_shot=warn"):
        iterate(configure("stop.zero_shot=stop"), actions=deaf)
    assert outcome(project)["verdict"]["go"] is False
    assert not (project / "run/round-1").exists()
    iterate(configure("stop.zero_shot=warn"), actions=deaf)
    assert outcome(project)["rounds"] == 2


def test_a_share_of_the_audio_is_labelled_and_another_one_in_each_round(
    configure: Configure, project: Path, fake_run: ModuleType
) -> None:
    rows = "".join(f"more{i}.wav\t16000\n" for i in range(40))
    (project / "it/train.tsv").write_text(f"{project}/it/audio\n{rows}")
    iterate(configure("target.share=0.25", "changes=[{round: 2, share: 0.5}]"), actions=fake_run.FAKES)
    drawn = [
        set(read_manifest(project / f"run/round-{number}/sample", "train", labels=False).ids) for number in range(3)
    ]
    assert [len(ids) for ids in drawn] == [10, 10, 20]
    assert drawn[0] != drawn[1]
    for number, ids in enumerate(drawn):
        labels = (project / f"run/round-{number}/labels/train/labels.jsonl").read_text().splitlines()
        assert {json.loads(line)["id"] for line in labels} == ids
    with pytest.raises(XlplError, match=r"filter\.other=previous"):
        iterate(configure("target.share=0.25", "filter.other=previous", "filter.min_other_agreement=0.5"))


def test_several_source_models_vote(configure: Configure, project: Path, fake_run: ModuleType) -> None:
    (project / "second.pt").write_text("second")
    done: list[str] = []
    config = configure("rounds=1", f"voters=[{{checkpoint: {project}/second.pt}}]")
    iterate(config, actions=fake_run.noting(fake_run.FAKES, done))
    voting = done[: done.index("round-0/measure")]
    assert [name for name in voting if name.endswith("label/test")] == [
        "round-0/voter-1/label/test",
        "round-0/voter-2/label/test",
        "round-0/label/test",
    ]
    assert {"round-0/tune", "round-0/voter-2/tune"} <= set(voting)
    assert (project / "run/round-0/labels/train/labels.jsonl").exists()
    assert f"++task.init_from={project}/source.pt" in (project / "run/round-1/training/command.txt").read_text()
