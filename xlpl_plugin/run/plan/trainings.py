"""Steps that train: labels collected for a student, its training, and the model that later steps read."""

from __future__ import annotations

from pathlib import Path

from xlpl_plugin.decoding.options import DecoderConfig
from xlpl_plugin.run.config import LM, SourceConfig
from xlpl_plugin.run.plan.corrected import with_corrections
from xlpl_plugin.run.plan.dependencies import decoder_files, labelled_files, scoring_files, training_files
from xlpl_plugin.run.plan.draft import Draft
from xlpl_plugin.run.plan.parts import Audio, Model
from xlpl_plugin.run.plan.recipes import Recipe, complete_training
from xlpl_plugin.run.plan.steps import Collect, Continue, Extract, Select, Train
from xlpl_plugin.stage import SOURCE, Stage
from xlpl_plugin.tuning.choose_checkpoint import SelectConfig


class Trainings(Draft):
    """Adds trainings."""

    def source(self, source: SourceConfig, number: int) -> Model:
        """Add the training of a source AM, if it was not given."""
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

    def student(self, recipe: Recipe, start: Model) -> Model:
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

    def going_on(self, recipe: Recipe, before: Recipe, start: Model) -> Model:
        """Add the continuous phase, which goes on from ``start``, the model of the round ``before``."""
        target = self.config.target
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
