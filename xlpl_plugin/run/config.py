"""What a user may set about a run of rounds. No key takes a reference: a run sees none of its test parts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from xlpl_plugin.continuous.options import ContinuousOptions
from xlpl_plugin.decoding.options import DecoderConfig
from xlpl_plugin.executors.labelling_config import LabellingConfig
from xlpl_plugin.executors.launchers import LauncherConfig
from xlpl_plugin.labelling.filtering.filters import FilterConfig
from xlpl_plugin.monitoring.best_round import StopConfig
from xlpl_plugin.monitoring.signals import SignalsConfig
from xlpl_plugin.schema import option, unset
from xlpl_plugin.shipped import shipped_folder
from xlpl_plugin.tuning.weight_search import SearchConfig

# value of filter.other: the labels of the round before
PREVIOUS = "previous"
# values of continuous.labelled, and of continuous.label_with
BOTH, PSEUDO, SOURCE_PART, NONE = "both", "pseudo", "source", "none"
LABELLED = (BOTH, PSEUDO, SOURCE_PART, NONE)
GREEDY, LM = "greedy", "lm"
# values of student.init, of a training's checkpoint, and of delete_checkpoints
INITS = ("source", "previous", "scratch")
CHECKPOINTS = ("last", "best", "average", "ema", "label_free")
DELETIONS = ("old", "all", "none")


@dataclass
class TrainingConfig:
    """How fairseq-hydra-train is called: one of its YAML files and overrides of it."""

    config_dir: str = option("", "folder of the YAML files; empty: those that come with xlpl (xlpl config-dir)")
    config_name: str = option("", "name of the YAML file, without .yaml")
    overrides: list[str] = option([], "key=value as for fairseq-hydra-train, such as optimizer.weight_decay=0.1")
    lr: float = option(0.0, "peak learning rate; 0: the YAML file's or the overrides'", least=0)
    max_update: int = option(0, "length in updates; 0: the YAML file's or the overrides'", least=0)
    mix: list[str] = option(
        [], "labelled prepared folders whose train split is mixed in (task.mix), usually the sources"
    )
    mix_weights: list[float] = option(
        [], "for each of them the share of it drawn each epoch: 0.5 half of its rows, 2.0 each row twice", above=0
    )
    checkpoint: str = option(
        "last",
        "the trained model is: last (checkpoint), best (by the error rate on held-out labels), average (of the last "
        "ones), ema (fairseq's moving average of the weights), label_free (the best of the last ones on the "
        "target's audio, by the criterion of tuning.search)",
        choices=CHECKPOINTS,
    )
    average: int = option(5, "with checkpoint=average or label_free: how many of the last saved checkpoints", least=1)

    @property
    def folder(self) -> Path:
        """The folder of the YAML files."""
        return Path(self.config_dir) if self.config_dir else shipped_folder("config")

    @property
    def file(self) -> Path:
        return self.folder / f"{self.config_name}.yaml"


@dataclass
class StudentConfig(TrainingConfig):
    """Training of every round's student."""

    init: str = option(
        "source",
        "a student starts from: source (the source AM), previous (the AM that labelled), scratch (random weights)",
        choices=INITS,
    )
    folds: int = option(
        1,
        "above 1: as many students as that, each taught without one part of the recordings, which it alone labels "
        "(cross labels); the first one is the round's model",
        least=1,
        most=20,
    )
    team: int = option(
        1,
        "above 1: as many students as that, of the same labels, with seeds counted on from common.seed (1 where "
        "overrides do not set it); their vote gives the round's labels, the first one is its model",
        least=1,
        most=20,
    )
    drop_unsure_words: float = option(
        0.3,
        "share of the labels' words, those of the lowest confidence, that students do not learn from; they hear the "
        "stretches of the recordings between them. 0: learn from all",
        least=0,
        below=1,
    )
    unsure_below: float = option(
        0.1, "words whose confidence is at least this are not dropped: good labels lose few", above=0, most=1
    )


@dataclass
class RoundChanges:
    """What one round does otherwise than `student`, `target` and `tuning` say."""

    round: int = option(MISSING, "the round meant, from 1", least=1)
    init: str = option("", "as in student; empty: no change", choices=("", *INITS))
    overrides: list[str] = option([], "added after the student's")
    lr: float = option(0.0, "as in student; 0: no change", least=0)
    max_update: int = option(0, "as in student; 0: no change", least=0)
    mix_weights: list[float] = option([], "replace the student's; empty: no change", above=0)
    checkpoint: str = option("", "as in student; empty: no change", choices=("", *CHECKPOINTS))
    folds: int = option(0, "as in student; 0: no change, 1: one student", least=0, most=20)
    team: int = option(0, "as in student; 0: no change, 1: one student", least=0, most=20)
    drop_unsure_words: float | None = option(None, "as in student; null: no change", least=0, below=1)
    share: float = option(
        0.0, "share of the target's train split that this round labels; 0: as in target", least=0, most=1
    )
    tune: bool | None = option(
        None,
        "whether the decoder's weights are sought anew in this round, or kept from the last round that sought them; "
        "null: as in tuning",
    )


@dataclass
class PhaseConfig(TrainingConfig):
    """The phase after the rounds: the best round's model goes on, labelling batches of the target as it trains.

    The labels of that round are its labelled part, so that a model of no round is its only start. What is not set
    here (null or empty) is as the YAML file says; overrides are added after the students'.
    """

    enabled: bool = option(False, "true: the phase follows the rounds")
    config_name: str = option(
        "continuous",
        "name of the YAML file; an empty config_dir is the student's, and empty mix (with its weights) as well",
    )
    labelled: str = option(
        BOTH,
        "the labelled part: both (the best round's labels and mix), pseudo (its labels alone), source (mix alone), "
        "none",
        choices=LABELLED,
    )
    cache_size: int | None = unset(ContinuousOptions, "cache_size")
    replacement: str | None = unset(ContinuousOptions, "replacement")
    replace_prob: float | None = unset(ContinuousOptions, "replace_prob")
    warm_up: int | None = unset(ContinuousOptions, "warm_up")
    labelled_updates: int | None = unset(ContinuousOptions, "labelled_updates")
    unlabelled_updates: int | None = unset(ContinuousOptions, "unlabelled_updates")
    teacher: str | None = unset(ContinuousOptions, "teacher")
    dropout_scale: float | None = unset(ContinuousOptions, "dropout_scale")
    layer_drop_scale: float | None = unset(ContinuousOptions, "layer_drop_scale")
    label_with: str = option(
        GREEDY,
        "how batches are labelled: greedy, or lm (decoder's lexicon and LM, with the weights of the best round)",
        choices=(GREEDY, LM),
    )
    beam: int = option(50, "with label_with=lm: hypotheses kept after each frame", least=1)


@dataclass
class SourceConfig:
    """Where the source acoustic model comes from: a checkpoint, or labelled data to train it on."""

    checkpoint: str = option(
        "", "a trained fairseq checkpoint; then nothing else here matters", file="a trained fairseq checkpoint"
    )
    data: str = option("", "labelled prepared folder with train and valid (more folders: training.mix)")
    training: TrainingConfig = option(TrainingConfig(), "how it is trained on `data`")


@dataclass
class TargetConfig:
    """The target language's audio. Only the .tsv files are read; transcripts beside them are not opened."""

    data: str = option(MISSING, "prepared folder")
    train_split: str = option("train", "labelled in each round; the students learn from it")
    valid_split: str = option("valid", "labelled as well, and used for the validation loss alone")
    share: float = option(1.0, "share of the train split that each round labels, drawn anew in each", above=0, most=1)
    eval_splits: list[str] = option([], "labelled after each round for a later 'xlpl score'; they decide nothing")


@dataclass
class TuningConfig:
    """Choice of LM weight and word score without labels, on the target's train split."""

    enabled: bool = option(True, "false: the decoder's own weights in every round")
    every_round: bool = option(True, "true: once more in every round; false: at round 0 only, and kept")
    search: SearchConfig = option(SearchConfig(), "what is searched")


@dataclass
class CorrectionsConfig:
    """Transcripts that a person gave for some of the target's recordings; from then on a run is not unsupervised."""

    file: str = option(
        MISSING, "table of 'xlpl pick' with its transcripts filled in", file="a table of corrected transcripts"
    )
    from_round: int = option(MISSING, "the first round whose student learns from them, from 1", least=1)
    weight: float = option(3.0, "what a transcript counts in training, where a label counts 1", above=0)
    language: str = option(
        "", "ISO 639 code or name, for the normaliser; empty: as the target's recordings were prepared"
    )
    rules: str = option("", "normaliser rules of your own (YAML), the same as for the text", file="normaliser rules")


@dataclass
class IterateConfig:
    """A run: source AM -> labels of the target -> student -> its labels -> next student."""

    out: str = option(MISSING, "run directory; the same command resumes there")
    rounds: int = option(3, "number of students; round 0 is the source AM's labelling", least=0)
    source: SourceConfig = option(SourceConfig(), "the acoustic model that labels first")
    voters: list[SourceConfig] = option(
        [],
        "more source AMs, of any units: what they and `source` hear in round 0 is put to the vote; students start from "
        "`source`",
    )
    target: TargetConfig = option(TargetConfig(), "what is labelled")
    decoder: DecoderConfig = option(
        DecoderConfig(), "lexicon, LM and beam; the weights here are used where tuning is off"
    )
    tuning: TuningConfig = option(TuningConfig(), "the decoder's weights, chosen without labels")
    filter: FilterConfig = option(
        FilterConfig(),
        "which labels the students learn from; here other is a folder of labels for each split (another run's "
        "round-3/labels), or `previous`, the round before's (round 0 goes without)",
    )
    student: StudentConfig = option(StudentConfig(), "training of the students")
    changes: list[RoundChanges] = option([], "exceptions for single rounds")
    corrections: list[CorrectionsConfig] = option(
        [],
        "transcripts by a person, which students learn from in place of labels; of an utterance that stands in several "
        "tables, the last one's; more may be added, with more rounds, to a run that has ended",
    )
    continuous: PhaseConfig = option(PhaseConfig(), "what follows the rounds")
    signals: SignalsConfig = option(SignalsConfig(), "what is measured after each round, without references")
    stop: StopConfig = option(StopConfig(), "when a run ends before its last round")
    delete_checkpoints: str = option(
        "old",
        "checkpoints that are deleted once model.pt stands beside them, as a round is finished: old (all but those "
        "of the newest and of the best round), all, none",
        choices=DELETIONS,
    )
    launcher: LauncherConfig = option(
        LauncherConfig(), "what trainings run on: this machine, several processes, a cluster"
    )
    labelling: LabellingConfig = option(
        LabellingConfig(), "where emissions and labels are computed: this machine, or jobs of a cluster"
    )
    workers: int = option(1, "decoding processes", least=1)
    max_seconds: float = option(120.0, "seconds of audio the acoustic model takes at a time when it labels", above=0)
    device: str = option(
        "auto",
        "device that labels: auto (a GPU where there is one), cpu, cuda, cuda:1; training takes what fairseq's "
        "configuration says",
    )
    bf16: bool = option(
        False, "label in bfloat16: faster on a GPU, log-probs of less precision (trainings: common.bf16=true)"
    )
    train_command: list[str] = option(
        [], "how the trainer is started; empty: the fairseq-hydra-train beside this Python"
    )
