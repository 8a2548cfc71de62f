"""The steps of a labelling: what a model hears, the decoder's weights, labels of every split, and their signals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from xlpl_plugin.labelling.filters import FilterConfig
from xlpl_plugin.run.config import PREVIOUS, IterateConfig
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.plan.dependencies import decoder_files, judge_files, labelled_files
from xlpl_plugin.run.plan.recipes import Recipe, recipes
from xlpl_plugin.run.plan.steps import Emit, Label, Measure, Sample, Step, Tune, Vote


class Audio(NamedTuple):
    """A prepared folder, and the step that makes it ('' where it was given)."""

    folder: str
    step: str = ""


@dataclass(frozen=True)
class Model:
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


class LabellingPlanner:
    """Adds the steps of labellings to ``steps``, in their order."""

    def __init__(self, config: IterateConfig) -> None:
        self.config = config
        self.layout = RunLayout(config.out)
        self.recipes = recipes(config)
        self.steps: list[Step] = []

    def _labelling(self, recipe: Recipe, model: Model, voters: list[Model] | None = None) -> None:
        number, splits = recipe.round, self._splits()
        title = self._title(number)
        data = dict.fromkeys(splits, Audio(self.config.target.data))
        if recipe.share < 1:
            data[splits[0]] = self._sample(recipe)
        place = self.layout.round(number)
        for split in splits:
            self._emit(number, title, place, model, split, data[split])
        if recipe.tuned == number:
            self._tune(number, title, place, model, data[splits[0]])
        if voters:
            self._ballot(recipe, [model, *voters], data)
        else:
            for split in splits:
                filters = self._filter(recipe, split)
                self._label(recipe, title, place, place, model, split, data[split].folder, filters)
        self._measure(recipe, model)

    def _ballot(self, recipe: Recipe, models: list[Model], data: dict[str, Audio]) -> None:
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
            filters = self._filter(recipe, split)
            self.steps.append(
                Vote(
                    name=self._label_name(0, split),
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

    def _sample(self, recipe: Recipe) -> Audio:
        """Add the step that draws a share of the train split."""
        split = self.config.target.train_split
        sample = Sample(
            name=f"{self._title(recipe.round)}/sample",
            round=recipe.round,
            out=str(self.layout.sample(recipe.round)),
            inputs=(str(Path(self.config.target.data) / f"{split}.tsv"),),
            data=self.config.target.data,
            split=split,
            share=recipe.share,
        )
        self.steps.append(sample)
        return Audio(sample.out, sample.name)

    def _emit(self, number: int, title: str, place: Path, model: Model, split: str, data: Audio) -> None:
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

    def _tune(self, number: int, title: str, place: Path, model: Model, data: Audio) -> None:
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
        model: Model,
        split: str,
        data: str,
        filters: FilterConfig,
    ) -> None:
        """Add the step that writes below ``place``, from the emissions and with the weights below ``heard``."""
        number = recipe.round
        before = recipe.before if self.config.filter.other == PREVIOUS else None
        outside = filters if before is None else filters.alone()
        of_round = recipe.tuned == number  # else the tuning is that of an earlier round, or none
        tuning = str(heard / "tuning") if of_round else self._tuning(recipe.tuned)
        listens = self._title(number) if heard == self.layout.round(number) else title
        self.steps.append(
            Label(
                name=f"{title}/label/{split}",
                round=number,
                out=str(place / "labels" / split),
                needs=(
                    f"{listens}/emit/{split}",
                    *((f"{listens}/tune",) if of_round else self._tuning_needs(recipe.tuned)),
                    *(() if before is None else (self._label_name(before, split),)),
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

    def _filter(self, recipe: Recipe, split: str) -> FilterConfig:
        """``filter.other`` holds a folder of labels for each split; as ``previous`` it is the round before's."""
        filters = self.config.filter
        if filters.other == PREVIOUS:
            if recipe.before is None:
                return filters.alone()
            return replace(filters, other=str(self.layout.labels(recipe.before, split)))
        return replace(filters, other=str(Path(filters.other) / split)) if filters.other else filters

    def _measure(self, recipe: Recipe, model: Model) -> None:
        config, number = self.config, recipe.round
        split, valid = config.target.train_split, config.target.valid_split
        before = () if recipe.before is None else range(recipe.before + 1)
        sources = self._sources()
        self.steps.append(
            Measure(
                name=f"{self._title(number)}/measure",
                round=number,
                out=str(self.layout.signals(number)),
                needs=(
                    self._label_name(number, split),
                    self._label_name(number, valid),
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
                previous="" if recipe.before is None else str(self.layout.labels(recipe.before, split)),
            )
        )

    def _title(self, number: int) -> str:
        """Return what the names of a round's steps begin with."""
        return self.layout.round(number).name

    def _label_name(self, number: int, split: str) -> str:
        return f"{self._title(number)}/label/{split}"

    def _splits(self) -> tuple[str, ...]:
        target = self.config.target
        return (target.train_split, target.valid_split, *target.eval_splits)

    def _sources(self) -> tuple[str, ...]:
        """Return all labelled folders that the rounds of this configuration learn from."""
        config = self.config
        trained = [source for source in (config.source, *config.voters) if source.data]
        folders = [folder for source in trained for folder in (source.data, *source.training.mix)]
        return tuple(dict.fromkeys([*folders, *config.student.mix]))

    def _tuning(self, number: int | None) -> str:
        return "" if number is None else str(self.layout.tuning(number))

    def _tuning_needs(self, number: int | None) -> tuple[str, ...]:
        return () if number is None else (f"{self._title(number)}/tune",)

    def _length(self, number: int) -> str:
        """Return the tuning that says how long output should be: students are held to what the source AM expected."""
        return self._tuning(0) if self._length_needs(number) else ""

    def _length_needs(self, number: int) -> tuple[str, ...]:
        return ("round-0/tune",) if number > 0 and self.recipes[0].tuned == 0 else ()
