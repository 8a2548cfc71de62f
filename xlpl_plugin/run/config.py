"""What a user may set about a run of rounds. No key takes a reference: a run cannot see one."""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import MISSING

from xlpl_plugin.decoding.options import DecoderConfig
from xlpl_plugin.executors.launchers import LauncherConfig
from xlpl_plugin.labelling.filters import FilterConfig
from xlpl_plugin.monitoring.best_round import StopConfig
from xlpl_plugin.monitoring.signals import SignalsConfig
from xlpl_plugin.tuning.weight_search import SearchConfig

# value of filter.other: the labels of the round before
PREVIOUS = "previous"
# values of continuous.labelled, and of continuous.label_with
BOTH, PSEUDO, SOURCE_PART, NONE = "both", "pseudo", "source", "none"
LABELLED = (BOTH, PSEUDO, SOURCE_PART, NONE)
GREEDY, LM = "greedy", "lm"


@dataclass
class TrainingConfig:
    """How fairseq-hydra-train is called: one of its YAML files and overrides of it."""

    # folder of the YAML files
    config_dir: str = ""
    # name of the YAML file, without .yaml
    config_name: str = ""
    # key=value as for fairseq-hydra-train, such as optimizer.weight_decay=0.1
    overrides: list[str] = field(default_factory=list)
    # peak learning rate; 0: the YAML file's or the overrides'
    lr: float = 0.0
    # length in updates; 0: the YAML file's or the overrides'
    max_update: int = 0
    # labelled prepared folders whose train split is mixed in (task.mix), usually the sources
    mix: list[str] = field(default_factory=list)
    # for each of them the share of it drawn each epoch: 0.5 half of its rows, 2.0 each row twice
    mix_weights: list[float] = field(default_factory=list)
    # the trained model is: last (checkpoint), best (by the error rate on held-out labels), average (of the last
    # ones), ema (fairseq's moving average of the weights), label_free (the best of the last ones on the target's
    # audio, by the criterion of tuning.search)
    checkpoint: str = "last"
    # with checkpoint=average or label_free: how many of the last saved checkpoints
    average: int = 5


@dataclass
class StudentConfig(TrainingConfig):
    """Training of every round's student."""

    # a student starts from: source (the source AM), previous (the AM that labelled), scratch (random weights)
    init: str = "source"


@dataclass
class RoundChanges:
    """What one round does otherwise than `student`, `target` and `tuning` say."""

    # the round meant, from 1
    round: int = MISSING
    # as in student; empty: no change
    init: str = ""
    # added after the student's
    overrides: list[str] = field(default_factory=list)
    # as in student; 0: no change
    lr: float = 0.0
    # as in student; 0: no change
    max_update: int = 0
    # replace the student's; empty: no change
    mix_weights: list[float] = field(default_factory=list)
    # as in student; empty: no change
    checkpoint: str = ""
    # share of the target's train split that this round labels; 0: as in target
    share: float = 0.0
    # whether the decoder's weights are sought anew in this round, or kept from the last round that sought them;
    # null: as in tuning
    tune: bool | None = None


@dataclass
class ContinuousConfig(TrainingConfig):
    """The phase after the rounds: the best round's model goes on, labelling batches of the target as it trains.

    The labels of that round are its labelled part, so that a model of no round is its only start. What is not set
    here (null or empty) is as the YAML file says; overrides are added after the students'.
    """

    # true: the phase follows the rounds
    enabled: bool = False
    # name of the YAML file; an empty config_dir is the student's, and empty mix (with its weights) as well
    config_name: str = "continuous"
    # the labelled part: both (the best round's labels and mix), pseudo (its labels alone), source (mix alone), none
    labelled: str = BOTH
    # updates on the labelled part alone, before the cache is filled
    warm_up: int | None = None
    # when a batch of the cache is replaced: constant (with replace_prob), change (the more its labels change)
    replacement: str = ""
    # batches in the cache
    cache_size: int | None = None
    # probability that a batch is replaced after an update on it
    replace_prob: float | None = None
    # labelled and unlabelled updates alternate in this ratio
    labelled_updates: int | None = None
    unlabelled_updates: int | None = None
    # who labels: current (the weights as they are), ema (their moving average)
    teacher: str = ""
    # factors of the model's dropout and layer drop after the warm-up
    dropout_scale: float | None = None
    layer_drop_scale: float | None = None
    # how batches are labelled: greedy, or lm (decoder's lexicon and LM, with the weights of the best round)
    label_with: str = GREEDY
    # with label_with=lm: hypotheses kept after each frame
    beam: int = 50


@dataclass
class SourceConfig:
    """Where the source acoustic model comes from: a checkpoint, or labelled data to train it on."""

    # a trained fairseq checkpoint; then nothing else here matters
    checkpoint: str = ""
    # labelled prepared folder with train and valid (more folders: training.mix)
    data: str = ""
    # how it is trained on that
    training: TrainingConfig = field(default_factory=TrainingConfig)


@dataclass
class TargetConfig:
    """The target language's audio. Only the .tsv files are read; transcripts beside them are not opened."""

    # prepared folder
    data: str = MISSING
    # labelled in each round; the students learn from it
    train_split: str = "train"
    # labelled as well, and used for the validation loss alone
    valid_split: str = "valid"
    # share of the train split that each round labels, drawn anew in each
    share: float = 1.0
    # labelled after each round for a later 'xlpl score'; they decide nothing
    eval_splits: list[str] = field(default_factory=list)


@dataclass
class TuningConfig:
    """Choice of LM weight and word score without labels, on the target's train split."""

    # false: the decoder's own weights in every round
    enabled: bool = True
    # true: once more in every round; false: at round 0 only, and kept
    every_round: bool = True
    # what is searched
    search: SearchConfig = field(default_factory=SearchConfig)


@dataclass
class IterateConfig:
    """A run: source AM -> labels of the target -> student -> its labels -> next student."""

    # run directory; the same command resumes there
    out: str = MISSING
    # number of students; round 0 is the source AM's labelling
    rounds: int = 3
    # the acoustic model that labels first
    source: SourceConfig = field(default_factory=SourceConfig)
    # more source AMs: what they and `source` hear in round 0 is put to the vote; students start from `source`
    voters: list[SourceConfig] = field(default_factory=list)
    # what is labelled
    target: TargetConfig = field(default_factory=TargetConfig)
    # lexicon, LM and beam; the weights here are used where tuning is off
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    # the decoder's weights, chosen without labels
    tuning: TuningConfig = field(default_factory=TuningConfig)
    # which labels the students learn from; here other is a folder of labels for each
    # split (another run's round-3/labels), or `previous`, the round before's (round 0 goes without)
    filter: FilterConfig = field(default_factory=FilterConfig)
    # training of the students
    student: StudentConfig = field(default_factory=StudentConfig)
    # exceptions for single rounds
    changes: list[RoundChanges] = field(default_factory=list)
    # what follows the rounds
    continuous: ContinuousConfig = field(default_factory=ContinuousConfig)
    # what is measured after each round, without references
    signals: SignalsConfig = field(default_factory=SignalsConfig)
    # when a run ends before its last round
    stop: StopConfig = field(default_factory=StopConfig)
    # checkpoints that are deleted once model.pt stands beside them, as a round is finished: old (all but those of the
    # newest and of the best round), all, none
    delete_checkpoints: str = "old"
    # what trainings run on: this machine, several processes, a cluster
    launcher: LauncherConfig = field(default_factory=LauncherConfig)
    # decoding processes
    workers: int = 1
    # seconds of audio the acoustic model takes at a time when it labels
    max_seconds: float = 120.0
    # device that labels: cpu, cuda, cuda:1 (training takes what fairseq's configuration says)
    device: str = "cpu"
    # how the trainer is started; empty: the fairseq-hydra-train beside this Python
    train_command: list[str] = field(default_factory=list)
