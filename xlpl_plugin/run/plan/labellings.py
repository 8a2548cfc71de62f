"""Steps of a round's labelling: emissions, weights, labels by one acoustic model or by several, signals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from xlpl_plugin.emissions.compute import EmitConfig
from xlpl_plugin.labelling.filtering.filters import FilterConfig
from xlpl_plugin.labelling.label_split import LabelConfig
from xlpl_plugin.labelling.vote import VoteConfig
from xlpl_plugin.monitoring.measure import MeasureConfig
from xlpl_plugin.run.config import PREVIOUS
from xlpl_plugin.run.plan.dependencies import decoder_files, labelled_files, scoring_files, source_folders
from xlpl_plugin.run.plan.draft import FIRST, Draft
from xlpl_plugin.run.plan.parts import Audio, Model
from xlpl_plugin.run.plan.recipes import Recipe
from xlpl_plugin.run.plan.steps import CrossLabels, DrawSample, Emit, Label, Measure, Tune, Vote
from xlpl_plugin.stage import Stage
from xlpl_plugin.tuning.tune import TuneConfig


class Labellings(Draft):
    """Adds labellings."""

    def add(self, recipe: Recipe, models: Sequence[Model], audio: Audio, parts: Sequence[Audio] = ()) -> None:
        """Add the labelling of a stage; the first of several acoustic models is the stage's.

        Several label by vote. With ``parts`` each labels a part of the train split alone, and these are put together.

        Args:
            audio: what is labelled of the train split.
        """
        home = self.layout.stage(recipe.stage)
        splits = {split: Audio(self.config.target.data, split) for split in self.splits} | {audio.split: audio}
        heard = [{**splits, audio.split: part} for part in parts or [audio] * len(models)]
        self._listen(recipe, home, models[0], heard[0])
        if len(models) > 1:
            self._vote(recipe, models, splits, heard)
        else:
            for split in self.splits:
                self._label(recipe, home, home, models[0], splits[split], self._filter(recipe, split))
        self._measure(recipe, models[0])

    def audio(self, recipe: Recipe) -> Audio:
        """Return what a stage labels of the train split; of a share, add the step that draws it."""
        audio = Audio(self.config.target.data, self.train_split)
        if recipe.share == 1:
            return audio
        sample = DrawSample(
            name=f"{recipe.stage.folder}/sample",
            stage=recipe.stage,
            out=str(self.layout.sample(recipe.stage)),
            inputs=(audio.manifest,),
            data=audio.folder,
            split=audio.split,
            share=recipe.share,
        )
        self.steps.append(sample)
        return Audio(sample.out, audio.split, sample.name)

    def _listen(self, recipe: Recipe, home: Path, model: Model, audio: Mapping[str, Audio]) -> None:
        """Add the steps that write emissions of all splits, and a tuning where the stage has one, below ``home``."""
        for split, part in audio.items():
            out = str(home / "emissions" / split)
            wanted = EmitConfig(am=model.checkpoint, data=part.folder, split=split, out=out, bf16=self.config.bf16)
            self.steps.append(
                Emit(
                    name=self._name(home, "emit", split),
                    stage=recipe.stage,
                    out=out,
                    needs=(*model.needs, *part.needs),
                    inputs=(*model.inputs, *part.inputs),
                    config=wanted,
                )
            )
        if recipe.tuned == recipe.stage:
            self._tune(recipe, home, model, audio[self.train_split])

    def _tune(self, recipe: Recipe, home: Path, model: Model, audio: Audio) -> None:
        decoder, search, length = self.config.decoder, self.config.tuning.search, self._length_stage(recipe.stage)
        before = (f"{length.folder}/tune",) if length is not None else ()
        self.steps.append(
            Tune(
                name=self._name(home, "tune"),
                stage=recipe.stage,
                out=str(home / "tuning"),
                needs=(self._name(home, "emit", audio.split), *before),
                inputs=(*decoder_files(decoder), *scoring_files(search)),
                config=TuneConfig(
                    am=model.checkpoint,
                    emissions=str(home / "emissions" / audio.split),
                    data=audio.folder,
                    split=audio.split,
                    out=str(home / "tuning"),
                    decoder=decoder,
                    search=search,
                    length_from=self._tuning(length),
                ),
            )
        )

    def _vote(
        self, recipe: Recipe, models: Sequence[Model], audio: Mapping[str, Audio], heard: Sequence[Mapping[str, Audio]]
    ) -> None:
        """Let each model label alone and unfiltered what it hears, then vote.

        Labels of a split of which each hears another part are put together instead. The first model's emissions are
        the round's.
        """
        home = self.layout.stage(recipe.stage)
        places = [self.layout.voter(recipe.stage, number) for number in range(1, len(models) + 1)]
        for model, place, splits in zip(models, places, heard, strict=True):
            listens = home if model is models[0] else place
            if listens is place:
                self._listen(recipe, place, model, splits)
            for part in splits.values():
                self._label(recipe, place, listens, model, part, FilterConfig())
        for split, part in audio.items():
            kind = Vote if all(splits[split] == part for splits in heard) else CrossLabels
            self._choose(kind, recipe, places, part)

    def _choose(self, kind: type[Vote], recipe: Recipe, places: Sequence[Path], audio: Audio) -> None:
        filters, out = self._filter(recipe, audio.split), str(self.layout.labels(recipe.stage, audio.split))
        needs, inputs = self._filter_files(recipe, audio.split, filters)
        self.steps.append(
            kind(
                name=self._label_name(recipe.stage, audio.split),
                stage=recipe.stage,
                out=out,
                needs=(*(self._name(place, "label", audio.split) for place in places), *needs),
                inputs=inputs,
                config=VoteConfig(
                    voters=[str(place / "labels" / audio.split) for place in places],
                    data=audio.folder,
                    split=audio.split,
                    out=out,
                    filter=filters,
                ),
            )
        )

    def _label(
        self, recipe: Recipe, place: Path, listens: Path, model: Model, audio: Audio, filters: FilterConfig
    ) -> None:
        """Add the step that writes below ``place``, from the emissions and with the weights below ``listens``."""
        needs, inputs = self._filter_files(recipe, audio.split, filters)
        tuned = listens if recipe.tuned == recipe.stage else recipe.tuned and self.layout.stage(recipe.tuned)
        out = str(place / "labels" / audio.split)
        self.steps.append(
            Label(
                name=self._name(place, "label", audio.split),
                stage=recipe.stage,
                out=out,
                needs=(
                    self._name(listens, "emit", audio.split),
                    *((self._name(tuned, "tune"),) if tuned else ()),
                    *needs,
                ),
                inputs=(*decoder_files(self.config.decoder), *inputs),
                config=LabelConfig(
                    am=model.checkpoint,
                    emissions=str(listens / "emissions" / audio.split),
                    data=audio.folder,
                    split=audio.split,
                    out=out,
                    decoder=self.config.decoder,
                    tuning=str(tuned / "tuning") if tuned else "",
                    filter=filters,
                ),
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

    def _filter_files(
        self, recipe: Recipe, split: str, filters: FilterConfig
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the steps and the outside files that ``filters`` read."""
        if recipe.before is None or self.config.filter.other != PREVIOUS or not filters.other:
            return (), tuple(map(str, filters.files().values()))
        return (self._label_name(recipe.before, split),), tuple(map(str, filters.alone().files().values()))

    def _measure(self, recipe: Recipe, model: Model) -> None:
        config, stage, before = self.config, recipe.stage, recipe.before
        rounds = [] if before is None else [Stage.round(number) for number in range(before.number + 1)]
        sources = source_folders(config)
        self.steps.append(
            Measure(
                name=f"{stage.folder}/measure",
                stage=stage,
                out=str(self.layout.signals(stage)),
                needs=(
                    *(self._label_name(stage, split) for split in (self.train_split, self.valid_split)),
                    *(f"{earlier.folder}/measure" for earlier in rounds),
                ),
                inputs=(
                    *scoring_files(config.tuning.search),
                    *(path for path in (config.signals.lm, config.signals.text) if path),
                    *(file for folder in sources for file in labelled_files(folder, "train")),
                ),
                history=tuple(str(self.layout.signals(earlier)) for earlier in rounds),
                weights_from=self._tuning(recipe.tuned),
                config=MeasureConfig(
                    labels=str(self.layout.labels(stage, self.train_split)),
                    emissions=str(self.layout.emissions(stage, self.train_split)),
                    valid_labels=str(self.layout.labels(stage, self.valid_split)),
                    decoder=config.decoder,
                    search=config.tuning.search,
                    signals=config.signals,
                    # weights that were kept from an earlier stage say nothing of the acoustic model of this one
                    tuning=self._tuning(stage) if recipe.tuned == stage else "",
                    training_log=model.log if stage != FIRST else "",
                    previous="" if before is None else str(self.layout.labels(before, self.train_split)),
                    sources=sources,
                ),
            )
        )
