"""From a configuration to the steps of a run, in their order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from xlpl_plugin.labels.filters import FilterConfig
from xlpl_plugin.rounds.layout import RunLayout
from xlpl_plugin.rounds.options import PREVIOUS, IterateConfig, TrainingConfig, changes_of
from xlpl_plugin.rounds.steps import Average, Emit, Gather, Label, Measure, Step, Train, Tune


@dataclass(frozen=True)
class _Model:
    """An acoustic model: its checkpoint, and the step that makes it ('' where it was given)."""

    checkpoint: str
    step: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.step,) if self.step else ()

    @property
    def inputs(self) -> tuple[str, ...]:
        return () if self.step else (self.checkpoint,)


def make_plan(config: IterateConfig) -> tuple[Step, ...]:
    """Return all steps: the source AM, its labelling (round 0), then for each round a student and its labelling."""
    layout = RunLayout(config.out)
    steps: list[Step] = []
    source = teacher = _source(config, layout, steps)
    _labelling(config, layout, 0, source, steps)
    for number in range(1, config.rounds + 1):
        gather = _gather(config, layout, number)
        steps.append(gather)
        teacher = _student(config, layout, number, source, teacher, gather, steps)
        _labelling(config, layout, number, teacher, steps)
    return tuple(steps)


def _source(config: IterateConfig, layout: RunLayout, steps: list[Step]) -> _Model:
    source = config.source
    if source.checkpoint:
        return _Model(source.checkpoint)
    train = Train(
        name="source/train",
        round=0,
        out=str(layout.source / "training"),
        inputs=(*_labelled_files(source.data, "train", "valid"), *_training_files(source.training)),
        data=source.data,
        makes=_makes(source.training),
        config_dir=source.training.config_dir,
        config_name=source.training.config_name,
        overrides=tuple(source.training.overrides),
        mix=tuple(source.training.mix),
        mix_weights=tuple(source.training.mix_weights),
    )
    steps.append(train)
    return _model(train, source.training, layout.source, steps)


def _gather(config: IterateConfig, layout: RunLayout, number: int) -> Gather:
    target, before = config.target, number - 1
    return Gather(
        name=f"round-{number}/gather",
        round=number,
        out=str(layout.data(number)),
        needs=tuple(_label_name(before, split) for split in (target.train_split, target.valid_split)),
        train=str(layout.labels(before, target.train_split)),
        valid=str(layout.labels(before, target.valid_split)),
        train_split=target.train_split,
        valid_split=target.valid_split,
    )


def _student(
    config: IterateConfig,
    layout: RunLayout,
    number: int,
    source: _Model,
    teacher: _Model,
    gather: Gather,
    steps: list[Step],
) -> _Model:
    student, changes = config.student, changes_of(config, number)
    start = {"source": source, "previous": teacher, "scratch": _Model("")}[changes.init or student.init]
    train = Train(
        name=f"round-{number}/train",
        round=number,
        out=str(layout.training(number)),
        needs=(gather.name, *start.needs),
        inputs=(*(start.inputs if start.checkpoint else ()), *_training_files(student)),
        data=gather.out,
        makes=_makes(student),
        config_dir=student.config_dir,
        config_name=student.config_name,
        overrides=(*student.overrides, *changes.overrides),
        init_from=start.checkpoint,
        mix=tuple(student.mix),
        mix_weights=tuple(changes.mix_weights or student.mix_weights),
    )
    steps.append(train)
    return _model(train, student, layout.round(number), steps)


def _makes(training: TrainingConfig) -> str:
    return "" if training.checkpoint == "average" else f"checkpoint_{training.checkpoint}.pt"


def _model(train: Train, training: TrainingConfig, folder: Path, steps: list[Step]) -> _Model:
    if train.makes:
        return _Model(str(train.model), train.name)
    average = Average(
        name=train.name.replace("/train", "/average"),
        round=train.round,
        out=str(folder / "average.pt"),
        needs=(train.name,),
        checkpoints=str(train.checkpoints),
        count=training.average,
    )
    steps.append(average)
    return _Model(average.out, average.name)


def _labelling(config: IterateConfig, layout: RunLayout, number: int, model: _Model, steps: list[Step]) -> None:
    target = config.target
    splits = (target.train_split, target.valid_split, *target.eval_splits)
    for split in splits:
        steps.append(_emit(config, layout, number, model, split))
    tuned = number if config.tuning.every_round else 0
    if config.tuning.enabled and tuned == number:
        steps.append(_tune(config, layout, number, model))
    for split in splits:
        steps.append(_label(config, layout, number, model, split, tuned))
    steps.append(_measure(config, layout, number, tuned))


def _emit(config: IterateConfig, layout: RunLayout, number: int, model: _Model, split: str) -> Emit:
    return Emit(
        name=f"round-{number}/emit/{split}",
        round=number,
        out=str(layout.emissions(number, split)),
        needs=model.needs,
        inputs=(*model.inputs, str(Path(config.target.data) / f"{split}.tsv")),
        am=model.checkpoint,
        data=config.target.data,
        split=split,
    )


def _tune(config: IterateConfig, layout: RunLayout, number: int, model: _Model) -> Tune:
    split = config.target.train_split
    return Tune(
        name=f"round-{number}/tune",
        round=number,
        out=str(layout.tuning(number)),
        needs=(f"round-{number}/emit/{split}", *(("round-0/tune",) if number else ())),
        inputs=(*_decoder_files(config), *_judge_files(config)),
        am=model.checkpoint,
        data=config.target.data,
        split=split,
        emissions=str(layout.emissions(number, split)),
        decoder=config.decoder,
        search=config.tuning.search,
        length_from=str(layout.tuning(0)) if number else "",
    )


def _label(config: IterateConfig, layout: RunLayout, number: int, model: _Model, split: str, tuned: int) -> Label:
    filters = _filter(config, layout, number, split)
    in_run = number > 0 and config.filter.other == PREVIOUS
    outside = filters.alone() if in_run else filters
    return Label(
        name=_label_name(number, split),
        round=number,
        out=str(layout.labels(number, split)),
        needs=(
            f"round-{number}/emit/{split}",
            *((f"round-{tuned}/tune",) if config.tuning.enabled else ()),
            *((_label_name(number - 1, split),) if in_run else ()),
        ),
        inputs=(*_decoder_files(config), *map(str, outside.files().values())),
        am=model.checkpoint,
        data=config.target.data,
        split=split,
        emissions=str(layout.emissions(number, split)),
        decoder=config.decoder,
        filter=filters,
        tuning=str(layout.tuning(tuned)) if config.tuning.enabled else "",
    )


def _filter(config: IterateConfig, layout: RunLayout, number: int, split: str) -> FilterConfig:
    """``filter.other`` holds a folder of labels for each split; as ``previous`` it is the round before's."""
    other = config.filter.other
    if other == PREVIOUS:
        return replace(config.filter, other=str(layout.labels(number - 1, split))) if number else config.filter.alone()
    return replace(config.filter, other=str(Path(other) / split)) if other else config.filter


def _measure(config: IterateConfig, layout: RunLayout, number: int, tuned: int) -> Measure:
    split, before = config.target.train_split, range(number)
    return Measure(
        name=f"round-{number}/measure",
        round=number,
        out=str(layout.signals(number)),
        needs=(_label_name(number, split), *(f"round-{k}/measure" for k in before)),
        inputs=_judge_files(config),
        labels=str(layout.labels(number, split)),
        emissions=str(layout.emissions(number, split)),
        decoder=config.decoder,
        tuning=str(layout.tuning(tuned)) if config.tuning.enabled else "",
        search=config.tuning.search,
        history=tuple(str(layout.signals(k)) for k in before),
        previous=str(layout.labels(number - 1, split)) if number else "",
    )


def _label_name(number: int, split: str) -> str:
    return f"round-{number}/label/{split}"


def _decoder_files(config: IterateConfig) -> tuple[str, ...]:
    return tuple(path for path in (config.decoder.lexicon, config.decoder.lm) if path)


def _judge_files(config: IterateConfig) -> tuple[str, ...]:
    search = config.tuning.search
    return tuple(path for path in (search.judge, search.text) if path)


def _training_files(training: TrainingConfig) -> tuple[str, ...]:
    mixed = (file for folder in training.mix for file in _labelled_files(folder, "train"))
    return (str(Path(training.config_dir) / f"{training.config_name}.yaml"), *mixed)


def _labelled_files(folder: str, *splits: str) -> tuple[str, ...]:
    return tuple(str(Path(folder) / f"{split}.{suffix}") for split in splits for suffix in ("tsv", "ltr"))
