"""From a configuration to the steps of a run, in their order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from xlpl_plugin.labels.filters import FilterConfig
from xlpl_plugin.rounds.inputs import decoder_files, judge_files, labelled_files, training_files
from xlpl_plugin.rounds.layout import RunLayout
from xlpl_plugin.rounds.options import PREVIOUS, IterateConfig, SourceConfig
from xlpl_plugin.rounds.recipes import Recipe, overrides_of, recipes
from xlpl_plugin.rounds.steps import (
    SOURCE,
    Emit,
    Extract,
    Gather,
    Label,
    Measure,
    Sample,
    Select,
    Step,
    Train,
    Tune,
    Vote,
)


class _Audio(NamedTuple):
    """A prepared folder, and the step that makes it ('' where it was given)."""

    folder: str
    step: str = ""


@dataclass(frozen=True)
class _Model:
    """An acoustic model: its checkpoint, the step that makes it ('' where it was given), and its training's log."""

    checkpoint: str
    step: str = ""
    log: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.step,) if self.step else ()

    @property
    def inputs(self) -> tuple[str, ...]:
        return () if self.step else (self.checkpoint,)


def make_plan(config: IterateConfig) -> tuple[Step, ...]:
    """Return all steps: the source AM, its labelling (round 0), then for each round a student and its labelling."""
    return tuple(_Planner(config).plan())


class _Planner:
    def __init__(self, config: IterateConfig) -> None:
        self.config = config
        self.layout = RunLayout(config.out)
        self.recipes = recipes(config)
        self.steps: list[Step] = []

    def plan(self) -> list[Step]:
        first, *others = self.recipes
        source = teacher = self._source(self.config.source, 1)
        voters = [self._source(voter, number) for number, voter in enumerate(self.config.voters, start=2)]
        self._labelling(first, source, voters)
        for recipe in others:
            gather = self._gather(recipe.round)
            teacher = self._student(recipe, {"source": source, "previous": teacher, "scratch": _Model("")}, gather)
            self._labelling(recipe, teacher)
        return self.steps

    def _source(self, source: SourceConfig, number: int) -> _Model:
        if source.checkpoint:
            return _Model(source.checkpoint)
        folder, training = self.layout.source_of(number), source.training
        train = Train(
            name=f"{folder.name}/train",
            round=SOURCE,
            out=str(folder / "training"),
            inputs=(*labelled_files(source.data, "train", "valid"), *training_files(training)),
            data=source.data,
            makes=_makes(training.checkpoint),
            config_dir=training.config_dir,
            config_name=training.config_name,
            overrides=(*overrides_of(training), *_ema(training.checkpoint)),
            mix=tuple(training.mix),
            mix_weights=tuple(training.mix_weights),
        )
        self.steps.append(train)
        return self._model(train, training.checkpoint, training.average, None)

    def _gather(self, number: int) -> Gather:
        target, before = self.config.target, number - 1
        gather = Gather(
            name=f"round-{number}/gather",
            round=number,
            out=str(self.layout.data(number)),
            needs=tuple(_label_name(before, split) for split in (target.train_split, target.valid_split)),
            train=str(self.layout.labels(before, target.train_split)),
            valid=str(self.layout.labels(before, target.valid_split)),
            train_split=target.train_split,
            valid_split=target.valid_split,
        )
        self.steps.append(gather)
        return gather

    def _student(self, recipe: Recipe, starts: dict[str, _Model], gather: Gather) -> _Model:
        student, start = self.config.student, starts[recipe.init]
        train = Train(
            name=f"round-{recipe.round}/train",
            round=recipe.round,
            out=str(self.layout.training(recipe.round)),
            needs=(gather.name, *start.needs),
            inputs=(*(start.inputs if start.checkpoint else ()), *training_files(student)),
            data=gather.out,
            makes=_makes(recipe.checkpoint),
            config_dir=student.config_dir,
            config_name=student.config_name,
            overrides=(*recipe.overrides, *_ema(recipe.checkpoint)),
            init_from=start.checkpoint,
            mix=tuple(student.mix),
            mix_weights=recipe.mix_weights,
        )
        self.steps.append(train)
        before = self.recipes[recipe.round - 1].tuned
        return self._model(train, recipe.checkpoint, recipe.average, before)

    def _model(self, train: Train, how: str, count: int, tuned: int | None) -> _Model:
        """Add the step that makes model.pt; selecting among checkpoints decodes with the weights of round ``tuned``."""
        config, folder = self.config, Path(train.out).parent
        name, out, log = f"{folder.name}/model", str(folder / "model.pt"), str(Path(train.out) / "train.log")
        if how == "label_free":
            split = config.target.train_split
            self.steps.append(
                Select(
                    name=name,
                    round=train.round,
                    out=out,
                    needs=(train.name, *sorted({*self._tuning_needs(tuned), *self._length_needs(train.round)})),
                    inputs=(
                        str(Path(config.target.data) / f"{split}.tsv"),
                        *decoder_files(self.config.decoder),
                        *judge_files(self.config.tuning.search),
                    ),
                    checkpoints=str(train.checkpoints),
                    count=count,
                    data=config.target.data,
                    split=split,
                    decoder=config.decoder,
                    search=config.tuning.search,
                    tuning=self._tuning(tuned),
                    length_from=self._length(train.round),
                )
            )
        else:
            self.steps.append(
                Extract(
                    name=name,
                    round=train.round,
                    out=out,
                    needs=(train.name,),
                    checkpoints=str(train.checkpoints),
                    how=how,
                    count=count if how == "average" else 1,
                )
            )
        return _Model(out, name, log)

    def _labelling(self, recipe: Recipe, model: _Model, voters: list[_Model] | None = None) -> None:
        number, splits = recipe.round, self._splits()
        data = dict.fromkeys(splits, _Audio(self.config.target.data))
        if recipe.share < 1:
            data[splits[0]] = self._sample(recipe)
        place = self.layout.round(number)
        for split in splits:
            self._emit(number, f"round-{number}", place, model, split, data[split])
        if recipe.tuned == number:
            self._tune(number, f"round-{number}", place, model, data[splits[0]])
        if voters:
            self._ballot(recipe, [model, *voters], data)
        else:
            for split in splits:
                filters = self._filter(number, split)
                self._label(recipe, f"round-{number}", place, place, model, split, data[split].folder, filters)
        self._measure(recipe, model)

    def _ballot(self, recipe: Recipe, models: list[_Model], data: dict[str, _Audio]) -> None:
        """Let each source AM label alone and unfiltered, then vote."""
        first, splits = self.layout.round(0), self._splits()
        places = [first / f"voter-{number}" for number in range(1, len(models) + 1)]
        for model, place in zip(models, places, strict=True):
            title, heard = f"round-0/{place.name}", first if model is models[0] else place
            if heard is place:
                for split in splits:
                    self._emit(0, title, place, model, split, data[split])
                if recipe.tuned == 0:
                    self._tune(0, title, place, model, data[splits[0]])
            for split in splits:
                self._label(recipe, title, place, heard, model, split, data[split].folder, FilterConfig())
        for split in splits:
            filters = self._filter(0, split)
            self.steps.append(
                Vote(
                    name=_label_name(0, split),
                    round=0,
                    out=str(self.layout.labels(0, split)),
                    needs=tuple(f"round-0/{place.name}/label/{split}" for place in places),
                    inputs=tuple(map(str, filters.files().values())),
                    labels=tuple(str(place / "labels" / split) for place in places),
                    data=data[split].folder,
                    split=split,
                    filter=filters,
                )
            )

    def _sample(self, recipe: Recipe) -> _Audio:
        """Add the step that draws a share of the train split."""
        split = self.config.target.train_split
        sample = Sample(
            name=f"round-{recipe.round}/sample",
            round=recipe.round,
            out=str(self.layout.sample(recipe.round)),
            inputs=(str(Path(self.config.target.data) / f"{split}.tsv"),),
            data=self.config.target.data,
            split=split,
            share=recipe.share,
        )
        self.steps.append(sample)
        return _Audio(sample.out, sample.name)

    def _emit(self, number: int, title: str, place: Path, model: _Model, split: str, data: _Audio) -> None:
        self.steps.append(
            Emit(
                name=f"{title}/emit/{split}",
                round=number,
                out=str(place / "emissions" / split),
                needs=(*model.needs, *((data.step,) if data.step else ())),
                inputs=(*model.inputs, *(() if data.step else (str(Path(data.folder) / f"{split}.tsv"),))),
                am=model.checkpoint,
                data=data.folder,
                split=split,
            )
        )

    def _tune(self, number: int, title: str, place: Path, model: _Model, data: _Audio) -> None:
        split = self.config.target.train_split
        self.steps.append(
            Tune(
                name=f"{title}/tune",
                round=number,
                out=str(place / "tuning"),
                needs=(f"{title}/emit/{split}", *self._length_needs(number)),
                inputs=(*decoder_files(self.config.decoder), *judge_files(self.config.tuning.search)),
                am=model.checkpoint,
                data=data.folder,
                split=split,
                emissions=str(place / "emissions" / split),
                decoder=self.config.decoder,
                search=self.config.tuning.search,
                length_from=self._length(number),
            )
        )

    def _label(
        self,
        recipe: Recipe,
        title: str,
        place: Path,
        heard: Path,
        model: _Model,
        split: str,
        data: str,
        filters: FilterConfig,
    ) -> None:
        """Add the step that writes below ``place``, from the emissions and with the weights below ``heard``."""
        number = recipe.round
        in_run = number > 0 and self.config.filter.other == PREVIOUS
        outside = filters.alone() if in_run else filters
        of_round = recipe.tuned == number  # else the tuning is that of an earlier round, or none
        tuning = str(heard / "tuning") if of_round else self._tuning(recipe.tuned)
        listens = f"round-{number}" if heard == self.layout.round(number) else title
        self.steps.append(
            Label(
                name=f"{title}/label/{split}",
                round=number,
                out=str(place / "labels" / split),
                needs=(
                    f"{listens}/emit/{split}",
                    *((f"{listens}/tune",) if of_round else self._tuning_needs(recipe.tuned)),
                    *((_label_name(number - 1, split),) if in_run else ()),
                ),
                inputs=(*decoder_files(self.config.decoder), *map(str, outside.files().values())),
                am=model.checkpoint,
                data=data,
                split=split,
                emissions=str(heard / "emissions" / split),
                decoder=self.config.decoder,
                filter=filters,
                tuning=tuning,
            )
        )

    def _filter(self, number: int, split: str) -> FilterConfig:
        """``filter.other`` holds a folder of labels for each split; as ``previous`` it is the round before's."""
        filters = self.config.filter
        if filters.other == PREVIOUS:
            if not number:
                return filters.alone()
            return replace(filters, other=str(self.layout.labels(number - 1, split)))
        return replace(filters, other=str(Path(filters.other) / split)) if filters.other else filters

    def _measure(self, recipe: Recipe, model: _Model) -> None:
        config, number = self.config, recipe.round
        split, valid, before = config.target.train_split, config.target.valid_split, range(number)
        sources = self._sources()
        self.steps.append(
            Measure(
                name=f"round-{number}/measure",
                round=number,
                out=str(self.layout.signals(number)),
                needs=(
                    _label_name(number, split),
                    _label_name(number, valid),
                    *(f"round-{k}/measure" for k in before),
                ),
                inputs=(
                    *judge_files(self.config.tuning.search),
                    *(path for path in (config.signals.lm, config.signals.text) if path),
                    *(file for folder in sources for file in labelled_files(folder, "train")),
                ),
                labels=str(self.layout.labels(number, split)),
                emissions=str(self.layout.emissions(number, split)),
                valid_labels=str(self.layout.labels(number, valid)),
                decoder=config.decoder,
                tuning=self._tuning(recipe.tuned),
                search=config.tuning.search,
                signals=config.signals,
                sources=sources,
                training_log=model.log if number else "",
                history=tuple(str(self.layout.signals(k)) for k in before),
                previous=str(self.layout.labels(number - 1, split)) if number else "",
            )
        )

    def _splits(self) -> tuple[str, ...]:
        target = self.config.target
        return (target.train_split, target.valid_split, *target.eval_splits)

    def _sources(self) -> tuple[str, ...]:
        """Return all labelled folders that a run of this configuration learns from."""
        config = self.config
        trained = [source for source in (config.source, *config.voters) if source.data]
        folders = [folder for source in trained for folder in (source.data, *source.training.mix)]
        return tuple(dict.fromkeys([*folders, *config.student.mix]))

    def _tuning(self, number: int | None) -> str:
        return "" if number is None else str(self.layout.tuning(number))

    @staticmethod
    def _tuning_needs(number: int | None) -> tuple[str, ...]:
        return () if number is None else (f"round-{number}/tune",)

    def _length(self, number: int) -> str:
        """Return the tuning that says how long output should be: students are held to what the source AM expected."""
        return self._tuning(0) if self._length_needs(number) else ""

    def _length_needs(self, number: int) -> tuple[str, ...]:
        return ("round-0/tune",) if number > 0 and self.recipes[0].tuned == 0 else ()


def _makes(checkpoint: str) -> str:
    """Return the file among the checkpoints that makes the model, '' where it is made of several."""
    return {"last": "checkpoint_last.pt", "best": "checkpoint_best.pt", "ema": "checkpoint_last.pt"}.get(checkpoint, "")


def _ema(checkpoint: str) -> tuple[str, ...]:
    return ("++ema.store_ema=true",) if checkpoint == "ema" else ()


def _label_name(number: int, split: str) -> str:
    return f"round-{number}/label/{split}"
