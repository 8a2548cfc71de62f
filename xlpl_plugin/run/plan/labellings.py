"""Steps of a round's labelling: emissions, weights, labels by one acoustic model or by several, signals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from xlpl_plugin.emissions.compute import EmitConfig
from xlpl_plugin.labelling.filters import FilterConfig
from xlpl_plugin.labelling.label_split import LabelConfig
from xlpl_plugin.labelling.vote import VoteConfig
from xlpl_plugin.monitoring.measure import MeasureConfig
from xlpl_plugin.run.config import PREVIOUS
from xlpl_plugin.run.plan.dependencies import decoder_files, labelled_files, scoring_files, source_folders
from xlpl_plugin.run.plan.draft import FIRST, Draft
from xlpl_plugin.run.plan.parts import Audio, Model
from xlpl_plugin.run.plan.recipes import Recipe
from xlpl_plugin.run.plan.steps import DrawSample, Emit, Label, Measure, Tune, Vote
from xlpl_plugin.stage import Stage
from xlpl_plugin.tuning.tune import TuneConfig


class Labellings(Draft):
    """Adds labellings."""

    def add(self, recipe: Recipe, models: Sequence[Model]) -> None:
        """Add the labelling of a stage, by vote where it has several models; the first one is the stage's."""
        home = self.layout.stage(recipe.stage)
        audio = {split: Audio(self.config.target.data, split) for split in self.splits}
        if recipe.share < 1:
            audio[self.train_split] = self._sample(recipe, audio[self.train_split])
        self._listen(recipe, home, models[0], audio)
        if len(models) > 1:
            self._vote(recipe, models, audio)
        else:
            for split in self.splits:
                self._label(recipe, home, home, models[0], audio[split], self._filter(recipe, split))
        self._measure(recipe, models[0])

    def _sample(self, recipe: Recipe, audio: Audio) -> Audio:
        """Add the step that draws a share of the train split."""
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
                    needs=(*model.needs, *((part.step,) if part.step else ())),
                    inputs=(*model.inputs, *(() if part.step else (part.manifest,))),
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

    def _vote(self, recipe: Recipe, models: Sequence[Model], audio: Mapping[str, Audio]) -> None:
        """Let each source AM label alone and unfiltered, then vote; the first one's emissions are the round's."""
        home = self.layout.stage(recipe.stage)
        places = [home / f"voter-{number}" for number in range(1, len(models) + 1)]
        for model, place in zip(models, places, strict=True):
            listens = home if model is models[0] else place
            if listens is place:
                self._listen(recipe, place, model, audio)
            for part in audio.values():
                self._label(recipe, place, listens, model, part, FilterConfig())
        for split, part in audio.items():
            filters, out = self._filter(recipe, split), str(self.layout.labels(recipe.stage, split))
            self.steps.append(
                Vote(
                    name=self._label_name(recipe.stage, split),
                    stage=recipe.stage,
                    out=out,
                    needs=tuple(self._name(place, "label", split) for place in places),
                    inputs=tuple(map(str, filters.files().values())),
                    config=VoteConfig(
                        voters=[str(place / "labels" / split) for place in places],
                        data=part.folder,
                        split=split,
                        out=out,
                        filter=filters,
                    ),
                )
            )

    def _label(
        self, recipe: Recipe, place: Path, listens: Path, model: Model, audio: Audio, filters: FilterConfig
    ) -> None:
        """Add the step that writes below ``place``, from the emissions and with the weights below ``listens``."""
        before = recipe.before if self.config.filter.other == PREVIOUS else None
        outside = filters if before is None else filters.alone()
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
                    *(() if before is None else (self._label_name(before, audio.split),)),
                ),
                inputs=(*decoder_files(self.config.decoder), *map(str, outside.files().values())),
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
