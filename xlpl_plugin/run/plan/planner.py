"""From a configuration to the steps of a run, in their order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from xlpl_plugin.decoding.options import DecoderConfig
from xlpl_plugin.run.config import LM, IterateConfig, SourceConfig
from xlpl_plugin.run.plan.dependencies import composed_files, decoder_files, judge_files, labelled_files, training_files
from xlpl_plugin.run.plan.labelling_steps import LabellingPlanner, Model
from xlpl_plugin.run.plan.recipes import Recipe, overrides_of, phase_recipe, phase_training
from xlpl_plugin.run.plan.steps import SOURCE, Continue, Extract, Gather, Select, Step, Train


class Start(NamedTuple):
    """Where the continuous phase begins: a round, and the decoder's weights there (see ``phase_recipe``)."""

    round: int
    weights: Mapping[str, float]


def make_plan(config: IterateConfig, start: Start | None = None) -> tuple[Step, ...]:
    """Return all steps: the source AM, its labelling (round 0), then for each round a student and its labelling.

    With a ``start`` the continuous phase and its labelling follow.
    """
    planner = _Planner(config)
    planner.rounds()
    if start:
        planner.phase(start)
    return tuple(planner.steps)


class _Planner(LabellingPlanner):
    """Adds the trainings to the labellings; ``models`` are those of the rounds."""

    def __init__(self, config: IterateConfig) -> None:
        super().__init__(config)
        self.models: list[Model] = []

    def rounds(self) -> None:
        first, *others = self.recipes
        source = teacher = self._source(self.config.source, 1)
        voters = [self._source(voter, number) for number, voter in enumerate(self.config.voters, start=2)]
        self._labelling(first, source, voters)
        self.models.append(source)
        for recipe in others:
            gather = self._gather(recipe.round, recipe.round - 1)
            teacher = self._student(recipe, {"source": source, "previous": teacher, "scratch": Model("")}, gather)
            self._labelling(recipe, teacher)
            self.models.append(teacher)

    def phase(self, start: Start) -> None:
        before = self.recipes[start.round]
        recipe = phase_recipe(self.config, before, start.weights)
        gather = self._gather(recipe.round, before.round)
        self._labelling(recipe, self._continue(recipe, before, gather))

    def _source(self, source: SourceConfig, number: int) -> Model:
        if source.checkpoint:
            return Model(source.checkpoint)
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

    def _gather(self, number: int, before: int) -> Gather:
        target = self.config.target
        gather = Gather(
            name=f"{self._title(number)}/gather",
            round=number,
            out=str(self.layout.data(number)),
            needs=tuple(self._label_name(before, split) for split in (target.train_split, target.valid_split)),
            train=str(self.layout.labels(before, target.train_split)),
            valid=str(self.layout.labels(before, target.valid_split)),
            train_split=target.train_split,
            valid_split=target.valid_split,
        )
        self.steps.append(gather)
        return gather

    def _student(self, recipe: Recipe, starts: dict[str, Model], gather: Gather) -> Model:
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

    def _continue(self, recipe: Recipe, before: Recipe, gather: Gather) -> Model:
        training, target, start = phase_training(self.config), self.config.target, self.models[before.round]
        searched = self.config.decoder if training.label_with == LM else DecoderConfig()
        train = Continue(
            name=f"{self._title(recipe.round)}/train",
            round=recipe.round,
            out=str(self.layout.training(recipe.round)),
            needs=(gather.name, *start.needs),
            inputs=(
                *start.inputs,
                *dict.fromkeys(
                    (*training_files(training), *map(str, composed_files(training.config_dir, training.config_name)))
                ),
                str(Path(target.data) / f"{target.train_split}.tsv"),
                *decoder_files(searched),
            ),
            data=gather.out,
            makes=_makes(recipe.checkpoint),
            config_dir=training.config_dir,
            config_name=training.config_name,
            overrides=(*recipe.overrides, *_ema(recipe.checkpoint)),
            init_from=start.checkpoint,
            mix=tuple(training.mix),
            mix_weights=recipe.mix_weights,
            unlabelled=target.data,
            unlabelled_split=target.train_split,
            lexicon=searched.lexicon,
            lm=searched.lm,
        )
        self.steps.append(train)
        return self._model(train, recipe.checkpoint, recipe.average, before.tuned)

    def _model(self, train: Train, how: str, count: int, tuned: int | None) -> Model:
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
        return Model(out, name, log)


def _makes(checkpoint: str) -> str:
    """Return the file among the checkpoints that makes the model, '' where it is made of several."""
    return {"last": "checkpoint_last.pt", "best": "checkpoint_best.pt", "ema": "checkpoint_last.pt"}.get(checkpoint, "")


def _ema(checkpoint: str) -> tuple[str, ...]:
    return ("++ema.store_ema=true",) if checkpoint == "ema" else ()
