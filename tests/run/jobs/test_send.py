"""Steps that jobs do give the bytes that the driver itself would have written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.tiny_checkpoints import build, save

from xlpl_plugin.data.manifest import Manifest, read_manifest, write_manifest
from xlpl_plugin.data.units import LETTERS
from xlpl_plugin.decoding.options import DecoderConfig
from xlpl_plugin.emissions.compute import EmitConfig
from xlpl_plugin.errors import XlplError
from xlpl_plugin.executors.labelling_config import SAMPLE, VOTE, LabellingConfig
from xlpl_plugin.executors.launchers import LauncherConfig
from xlpl_plugin.executors.work import Sent
from xlpl_plugin.labelling.label_split import LabelConfig, label
from xlpl_plugin.labelling.vote import VoteConfig
from xlpl_plugin.run.actions import ACTIONS, Resources
from xlpl_plugin.run.jobs.send import forget, perform
from xlpl_plugin.run.jobs.step_file import StepFile
from xlpl_plugin.run.plan.steps import CrossLabels, DrawSample, Emit, Label, Step
from xlpl_plugin.stage import Stage

__all__ = ["build", "save"]
TEXTS = ["ab cab", "bad", "dad face ab", "cab", "face", "a bad dad", "fad"]
JOBS = LabellingConfig("submitit_local", parts=2, steps=[SAMPLE])

pytestmark = pytest.mark.slow  # each job imports torch


@pytest.fixture(scope="module")
def emitted(
    tmp_path_factory: pytest.TempPathFactory, make_folder: Callable[..., Path], save: Callable[..., Path]
) -> Emit:
    """The step of emissions in seven shards, done by this process."""
    folder = tmp_path_factory.mktemp("work")
    data = make_folder(folder / "data", {"train": TEXTS}, labels=False)
    model = save(folder / "am.pt", [*LETTERS])
    step = emit_step(folder, str(model), str(data), folder / "here")
    assert perform(step, resources(folder, LabellingConfig()), ACTIONS[Emit]) is None
    return step


def emit_step(folder: Path, am: str, data: str, out: Path) -> Emit:
    config = EmitConfig(am=am, data=data, out=str(out), shard_size=1, device="cpu")
    return Emit(name="round-0/emit/train", stage=Stage.round(0), out=config.out, config=config)


def resources(folder: Path, labelling: LabellingConfig) -> Resources:
    return Resources((), LauncherConfig(), 1, "cpu", 120.0, (), labelling, folder / "jobs")


def shards(folder: Path, *suffixes: str) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.suffix in suffixes}


def test_emissions_and_labels_in_parts_are_those_of_one_process(emitted: Emit, tmp_path: Path) -> None:
    config = emitted.config
    step = emit_step(tmp_path, config.am, config.data, tmp_path / "em")
    perform(step, resources(tmp_path, JOBS), never)
    here = shards(Path(emitted.out), ".f32")
    assert len(here) == len(TEXTS)
    assert shards(tmp_path / "em", ".f32") == here
    assert (tmp_path / "em/provenance.json").read_bytes() == (Path(emitted.out) / "provenance.json").read_bytes()

    labels = [label_step(tmp_path / name, emitted) for name in ("here", "parts")]
    told = [
        perform(label, resources(tmp_path, labelling), ACTIONS[Label])
        for label, labelling in zip(labels, (LabellingConfig(), JOBS), strict=True)
    ]
    assert told[0] == told[1]
    one, other = (shards(Path(label.out), ".jsonl", ".tsv", ".wrd", ".ltr", ".txt") for label in labels)
    assert "labels.jsonl" in one
    assert one == other
    assert not any((tmp_path / "jobs").iterdir())


def label_step(out: Path, emitted: Emit) -> Label:
    config = emitted.config
    options = {"am": config.am, "data": config.data, "emissions": emitted.out, "shard_size": 2}
    labels = LabelConfig(**options, out=str(out), decoder=DecoderConfig())
    return Label(name="round-0/label/train", stage=Stage.round(0), out=str(out), config=labels)


def never(step: Step, resources: Resources) -> None:
    raise AssertionError(f"{step.name} is done by the driver")


def test_a_single_step_is_sent_where_the_user_says_so(emitted: Emit, tmp_path: Path) -> None:
    outs = tmp_path / "here", tmp_path / "sent"
    data = emitted.config.data
    for out, action in zip(outs, (ACTIONS[DrawSample], never), strict=True):
        labelling = LabellingConfig() if out.name == "here" else JOBS
        options = {"stage": Stage.round(1), "data": data, "split": "train", "share": 0.5}
        perform(DrawSample(name="round-1/sample", out=str(out), **options), resources(tmp_path, labelling), action)
    assert shards(outs[0], ".tsv") == shards(outs[1], ".tsv") != {}


def test_a_broken_checkpoint_is_told_in_the_words_of_one_machine(emitted: Emit, tmp_path: Path) -> None:
    (tmp_path / "am.pt").write_bytes(b"no checkpoint")
    step = emit_step(tmp_path, str(tmp_path / "am.pt"), emitted.config.data, tmp_path / "em")
    with pytest.raises(XlplError, match=r"round-0/emit/train cannot be done: .*am\.pt"):
        perform(step, resources(tmp_path, replace(JOBS, parts=1)), never)
    # mended by the user, who takes the driver's machine now: what the jobs left is ended and taken away
    mended = replace(step, config=replace(step.config, am=emitted.config.am))
    perform(mended, resources(tmp_path, LabellingConfig()), ACTIONS[Emit])
    assert shards(tmp_path / "em", ".f32") == shards(Path(emitted.out), ".f32")
    assert not (tmp_path / "jobs" / "round-0.emit.train").exists()


def test_jobs_of_another_step_are_ended_first(emitted: Emit, tmp_path: Path) -> None:
    given = resources(tmp_path, JOBS)
    folder = given.jobs / "round-0.emit.train"
    (folder / "send-1").mkdir(parents=True)
    Sent((1, 2)).write(folder / "send-1" / "sent.json")
    other = emit_step(tmp_path, emitted.config.am, emitted.config.data, tmp_path / "other")
    told = StepFile.of(other, given)
    told.write(folder / "step.json")
    assert StepFile.read(folder / "step.json") == told != StepFile.of(emitted, given)
    forget(emitted, given)
    assert not folder.exists()


def test_cross_labels_are_sent_where_votes_are(emitted: Emit, tmp_path: Path) -> None:
    config = emitted.config
    whole = read_manifest(config.data, "train", labels=False)
    folders = [tmp_path / name for name in ("one", "two")]
    for folder, rows in zip(folders, (whole.utterances[:3], whole.utterances[3:]), strict=True):
        write_manifest(folder, "train", Manifest(whole.root, tuple(rows)))
        label(LabelConfig(am=config.am, data=str(folder), out=str(folder / "labels"), device="cpu"))
    for name, labelling, action in (
        ("here", LabellingConfig(), ACTIONS[CrossLabels]),
        ("sent", replace(JOBS, steps=[VOTE]), never),
    ):
        out = str(tmp_path / name)
        chosen = VoteConfig([str(folder / "labels") for folder in folders], config.data, out=out)
        step = CrossLabels(name="round-1/label/train", stage=Stage.round(1), out=out, config=chosen)
        told = perform(step, resources(tmp_path, labelling), action)
        assert told == f"round-1/label/train: kept 7 of 7 labels, {told.split()[-2]} words"
    here, sent = (shards(tmp_path / name, ".jsonl", ".tsv", ".ltr") for name in ("here", "sent"))
    assert "labels.jsonl" in here
    assert here == sent
