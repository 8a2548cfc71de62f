"""The registered task ``xlpl_continuous``: the acoustic model labels batches of audio as it trains."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NoReturn

import torch
from fairseq.distributed import utils as distributed_utils
from fairseq.tasks import register_task
from omegaconf import II

from xlpl_plugin.continuous.curves import counted, log_curves
from xlpl_plugin.continuous.guard import COLLAPSED, HEALTHY, CollapseGuard, GuardVerdict, LabelCounts
from xlpl_plugin.continuous.learner import Learner
from xlpl_plugin.continuous.options import EMA, CacheOptions, ContinuousOptions, GuardOptions
from xlpl_plugin.continuous.rollback import former_collapse, propose_good, roll_back, settle_good
from xlpl_plugin.continuous.schedule import Schedule
from xlpl_plugin.continuous.streams import Batching
from xlpl_plugin.continuous.teacher import Teacher
from xlpl_plugin.data.dataset import AudioDataset, DataPart, keep_durations
from xlpl_plugin.data.manifest import Manifest, manifest_digest, read_manifest
from xlpl_plugin.data.turns import Turns
from xlpl_plugin.errors import XlplError
from xlpl_plugin.models.dropout import scale_dropout
from xlpl_plugin.schema import check_options
from xlpl_plugin.tasks.asr import AsrConfig, AsrTask

logger = logging.getLogger(__name__)
# options that the meaning of a cache depends on
_OF_CACHE = ("cache_size", "replacement", "teacher", "dec_lexicon", "dec_lm", "seed")


@dataclass
class ContinuousTaskConfig(AsrConfig, ContinuousOptions, GuardOptions):
    """Options of ``xlpl_continuous``. ``dec_*`` also say how batches are labelled: without lexicon and LM greedily."""

    unlabelled: str = field(default="", metadata={"help": "prepared folder of audio to label; its .tsv alone is read"})
    unlabelled_split: str = field(default="train", metadata={"help": "split of that folder"})
    data_weight: float = field(
        default=1.0, metadata={"help": "share of the data folder's own labelled rows in an epoch; 0: the mix alone"}
    )
    label_workers: int = field(default=1, metadata={"help": "decoding processes, with dec_lexicon or dec_lm"})
    # what other parts of the configuration say
    save_dir: str = II("checkpoint.save_dir")


@register_task("xlpl_continuous", dataclass=ContinuousTaskConfig)
class ContinuousTask(AsrTask):
    """Continuous pseudo-labelling inside fairseq's own training loop (slimIPL, arXiv 2010.11524).

    The loop iterates over numbered turns; what a turn trains on comes from the learner: a labelled batch, or a batch
    of the cache with the labels that an earlier state of the model gave it.
    """

    cfg: ContinuousTaskConfig

    def __init__(self, cfg: ContinuousTaskConfig) -> None:
        super().__init__(cfg)
        _check(cfg)
        self.uses_ema = cfg.teacher == EMA
        limits = {item.name: cfg[item.name] for item in fields(GuardOptions)}
        # a longer window would for long hold nothing but what the cache was filled with
        limits["guard_window"] = min(cfg.guard_window, cfg.cache_size)
        self._guard = CollapseGuard(GuardOptions(**limits))
        self._verdict = GuardVerdict(HEALTHY)
        self._labelled_part: AudioDataset | None = None
        self._unlabelled_part: AudioDataset | None = None
        self._learner: Learner | None = None
        self._logged: dict[str, Any] = {}
        self._restored = self._begun = self._lowered = False

    def load_dataset(self, split: str, combine: bool = False, task_cfg: Any = None, **options: Any) -> None:
        """Load a split; that of training has a labelled and an unlabelled part.

        Raises:
            XlplError: as ``AsrTask.load_dataset``; options out of range; no unlabelled audio.
        """
        if task_cfg is not None or split != self.cfg.train_subset:
            super().load_dataset(split, combine, task_cfg, **options)
            return
        self._end_if_collapsed()
        if self.cfg.labelled_updates:
            self._require_labelled_part()
            super().load_dataset(split, combine, task_cfg, **options)
            self._labelled_part = self.datasets[split]
        self._unlabelled_part = self._load_unlabelled()
        self.datasets[split] = Turns()

    @property
    def own_share(self) -> float:
        return self.cfg.data_weight

    def labelled_data(self) -> AudioDataset | None:
        return self._labelled_part

    def get_batch_iterator(self, dataset: Any, **options: Any) -> Any:
        """Return for training an iterator over numbered turns, the same in all processes."""
        if not isinstance(dataset, Turns):
            return super().get_batch_iterator(dataset, **options)
        if self._learner is None:
            self._learner = self._make_learner(options)
            dataset.length = self._learner.epoch()
        alone = {"num_shards": 1, "shard_id": 0, "num_workers": 0, "data_buffer_size": 0}
        return super().get_batch_iterator(dataset, **{**options, **alone})

    def train_step(
        self,
        sample: Any,
        model: Any,
        criterion: Any,
        optimizer: Any,
        update_num: int,
        ignore_grad: bool = False,
        ema_model: Any = None,
    ) -> Any:
        """Take the turn that the schedule says, and then check the labels that were made.

        Raises:
            XlplError: a training that is under way, but whose cache was not in its checkpoint; no moving average
                though it should label; the labels collapsed and there is no checkpoint to go back to.
            SystemExit: the labels collapsed, and the last good checkpoint was put back.
        """
        learner = self._ready(model, update_num, ema_model)

        def train(batch: dict[str, Any]) -> Any:
            return super(ContinuousTask, self).train_step(batch, model, criterion, optimizer, update_num, ignore_grad)

        step = learner.step(model, ema_model if self.uses_ema else model, update_num, train)
        self._watch(step.counts, update_num)
        if step.result is None:
            return self._left_out(step.failure, optimizer)
        loss, sample_size, logged = step.result
        self._logged = {**logged, **counted(logged, step, len(self.target_dictionary))}
        return loss, sample_size, self._logged

    def valid_step(self, sample: Any, model: Any, criterion: Any, ema_model: Any = None) -> Any:
        """Validate as fairseq does: the model in training, whoever labels."""
        return super().valid_step(sample, model, criterion)

    def reduce_metrics(self, logging_outputs: list[dict[str, Any]], criterion: Any) -> None:
        super().reduce_metrics(logging_outputs, criterion)
        log_curves(logging_outputs)

    def post_save(self, checkpoint: str, num_updates: int) -> None:
        """Note a save by fairseq: the checkpoint is one to go back to, if the next labels are healthy too."""
        if self._verdict.state == HEALTHY:
            propose_good(Path(checkpoint))

    def get_checkpoint_dict(self) -> dict[str, Any]:
        """Return ``AsrTask``'s, with the cache of every process and what belongs to it."""
        state = super().get_checkpoint_dict()
        if self._learner is None:
            return state
        name = type(self).__name__
        holdings, guard = self._learner.state_dict(), self._guard.state_dict()
        return {name: {**state[name], "cache_of": self._identity(), "holdings": holdings, "guard": guard}}

    def set_checkpoint_dict(self, state: dict[str, Any]) -> None:
        """Take the cache over.

        Raises:
            XlplError: it is not there, or belongs to other audio, other options or another number of processes.
        """
        super().set_checkpoint_dict(state)
        learner = self._learner
        if learner is None or "holdings" not in state:
            return  # the first step says what is missing
        self._require_own_cache(state["cache_of"], len(state["holdings"]))
        learner.load_state_dict(state["holdings"])
        self._guard.load_state_dict(state["guard"])
        self._verdict = self._guard.judge()
        self._restored = True

    def _make_learner(self, options: dict[str, Any]) -> Learner:
        batching = Batching(
            options.get("max_tokens"),
            options.get("max_sentences"),
            self.cfg.seed,
            options.get("shard_id", 0),
            options.get("num_shards", 1),
        )
        cfg = self.cfg
        assert self._unlabelled_part is not None
        return Learner(
            CacheOptions(cfg.cache_size, cfg.replacement, cfg.replace_prob),
            Schedule(cfg.warm_up, cfg.labelled_updates, cfg.unlabelled_updates, (cfg.seed, batching.rank)),
            Teacher(self.decoder_options, self.target_dictionary.symbols, cfg.label_workers),
            self._labelled_part,
            self._unlabelled_part,
            batching,
            len(self.target_dictionary),
        )

    def _require_labelled_part(self) -> None:
        if not self.cfg.data_weight and not self.cfg.mix:
            raise XlplError(
                "task.data_weight=0 and no task.mix: the labelled part is empty",
                expected="labelled rows from somewhere",
                remedy="name folders in task.mix, or set task.labelled_updates=0",
            )

    def _load_unlabelled(self) -> AudioDataset:
        if not self.cfg.unlabelled:
            raise XlplError(
                "task.unlabelled is not set",
                expected="a prepared folder with the audio to label",
                remedy="task.unlabelled=FOLDER; for labelled data alone use the task xlpl_asr",
            )
        file = Path(self.cfg.unlabelled) / f"{self.cfg.unlabelled_split}.tsv"
        manifest = read_manifest(self.cfg.unlabelled, self.cfg.unlabelled_split, labels=False)
        part = keep_durations(
            DataPart(manifest.root, manifest.utterances, None), self.cfg.min_duration, self.cfg.max_duration
        )
        if not part.utterances:
            raise XlplError(
                f"none of {len(manifest.utterances)} recordings is left to label",
                file=file,
                expected="at least one recording",
                remedy="loosen task.min_duration and task.max_duration",
            )
        logger.info("unlabelled: %d utterances of %s", len(part.utterances), file)
        return AudioDataset([part], pad=self.target_dictionary.pad(), seed=self.cfg.seed, normalize=self.cfg.normalize)

    def _ready(self, model: Any, update_num: int, ema_model: Any) -> Learner:
        """Return the learner, once all that a step needs is there."""
        assert self._learner is not None
        if not self._begun and update_num and not self._restored:
            raise XlplError(
                f"the training goes on at update {update_num}, but its checkpoint holds no cache",
                file=self.cfg.save_dir,
                expected="a checkpoint of xlpl_continuous, with its state (no checkpoint.reset_dataloader)",
                remedy="begin in a new checkpoint.save_dir; task.init_from=CHECKPOINT starts from its weights",
            )
        if self.uses_ema and ema_model is None:
            raise XlplError(
                "task.teacher=ema, but no moving average is kept",
                expected="ema.store_ema=true",
                remedy="set it, and ema.ema_decay (the released value is 0.999); or task.teacher=current",
            )
        if update_num >= self.cfg.warm_up and not self._lowered:
            scale_dropout(model, self.cfg.dropout_scale, self.cfg.layer_drop_scale)
            self._lowered = True
        self._begun = True
        return self._learner

    def _left_out(self, failure: RuntimeError | None, optimizer: Any) -> Any:
        """Learn nothing from a batch that was too large for the memory.

        fairseq leaves such a batch out, too, but then logs nothing for it, and the other processes wait for that.
        """
        assert failure is not None
        if distributed_utils.get_data_parallel_world_size() == 1:
            raise failure
        if not self._logged:
            raise XlplError(
                f"the first batch is too large: {failure}",
                expected="batches that fit into the memory",
                remedy="lower dataset.max_tokens",
            ) from failure
        logger.warning("a batch is left out: %s", failure)
        optimizer.zero_grad()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        nothing = {
            key: torch.zeros_like(value) if isinstance(value, torch.Tensor) else 0
            for key, value in self._logged.items()
        }
        return nothing["loss"], 0, nothing

    def _watch(self, labelled: Sequence[LabelCounts], update: int) -> None:
        """Judge the fresh labels of all processes; each comes to the same verdict."""
        for counts in labelled:
            self._guard.observe(counts)
        if not labelled:
            return
        verdict = self._verdict = self._guard.judge()
        collapsed, first = verdict.state == COLLAPSED, distributed_utils.get_global_rank() == 0
        folder = Path(self.cfg.save_dir)
        if first and not collapsed:
            settle_good(folder, verdict.state == HEALTHY)
        if first and collapsed:
            roll_back(folder, update, verdict.reason, verdict.signals, verdict.reference)
        if collapsed:
            self._end(update, verdict.reason)

    def _end_if_collapsed(self) -> None:
        if record := former_collapse(Path(self.cfg.save_dir)):
            self._end(record.update, record.reason)

    def _end(self, update: int, reason: str) -> NoReturn:
        """End the process: not an error, since a good checkpoint is there."""
        logger.error(
            "collapse at update %d: %s checkpoint_last.pt is the last good checkpoint. With other settings, begin in "
            "a new checkpoint.save_dir; to go on all the same, remove collapse.json in %s",
            update, reason, self.cfg.save_dir,
        )  # fmt: skip
        sys.exit(0)

    def _identity(self) -> dict[str, Any]:
        """Return what a cache belongs to."""
        assert self._unlabelled_part is not None
        recordings = self._unlabelled_part
        digest = manifest_digest(Manifest(recordings.roots[0], recordings.utterances))
        return {"recordings": digest, **{name: self.cfg[name] for name in _OF_CACHE}}

    def _require_own_cache(self, former: dict[str, Any], processes: int) -> None:
        now = self._identity()
        other = [name for name in now if former.get(name) != now[name]]
        if processes != distributed_utils.get_data_parallel_world_size():
            other.append("number of processes")
        if other:
            raise XlplError(
                f"the cache in the checkpoint is another training's: {', '.join(other)} differ",
                file=self.cfg.save_dir,
                expected="the unlabelled recordings, options and processes that the training began with",
                remedy="give the command as it was, or begin in a new checkpoint.save_dir with task.init_from",
            )


def _check(cfg: ContinuousTaskConfig) -> None:
    check_options(ContinuousOptions(**{item.name: cfg[item.name] for item in fields(ContinuousOptions)}), "task")
    if not cfg.data_weight >= 0:
        raise XlplError(f"task.data_weight={cfg.data_weight}", expected="a share of at least 0")
