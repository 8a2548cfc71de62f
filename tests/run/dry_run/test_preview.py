"""The dry run: what it says of rounds and times, and how it knows them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from xlpl_plugin.errors import XlplError
from xlpl_plugin.executors.launchers import LauncherConfig
from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.driver import iterate
from xlpl_plugin.run.dry_run.preview import describe
from xlpl_plugin.run.dry_run.probe import time_training
from xlpl_plugin.run.plan.planner import make_plan
from xlpl_plugin.run.plan.steps import Train
from xlpl_plugin.stage import Stage

Configure = Callable[..., IterateConfig]


@pytest.fixture
def mix(project: Path) -> str:
    """A labelled folder of 4 recordings of 30 s; the options that mix it in."""
    (project / "en").mkdir()
    rows = "".join(f"{i}.wav\t480000\n" for i in range(4))
    (project / "en/train.tsv").write_text(f"{project}/en/audio\n{rows}")
    (project / "en/train.ltr").write_text("n o |\n" * 4)
    for name in ("valid.tsv", "valid.ltr", "dict.ltr.txt"):  # the fake trainer wants them
        (project / "en" / name).write_text("")
    return f"student.mix=[{project}/en]"


def row(text: str, step: str) -> list[str]:
    found = next(line for line in text.splitlines() if line.strip().startswith(f"{step} "))
    return found.split()[1:]


def test_rounds_with_their_exceptions(configure: Configure) -> None:
    text = describe(
        configure(
            "rounds=3",
            "student.max_update=400",
            "target.share=0.5",
            "changes=[{round: 2, max_update: 900, tune: false, checkpoint: best, share: 1.0, init: scratch}]",
        ),
        probe=False,
    )
    assert row(text, "0") == ["source", "AM", "50%", "tuned"]
    assert row(text, "1") == ["previous", "400", "last", "50%", "tuned"]
    assert row(text, "2") == ["scratch", "900", "best", "100%", "of", "round", "1"]
    assert row(text, "3") == ["previous", "400", "last", "50%", "tuned"]


def test_several_students_of_a_round_cost_as_many_trainings(configure: Configure, project: Path, mix: str) -> None:
    options = ("student.init=source", "student.max_update=400", mix, "student.mix_weights=[1.0]")
    rows = "".join(f"more{i}.wav\t{90 * 16000}\n" for i in range(4))
    (project / "it/train.tsv").write_text(f"{project}/it/audio\n{rows}")
    rounds = "changes=[{round: 2, folds: 2, share: 0.5}, {round: 3, team: 4}]"
    text = describe(configure("rounds=3", *options, "student.overrides=[fake.ups='0.5']", rounds))
    assert row(text, "1") == ["source", "400", "1.0", "last", "100%", "tuned", "1"]
    assert row(text, "2") == ["source", "2", "x", "400", "1.0", "last", "50%", "tuned", "2", "folds"]
    assert row(text, "3") == ["source", "4", "x", "400", "1.0", "last", "100%", "tuned", "team", "of", "4"]
    trained = [f"round-2/{name}" for name in ("train", "voter-2/train")]
    trained += [f"round-3/{name}" for name in ("train", *(f"voter-{number}/train" for number in (2, 3, 4)))]
    for name in trained:
        assert row(text, name) == ["13", "min", "probed"]
        assert f"\n{name}:\n" in text
    # half of a share of a half: 90 s of 360 s, 90 s a second forward
    assert row(text, "round-2/emit/train") == row(text, "round-2/voter-2/emit/train") == ["1", "s", "probed"]
    assert row(text, "round-3/voter-2/emit/train") == ["4", "s", "probed"]


def test_times_come_from_a_few_updates(configure: Configure, project: Path, mix: str) -> None:
    # half an update a second with 2 recordings of 30 s each: 30 s of audio a second, 90 s a second forward
    fake = "student.overrides=[fake.ups='0.5']"
    rows = "".join(f"more{i}.wav\t{90 * 16000}\n" for i in range(3))
    (project / "it/train.tsv").write_text(f"{project}/it/audio\n{rows}")
    text = describe(configure("rounds=1", "student.max_update=400", mix, "student.mix_weights=[1.0]", fake))
    assert row(text, "round-1/train") == ["13", "min", "probed"]
    assert row(text, "round-0/emit/train") == ["3", "s", "probed"]
    assert row(text, "round-0/label/train") == ["3", "s", "assumed"]  # 270 s of audio, 80 a second
    assert "left: about 0.2" in text
    assert not (project / "run").exists()


def test_what_is_done_tells_the_rest(configure: Configure, fake_run: ModuleType) -> None:
    iterate(configure("rounds=2"), until_stage=Stage.round(1), actions=fake_run.FAKES)
    text = describe(configure("rounds=2", "changes=[{round: 2, max_update: 100}]"), probe=False)
    assert row(text, "round-1/train")[-1] == "done"
    assert row(text, "round-2/train")[-2:] == ["like", "round-1/train"]
    assert row(text, "round-2/emit/test")[-2:] == ["like", "round-1/emit/test"]


def test_without_a_probe_unknown_times_are_called_unknown(configure: Configure, mix: str) -> None:
    text = describe(configure("rounds=1", mix, "student.mix_weights=[1.0]"), probe=False)
    assert row(text, "round-1/train") == ["?", "unknown"]
    assert "steps of unknown length" in text


def test_a_training_that_does_not_start_is_told(configure: Configure, mix: str) -> None:
    failing = "student.overrides=[fake.fail_at=1]"
    with pytest.raises(XlplError, match=r"round-1/train cannot be timed(.|\n)*the loss is(.|\n)*--no-probe"):
        describe(configure("rounds=1", mix, "student.mix_weights=[1.0]", failing))


def test_students_of_an_encoder_are_timed_from_their_start_or_else_from_the_encoder(
    configure: Configure, project: Path, mix: str
) -> None:
    """A trainer that tells what it was asked for, and fails."""
    teller = project / "teller.py"
    teller.write_text("import sys\nsys.exit('|'.join(a for a in sys.argv if 'init_from' in a or 'w2v' in a))\n")
    trainer = f"train_command=[{sys.executable},{teller}]"
    with pytest.raises(XlplError, match=rf"\+\+task\.init_from={project}/source\.pt\n"):
        describe(configure("rounds=1", mix, "student.mix_weights=[1.0]", trainer))
    (project / "encoder.pt").write_text("encoder")
    source = (
        f"source={{checkpoint: '', data: {project}/en, training: "
        f"{{config_dir: {project}, config_name: student, overrides: ['model.w2v_path={project}/encoder.pt']}}}}"
    )
    planned = make_plan(configure("rounds=1", source))
    student = next(step for step in planned if step.name == "round-1/train")
    assert isinstance(student, Train)
    with pytest.raises(XlplError, match=rf"init_from=''\|\+\+model\.w2v_path={project}/encoder\.pt"):
        time_training(
            student, (sys.executable, str(teller)), LauncherConfig(), str(project / "en"), f"{project}/encoder.pt"
        )
