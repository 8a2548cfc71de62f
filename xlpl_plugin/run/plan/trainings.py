"""Steps that train: labels collected for a student, its training, and the model that later steps read."""

from __future__ import annotations

from pathlib import Path

from xlpl_plugin.data.segments import Segments
from xlpl_plugin.decoding.options import DecoderConfig
from xlpl_plugin.run.config import LM, SourceConfig
from xlpl_plugin.run.plan.corrected import with_corrections
from xlpl_plugin.run.plan.dependencies import decoder_files, labelled_files, scoring_files, training_files
from xlpl_plugin.run.plan.draft import Draft
from xlpl_plugin.run.plan.parts import Audio, Model
from xlpl_plugin.run.plan.recipes import Recipe, complete_training
from xlpl_plugin.run.plan.steps import Collect, Continue, Divide, Extract, Select, Train
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

    def student(
        self, recipe: Recipe, start: Model, lessons: Collect | Divide, number: int = 1, audio: Audio | None = None
    ) -> Model:
        """Add the training of a student of a round.

        Args:
            lessons: the step that makes its data.
            number: of the student, from 1; those after the first have folders of their own.
            audio: recordings by which the best of its checkpoints is chosen, where one is; None: the train split.
        """
        home = self.layout.stage(recipe.stage) if number == 1 else self.layout.voter(recipe.stage, number)
        training = recipe.training_of(number)
        train = Train(
            name=self._name(home, "train"),
            stage=recipe.stage,
            out=str(home / "training"),
            needs=(lessons.name, *start.needs),
            inputs=(*start.inputs, *training_files(training)),
            data=str(lessons.data_of(number)) if isinstance(lessons, Divide) else lessons.out,
            training=training,
            init_from=start.checkpoint,
        )
        self.steps.append(train)
        return self._model(train, self.recipes[recipe.stage.number - 1].tuned, audio)

    def going_on(self, recipe: Recipe, before: Recipe, start: Model) -> Model:
        """Add the continuous phase, which goes on from ``start``, the model of the round ``before``."""
        target = self.config.target
        searched = self.config.decoder if self.config.continuous.label_with == LM else DecoderConfig()
        collect = self.collect(recipe)
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

    def collect(self, recipe: Recipe) -> Collect:
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
            drop_unsure_words=recipe.drop_unsure_words,
            unsure_below=self.config.student.unsure_below if recipe.drop_unsure_words else Collect.unsure_below,
        )
        if recipe.corrections:
            collect = with_corrections(collect, recipe.corrections, self.config)
        self.steps.append(collect)
        return collect

    def divide(self, recipe: Recipe, collect: Collect, audio: Audio) -> Divide:
        """Add the step that divides recordings and labels among the students of a round with folds."""
        data = self.config.target.data
        whole = Audio(data, self.train_split)
        segments = Path(data) / Segments.file
        divide = Divide(
            name=f"{recipe.stage.folder}/divide",
            stage=recipe.stage,
            out=str(self.layout.folds(recipe.stage)),
            needs=(collect.name, *audio.needs),
            inputs=(whole.manifest, *([str(segments)] if segments.exists() else [])),
            data=data,
            split=self.train_split,
            audio=audio.folder,
            labels=collect.out,
            folds=recipe.folds,
        )
        self.steps.append(divide)
        return divide

    def _model(self, train: Train, tuned: Stage | None, audio: Audio | None = None) -> Model:
        """Add the step that makes model.pt; selecting among checkpoints decodes with the weights of stage ``tuned``."""
        folder = Path(train.out).parent
        name, out = self._name(folder, "model"), str(folder / "model.pt")
        if train.training.checkpoint == "label_free":
            self._select(train, name, out, tuned, audio or Audio(self.config.target.data, self.train_split))
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

    def _select(self, train: Train, name: str, out: str, tuned: Stage | None, audio: Audio) -> None:
        config = self.config
        tunings = {stage for stage in (tuned, self._length_stage(train.stage)) if stage is not None}
        self.steps.append(
            Select(
                name=name,
                stage=train.stage,
                out=out,
                needs=(train.name, *audio.needs, *sorted(f"{stage.folder}/tune" for stage in tunings)),
                inputs=(*audio.inputs, *decoder_files(config.decoder), *scoring_files(config.tuning.search)),
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
