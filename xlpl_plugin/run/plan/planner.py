"""From a configuration to the steps of a run, in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from xlpl_plugin.decoding.options import DecoderConfig
from xlpl_plugin.emissions.compute import EmitConfig
from xlpl_plugin.labelling.filters import FilterConfig
from xlpl_plugin.labelling.label_split import LabelConfig
from xlpl_plugin.labelling.vote import VoteConfig
from xlpl_plugin.monitoring.measure import MeasureConfig
from xlpl_plugin.run.config import LM, PREVIOUS, IterateConfig, SourceConfig
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.plan.corrected import with_corrections
from xlpl_plugin.run.plan.dependencies import (
    decoder_files,
    labelled_files,
    scoring_files,
    source_folders,
    training_files,
)
from xlpl_plugin.run.plan.parts import Audio, Model, Start
from xlpl_plugin.run.plan.recipes import Recipe, complete_training, phase_recipe, recipes
from xlpl_plugin.run.plan.steps import (
    Collect,
    Continue,
    DrawSample,
    Emit,
    Extract,
    Label,
    Measure,
    Select,
    Step,
    Train,
    Tune,
    Vote,
)
from xlpl_plugin.stage import SOURCE, Stage
from xlpl_plugin.tuning.choose_checkpoint import SelectConfig
from xlpl_plugin.tuning.tune import TuneConfig

FIRST = Stage.round(0)


def make_plan(config: IterateConfig, start: Start | None = None) -> tuple[Step, ...]:
    """Return all steps: the source AM, its labelling (round 0), then for each round a student and its labelling.

    With a ``start`` the continuous phase and its labelling follow.
    """
    planner = _Planner(config)
    planner.add_rounds()
    if start:
        planner.add_phase(start)
    return tuple(planner.steps)


class _Planner:
    """Adds steps in their order. A step is named after the folder that it writes below, and what it does there."""

    def __init__(self, config: IterateConfig) -> None:
        self.config, self.layout = config, RunLayout(config.out)
        self.recipes = recipes(config)
        self.steps: list[Step] = []
        self.models: list[Model] = []
        target = config.target
        self.train_split, self.valid_split = target.train_split, target.valid_split
        self.splits = (target.train_split, target.valid_split, *target.eval_splits)

    def add_rounds(self) -> None:
        first, *others = self.recipes
        source = teacher = self._source(self.config.source, 1)
        voters = [self._source(voter, number) for number, voter in enumerate(self.config.voters, start=2)]
        self._labelling(first, source, voters)
        self.models.append(source)
        for recipe in others:
            start = {"source": source, "previous": teacher, "scratch": Model("")}[recipe.init]
            teacher = self._student(recipe, start)
            self._labelling(recipe, teacher)
            self.models.append(teacher)

    def add_phase(self, start: Start) -> None:
        before = self.recipes[start.round]
        recipe = phase_recipe(self.config, before, start.weights)
        self._labelling(recipe, self._continue(recipe, before))

    def _source(self, source: SourceConfig, number: int) -> Model:
        if source.checkpoint:
            return Model(source.checkpoint)
        folder = self.layout.source(number)
        train = Train(
            name=self._name(folder, "train"),
            stage=SOURCE,
            out=str(folder / "training"),
            inputs=(*labelled_files(source.data, "train", "valid"), *training_files(source.training)),
            data=source.data,
            training=complete_training(source.training),
        )
        self.steps.append(train)
        return self._model(train, None)

    def _student(self, recipe: Recipe, start: Model) -> Model:
        collect = self._collect(recipe)
        train = Train(
            name=f"{recipe.stage.folder}/train",
            stage=recipe.stage,
            out=str(self.layout.training(recipe.stage)),
            needs=(collect.name, *start.needs),
            inputs=(*start.inputs, *training_files(recipe.training)),
            data=collect.out,
            training=recipe.training,
            init_from=start.checkpoint,
        )
        self.steps.append(train)
        return self._model(train, self.recipes[recipe.stage.number - 1].tuned)

    def _continue(self, recipe: Recipe, before: Recipe) -> Model:
        target, start = self.config.target, self.models[before.stage.number]
        searched = self.config.decoder if self.config.continuous.label_with == LM else DecoderConfig()
        collect = self._collect(recipe)
        train = Continue(
            name=f"{recipe.stage.folder}/train",
            stage=recipe.stage,
            out=str(self.layout.training(recipe.stage)),
            needs=(collect.name, *start.needs),
            inputs=(
                *start.inputs,
                *dict.fromkeys(training_files(recipe.training)),
                Audio(target.data, target.train_split).manifest,
                *decoder_files(searched),
            ),
            data=collect.out,
            training=recipe.training,
            init_from=start.checkpoint,
            unlabelled=target.data,
            unlabelled_split=target.train_split,
            lexicon=searched.lexicon,
            lm=searched.lm,
        )
        self.steps.append(train)
        return self._model(train, before.tuned)

    def _collect(self, recipe: Recipe) -> Collect:
        """Add the step that makes a student's training data of the labels of the round before."""
        assert recipe.before is not None  # round 0 has no student
        collect = Collect(
            name=f"{recipe.stage.folder}/collect",
            stage=recipe.stage,
            out=str(self.layout.data(recipe.stage)),
            needs=tuple(self._label_name(recipe.before, split) for split in (self.train_split, self.valid_split)),
            train=str(self.layout.labels(recipe.before, self.train_split)),
            valid=str(self.layout.labels(recipe.before, self.valid_split)),
            train_split=self.train_split,
            valid_split=self.valid_split,
        )
        if recipe.corrections:
            collect = with_corrections(collect, recipe.corrections, self.config)
        self.steps.append(collect)
        return collect

    def _model(self, train: Train, tuned: Stage | None) -> Model:
        """Add the step that makes model.pt; selecting among checkpoints decodes with the weights of stage ``tuned``."""
        folder = Path(train.out).parent
        name, out = self._name(folder, "model"), str(folder / "model.pt")
        if train.training.checkpoint == "label_free":
            self._select(train, name, out, tuned)
        else:
            count = train.training.average if train.training.checkpoint == "average" else 1
            self.steps.append(
                Extract(
                    name=name,
                    stage=train.stage,
                    out=out,
                    needs=(train.name,),
                    checkpoints=str(train.checkpoints),
                    how=train.training.checkpoint,
                    count=count,
                )
            )
        return Model(out, name, str(Path(train.out) / "train.log"))

    def _select(self, train: Train, name: str, out: str, tuned: Stage | None) -> None:
        config, audio = self.config, Audio(self.config.target.data, self.train_split)
        tunings = {stage for stage in (tuned, self._length_stage(train.stage)) if stage is not None}
        self.steps.append(
            Select(
                name=name,
                stage=train.stage,
                out=out,
                needs=(train.name, *sorted(f"{stage.folder}/tune" for stage in tunings)),
                inputs=(audio.manifest, *decoder_files(config.decoder), *scoring_files(config.tuning.search)),
                checkpoints=str(train.checkpoints),
                count=train.training.average,
                config=SelectConfig(
                    data=audio.folder,
                    split=audio.split,
                    out=str(Path(out).parent),
                    model=out,
                    decoder=config.decoder,
                    tuning=self._tuning(tuned),
                    search=config.tuning.search,
                    length_from=self._tuning(self._length_stage(train.stage)),
                    bf16=config.bf16,
                ),
            )
        )

    def _labelling(self, recipe: Recipe, model: Model, voters: Sequence[Model] = ()) -> None:
        home = self.layout.stage(recipe.stage)
        audio = {split: Audio(self.config.target.data, split) for split in self.splits}
        if recipe.share < 1:
            audio[self.train_split] = self._sample(recipe, audio[self.train_split])
        self._listen(recipe, home, model, audio)
        if voters:
            self._vote(recipe, [model, *voters], audio)
        else:
            for split in self.splits:
                self._label(recipe, home, home, model, audio[split], self._filter(recipe, split))
        self._measure(recipe, model)

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

    def _name(self, home: Path, *parts: str) -> str:
        return "/".join((*home.relative_to(self.layout.run).parts, *parts))

    def _label_name(self, stage: Stage, split: str) -> str:
        return f"{stage.folder}/label/{split}"

    def _tuning(self, stage: Stage | None) -> str:
        return "" if stage is None else str(self.layout.tuning(stage))

    def _length_stage(self, stage: Stage) -> Stage | None:
        """Return the stage whose tuning says how long output should be.

        Students are held to what the source AM expected.
        """
        return FIRST if stage > FIRST and self.recipes[0].tuned == FIRST else None
