"""What is refused before anything is written, and the steps that a configuration means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import sha256
from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.driver import iterate
from xlpl_plugin.run.plan.planner import make_plan
from xlpl_plugin.run.plan.steps import (
    Collect,
    CrossLabels,
    Divide,
    Emit,
    Label,
    Measure,
    Select,
    Step,
    Train,
    Vote,
    fingerprints,
    step_options,
)
from xlpl_plugin.run.training.command import training_command
from xlpl_plugin.stage import Stage

Configure = Callable[..., IterateConfig]


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (["target.references=/x"], "unknown key 'target.references'"),
        (["source.checkpoint=/nowhere.pt"], "nowhere.pt: no such file"),
        (["source.checkpoint=''"], "no source AM"),
        (["source.data=/x"], "given twice"),
        (["target.eval_splits=[train]"], "a split stands twice"),
        (["target.eval_splits=[dev]"], "dev.tsv: no such file"),
        (["decoder.lm=''"], "no LM whose weight could be tuned"),
        (["decoder.beam=0"], "decoder.beam=0"),
        (["student.config_name=other"], "other.yaml: no such file"),
        (["student.config_name=''"], "student does not say how to train"),
        (["student.init=best"], "student.init='best'"),
        (["student.checkpoint=first"], "student.checkpoint='first'"),
        (["student.overrides=[task.data=/x]"], "task.data is set by the driver"),
        (["student.overrides=['++checkpoint.save_dir=/x']"], "checkpoint.save_dir is set by the driver"),
        (["student.overrides=['++model.w2v_path=/gone.pt']"], "gone.pt: no such file"),
        (["student.overrides=[nonsense]"], "'nonsense' has no '='"),
        (["student.mix_weights=[1.0]"], r"student.mix_weights=\[1.0\]"),
        (["changes=[{round: 3, init: scratch}]"], r"changes \(round 3\) cannot be used"),
        (["changes=[{round: 1}, {round: 1}]"], r"changes \(round 1\) cannot be used"),
        (["rounds=-1"], "rounds=-1"),
        (["student.folds=2", "student.team=2"], "round 1: folds=2 and team=2"),
        (["changes=[{round: 2, folds: 2}]"], r"round 2: folds=2 with init=previous(.|\n)*init: source"),
        (["student.team=2", "student.overrides=[++common.seed=x]"], "common.seed=x, and team=2"),
        (["student.folds=5", "student.init=source"], r"it/train\.tsv: 5 folds, but 4 recordings to divide"),
        (["student.folds=0"], "student.folds=0"),
        (["filter.other=/nowhere"], "/nowhere/train: no such file"),
        (["filter.letters_lm=/nowhere.bin"], "nowhere.bin: no such file"),
    ],
)
def test_what_cannot_run_is_refused_and_nothing_written(
    configure: Configure, project: Path, overrides: list[str], problem: str
) -> None:
    with pytest.raises(XlplError, match=problem):
        iterate(configure(*overrides))
    assert not (project / "run").exists()


def test_a_strangers_folder_is_left_alone(configure: Configure, project: Path) -> None:
    (project / "run").mkdir()
    (project / "run" / "thesis.txt").write_text("mine")
    with pytest.raises(XlplError, match="is not a run"):
        iterate(configure(), force=True)
    assert [file.name for file in (project / "run").iterdir()] == ["thesis.txt"]


def test_order_of_steps(configure: Configure) -> None:
    labelling = ["emit/train", "emit/valid", "emit/test", "tune", "label/train", "label/valid", "label/test", "measure"]
    assert [step.name for step in make_plan(configure("rounds=1"))] == [
        *(f"round-0/{name}" for name in labelling),
        "round-1/collect",
        "round-1/train",
        "round-1/model",
        *(f"round-1/{name}" for name in labelling),
    ]


def test_every_step_needs_only_earlier_ones_and_owns_its_output(configure: Configure, project: Path) -> None:
    (project / "src").mkdir()
    for name in ("train.tsv", "train.ltr", "valid.tsv", "valid.ltr"):
        (project / "src" / name).write_text("")
    training = f"{{config_dir: {project}, config_name: student, checkpoint: average}}"
    plan = make_plan(
        configure(
            "source.checkpoint=''",
            f"source.data={project}/src",
            f"source.training={training}",
            "tuning.every_round=false",
        )
    )
    seen: set[str] = set()
    for step in plan:
        assert set(step.needs) <= seen, step.name
        seen.add(step.name)
    assert [step.name for step in plan[:2]] == ["source/train", "source/model"]
    assert sum(step.name.endswith("/tune") for step in plan) == 1
    outs = [Path(step.out) for step in plan]
    assert not any(a in b.parents or a == b for a in outs for b in outs if a is not b)


def trains(plan: tuple[Step, ...]) -> list[Train]:
    return [step for step in plan if isinstance(step, Train)]


def test_students_start_where_the_configuration_says(configure: Configure, project: Path) -> None:
    first, second, third = trains(
        make_plan(
            configure(
                "rounds=3", "student.init=source", "changes=[{round: 2, init: scratch}, {round: 3, init: previous}]"
            )
        )
    )
    assert first.init_from == f"{project}/source.pt"
    assert second.init_from == ""
    assert third.init_from == f"{project}/run/round-2/model.pt"


def test_changes_of_a_round_come_after_the_students(configure: Configure) -> None:
    first, second = trains(
        make_plan(
            configure(
                "student.overrides=[a.b=1]", "changes=[{round: 2, overrides: [a.b=2]}]", "student.checkpoint=best"
            )
        )
    )
    assert first.training.overrides == ["a.b=1"]
    assert second.training.overrides == ["a.b=1", "a.b=2"]
    assert second.init_from.endswith("round-1/model.pt")


def test_tuning_switched_off_leaves_the_decoders_weights(configure: Configure) -> None:
    plan = make_plan(configure("tuning.enabled=false", "decoder.lm_weight=3.5"))
    assert not any(step.name.endswith("tune") for step in plan)
    labels = [step for step in plan if isinstance(step, Label)]
    assert {(step.config.tuning, step.config.decoder.lm_weight) for step in labels} == {("", 3.5)}


def test_fingerprints_follow_what_a_step_depends_on(configure: Configure, project: Path) -> None:
    before = fingerprints(make_plan(configure()), sha256)
    (project / "lm.arpa").write_text("another lm")
    after = fingerprints(make_plan(configure()), sha256)
    same = {name for name in before if before[name] == after[name]}
    assert same == {f"round-0/emit/{split}" for split in ("train", "valid", "test")}
    second = fingerprints(make_plan(configure("changes=[{round: 2, init: scratch}]")), sha256)
    assert {name for name in after if after[name] != second[name]} == {
        name for name in after if name.startswith("round-2/") and not name.endswith("collect")
    }


def test_fingerprints_follow_the_files_that_a_yaml_file_is_made_of_and_the_encoder(
    configure: Configure, project: Path
) -> None:
    (project / "phase").mkdir()
    (project / "phase/ssl.yaml").write_text("optimization: {lr: [0.1]}\n")
    defaults = "[_self_, student, {phase: [ssl]}, {override model: none}]"
    (project / "tuned.yaml").write_text(f"defaults: {defaults}\n")
    (project / "encoder.pt").write_text("encoder")
    config = configure(f"student.overrides=[model.w2v_path='{project}/encoder.pt']", "student.config_name=tuned")
    first = fingerprints(make_plan(config), sha256)["round-1/train"]
    for name in ("student.yaml", "phase/ssl.yaml", "encoder.pt"):
        (project / name).write_text("common: {seed: 7}\n")
        changed = fingerprints(make_plan(config), sha256)["round-1/train"]
        assert changed != first, name
        first = changed


def test_bfloat16_changes_what_listens_and_its_absence_nothing(configure: Configure) -> None:
    plain, coarse = make_plan(configure()), make_plan(configure("bf16=true"))
    emits = [step for step in coarse if isinstance(step, Emit)]
    assert emits
    assert all(step.config.bf16 for step in emits)
    before, after = fingerprints(plain, sha256), fingerprints(coarse, sha256)
    assert not [step.name for step in emits if before[step.name] == after[step.name]]
    assert not [step.name for step in plain if "bf16" in str(step_options(step))]


def test_command_is_quoted_for_hydra_and_absolute(
    configure: Configure, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    odd = project / "it's, a=b [x]"
    odd.mkdir()
    (odd / "train.ltr").write_text("")
    monkeypatch.chdir(project)
    config = configure("out=run")
    config.student.mix, config.student.mix_weights = [str(odd)], [0.5]
    command = training_command(trains(make_plan(config))[0], ("trainer",))
    start = command.index("hydra.job.chdir=False")
    parsed = {o.key_or_group: o.value() for o in OverridesParser.create().parse_overrides(command[start:])}
    assert parsed["task.mix"] == [str(odd)]
    assert parsed["task.mix_weights"] == [0.5]
    assert parsed["task.data"] == str(project / "run/round-1/data")
    assert parsed["checkpoint.save_dir"] == str(project / "run/round-1/training/checkpoints")
    assert Path(str(parsed["common.user_dir"])).name == "xlpl_plugin"


def test_labels_may_be_compared_with_those_of_the_round_before(configure: Configure, project: Path) -> None:
    plan = make_plan(configure("filter.other=previous", "filter.min_other_agreement=0.5", "filter.min_letters=2"))
    labels = {step.name: step for step in plan if isinstance(step, Label)}
    first, second = labels["round-0/label/train"], labels["round-1/label/train"]
    kept, later = first.config.filter, second.config.filter
    assert (kept.other, kept.min_other_agreement, kept.min_letters) == ("", 0.0, 2)
    assert later.other == first.out
    assert later.min_other_agreement == 0.5
    assert first.name in second.needs


def test_labels_may_be_compared_with_those_of_another_run(configure: Configure, project: Path) -> None:
    for split in ("train", "valid", "test"):
        (project / "another" / split).mkdir(parents=True)
    plan = make_plan(configure(f"filter.other={project}/another", "filter.min_other_agreement=0.5"))
    for step in plan:
        if isinstance(step, Label):
            assert step.config.filter.other == str(project / "another" / step.config.split)
            assert str(project / "another" / step.config.split / "labels.jsonl") in step.inputs


def test_a_round_with_folds_labels_with_students_that_left_the_recordings_out(configure: Configure) -> None:
    """Rounds 1 and 2 plain, 3 with two folds, 4 plain."""
    plan = make_plan(configure("rounds=4", "student.init=source", "changes=[{round: 3, folds: 2}]"))
    names = [step.name for step in plan if step.stage == Stage.round(3)]
    heard = [f"emit/{split}" for split in ("train", "valid", "test")]
    alone = [f"label/{split}" for split in ("train", "valid", "test")]
    assert names == [
        f"round-3/{name}"
        for name in (
            *("collect", "divide", "train", "model", "voter-2/train", "voter-2/model"),
            *(*heard, "tune", *(f"voter-1/{name}" for name in alone)),
            *(f"voter-2/{name}" for name in (*heard, "tune", *alone)),
            *(*alone, "measure"),
        )
    ]
    steps = {step.name: step for step in plan}
    divide, joined = steps["round-3/divide"], steps["round-3/label/train"]
    assert isinstance(divide, Divide)
    assert isinstance(joined, CrossLabels)
    assert {type(steps[f"round-3/label/{split}"]) for split in ("valid", "test")} == {Vote}
    for fold, home in ((1, "round-3"), (2, "round-3/voter-2")):
        train, emit = steps[f"{home}/train"], steps[f"{home}/emit/train"]
        label = steps[f"round-3/voter-{fold}/label/train"]
        assert isinstance(train, Train)
        assert isinstance(emit, Emit)
        assert isinstance(label, Label)
        assert train.data == str(divide.data_of(fold))
        assert train.init_from.endswith("source.pt")
        assert emit.config.data == label.config.data == str(divide.audio_of(fold))
        assert label.config.tuning == str(Path(train.out).parent / "tuning")
        assert joined.config.voters[fold - 1] == label.out
        assert divide.name in train.needs
        assert divide.name in emit.needs
        # valid is heard whole, by each
        assert steps[f"{home}/emit/valid"].inputs == steps["round-2/emit/valid"].inputs
    collect = steps["round-4/collect"]
    assert isinstance(collect, Collect)
    assert collect.train == joined.out
    plain = {step.name: step for step in make_plan(configure("rounds=2", "student.init=source"))}
    assert all(steps[name] == step for name, step in plain.items())


def test_a_team_learns_the_same_labels_with_other_seeds_and_votes(configure: Configure, project: Path) -> None:
    plan = make_plan(configure("rounds=2", "student.team=3", "changes=[{round: 2, team: 1, init: previous}]"))
    students = trains(plan)
    assert [step.name for step in students] == [
        "round-1/train",
        "round-1/voter-2/train",
        "round-1/voter-3/train",
        "round-2/train",
    ]
    assert {step.data for step in students[:3]} == {f"{project}/run/round-1/data"}
    assert [step.training.overrides for step in students] == [*([f"++common.seed={seed}"] for seed in (1, 2, 3)), []]
    later = trains(make_plan(configure("rounds=1", "student.team=2", "student.overrides=[common.seed=7]")))
    assert [step.training.overrides[-1] for step in later] == ["++common.seed=7", "++common.seed=8"]
    votes = [step for step in plan if isinstance(step, Vote)]
    assert [(step.name, type(step), len(step.config.voters)) for step in votes] == [
        (f"round-1/label/{split}", Vote, 3) for split in ("train", "valid", "test")
    ]
    # the first student's model is the round's
    assert students[3].init_from == f"{project}/run/round-1/model.pt"
    measure = next(step for step in plan if step.name == "round-1/measure")
    assert isinstance(measure, Measure)
    assert measure.config.emissions == f"{project}/run/round-1/emissions/train"
    assert measure.config.labels == votes[0].out


def test_rounds_leave_out_as_many_words_as_they_are_told(configure: Configure) -> None:
    told = ("rounds=3", "student.drop_unsure_words=0.3", "changes=[{round: 2, drop_unsure_words: 0}]")
    collects = [step for step in make_plan(configure(*told)) if isinstance(step, Collect)]
    assert [step.drop_unsure_words for step in collects] == [0.3, 0, 0.3]
    # steps that leave nothing out stay what they were before there was such an option
    for option in ("drop_unsure_words", "unsure_below"):
        assert [option in step_options(step) for step in collects] == [True, False, True]
    # nor had any a bound before there was one
    unbound = [step for step in make_plan(configure(*told, "student.unsure_below=1")) if isinstance(step, Collect)]
    assert not any("unsure_below" in step_options(step) for step in unbound)


@pytest.mark.parametrize("several", ["student.folds=2", "student.team=2"])
def test_several_students_keep_filters_shares_and_choices(configure: Configure, several: str) -> None:
    """All that a plain round can have; every step needs only earlier ones."""
    told = ("student.init=source", "student.checkpoint=label_free", "filter.min_letters=2", several)
    for more in (["filter.other=previous", "filter.min_other_agreement=0.5"], ["target.share=0.5"]):
        plan = make_plan(configure(*told, *more))
        seen: set[str] = set()
        for step in plan:
            assert set(step.needs) <= seen, step.name
            seen.add(step.name)
        outs = [Path(step.out) for step in plan]
        assert not any(a in b.parents or a == b for a in outs for b in outs if a is not b)
        fingerprints(plan, sha256)  # inputs are there
        last = next(step for step in plan if step.name == "round-2/label/train")
        own = next(step for step in plan if step.name == "round-2/voter-2/label/train")
        chosen = next(step for step in plan if step.name == "round-2/voter-2/model")
        assert isinstance(last, Vote)
        assert isinstance(own, Label)
        assert isinstance(chosen, Select)
        assert (last.config.filter.min_letters, own.config.filter.min_letters) == (2, 0)
        if more[0] == "filter.other=previous":
            assert last.config.filter.other.endswith("round-1/labels/train")
            assert "round-1/label/train" in last.needs
        else:
            assert last.config.data.endswith("round-2/sample")
        if several == "student.folds=2":
            assert chosen.config.data == own.config.data
            assert "round-2/divide" in chosen.needs


# as runs did before there was a choice
AS_BEFORE = ("student.drop_unsure_words=0", "student.unsure_below=1", "tuning.search.word_length=0")


def test_a_run_of_an_earlier_version_has_one_student_a_round(
    configure: Configure, project: Path, fake_run: ModuleType
) -> None:
    """Its configuration has no keys of what students and tunings came to do since, and it goes on."""
    told = ["rounds=1", "changes=[{round: 1, max_update: 7}]", *AS_BEFORE]
    iterate(configure(*told), actions=fake_run.FAKES)
    file = project / "run/config.yaml"
    since = ("folds", "team", "drop_unsure_words", "unsure_below", "word_length")
    kept = [line for line in file.read_text().splitlines() if line.split(":")[0].strip() not in since]
    assert len(kept) == len(file.read_text().splitlines()) - 8
    file.write_text("\n".join(kept))
    done: list[str] = []
    iterate(configure(*told), actions=fake_run.noting(fake_run.FAKES, done))
    assert done == []
    with pytest.raises(XlplError, match=r"\+  folds: 2"):
        iterate(configure(*told, "student.folds=2", "student.init=source"), actions=fake_run.FAKES)
