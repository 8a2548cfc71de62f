"""The registered task ``xlpl_asr``: speech recognition from prepared folders."""

import logging
import sys
from contextlib import nullcontext
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, List, Optional  # noqa: UP035

import numpy as np
import torch
from fairseq.data import Dictionary
from fairseq.dataclass import FairseqDataclass
from fairseq.tasks import FairseqTask, register_task
from omegaconf import II, MISSING, OmegaConf

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.augmentation.augmentation_options import AugmentationOptions
from xlpl_plugin.audio.augmentation.augmenter import Augmenter
from xlpl_plugin.data.dataset import AudioDataset, DataPart, keep_durations, read_part
from xlpl_plugin.data.units import SPECIAL_SYMBOLS, read_units
from xlpl_plugin.decoding.options import DecoderConfig
from xlpl_plugin.errors import XlplError
from xlpl_plugin.models.checkpoint import checkpoint_units, read_checkpoint
from xlpl_plugin.models.fine_tuning import choose_only_adapter, encoder_to_build
from xlpl_plugin.models.initialize import initialize
from xlpl_plugin.models.masks import seed_masks
from xlpl_plugin.tasks.beginnings import require_metric, require_restore_file, warn_of_other_data

logger = logging.getLogger(__name__)


# fairseq makes flags of the fields: it needs types, not strings (no ``from __future__ import annotations``
# here), and of lists and of what may be None it knows typing's List and Optional alone
@dataclass
class AsrConfig(FairseqDataclass, AugmentationOptions):
    """Options of ``xlpl_asr``. Those of the training split are not applied at validation or generation."""

    data: str = field(default=MISSING, metadata={"help": "prepared folder: {split}.tsv, .ltr, .weight, dict.ltr.txt"})
    labels: str = field(default="ltr", metadata={"help": "extension of the label files and middle of dict.*.txt"})
    init_from: str = field(default="", metadata={"help": "checkpoint to start from; units are mapped by name"})
    mix: List[str] = field(  # noqa: UP006
        default_factory=list,
        metadata={"help": 'further prepared folders for the training split; as a flag: --mix \'["en", "es"]\''},
    )
    mix_weights: List[float] = field(  # noqa: UP006
        default_factory=list,
        metadata={"help": "for each folder of mix, the share of its rows that an epoch takes (0.5 = half, 2 = twice)"},
    )
    normalize: bool = field(default=False, metadata={"help": "zero mean and unit variance of each waveform"})
    min_duration: float = field(default=0.0, metadata={"help": "leave shorter training utterances out, in seconds"})
    max_duration: float = field(default=0.0, metadata={"help": "leave longer ones out, in seconds; 0 = no limit"})
    # decoding by fairseq-generate; the prefix keeps clear of fairseq's own flags
    dec_lexicon: str = field(default=DecoderConfig.lexicon, metadata={"help": "word<TAB>units file; empty: greedy"})
    dec_lm: str = field(default=DecoderConfig.lm, metadata={"help": "KenLM model; empty: none"})
    dec_lm_weight: float = field(default=DecoderConfig.lm_weight, metadata={"help": "factor of the LM's log10"})
    dec_word_score: float = field(default=DecoderConfig.word_score, metadata={"help": "added for every word"})
    dec_blank_penalty: float = field(
        default=DecoderConfig.blank_penalty, metadata={"help": "how much less probable the blank is made"}
    )
    dec_beam: int = field(default=DecoderConfig.beam, metadata={"help": "hypotheses kept after each frame"})
    dec_beam_token: int = field(default=DecoderConfig.beam_token, metadata={"help": "units tried at each frame"})
    dec_beam_threshold: float = field(
        default=DecoderConfig.beam_threshold, metadata={"help": "how far behind the best a hypothesis may be"}
    )
    dec_nbest: int = field(default=DecoderConfig.nbest, metadata={"help": "hypotheses of an utterance"})
    dec_log_add: bool = field(default=DecoderConfig.log_add, metadata={"help": "sum over alignments"})
    dec_collapse_blank: float = field(
        default=DecoderConfig.collapse_blank, metadata={"help": "runs of surer blanks are one frame; 1: off"}
    )
    dec_words: str = field(default="", metadata={"help": "new file for the words in their own script, by utterance"})
    # draws of an epoch are new batches
    rebuild_batches: bool = True
    # what other parts of the configuration say
    seed: int = II("common.seed")
    train_subset: str = II("dataset.train_subset")
    finetune_from_model: Optional[str] = II("checkpoint.finetune_from_model")  # noqa: UP045 (the form fairseq knows)
    restore_file: str = II("checkpoint.restore_file")
    best_checkpoint_metric: str = II("checkpoint.best_checkpoint_metric")


@register_task("xlpl_asr", dataclass=AsrConfig)
class AsrTask(FairseqTask):
    """Labelled, pseudo-labelled and unlabelled splits; any CTC model of fairseq that takes waveforms."""

    cfg: AsrConfig

    def __init__(self, cfg: AsrConfig) -> None:
        super().__init__(cfg)
        self.blank_symbol = SPECIAL_SYMBOLS[0]
        self._seeded = -1
        self._begins_training = False
        self.state.add_factory("target_dictionary", self._read_dictionary)

    @classmethod
    def setup_task(cls, cfg: AsrConfig, **_: Any) -> "AsrTask":
        return cls(cfg)

    @property
    def target_dictionary(self) -> Dictionary:
        """The units: the checkpoint's where one was loaded, the data folder's otherwise."""
        return self.state.target_dictionary

    def load_dataset(self, split: str, combine: bool = False, task_cfg: Any = None, **_: Any) -> None:
        """Load a split. fairseq gives ``task_cfg``, the checkpoint's options, at validation and generation only.

        Raises:
            XlplError: malformed files, labels outside the dictionary, a dictionary that is not the model's,
                a training split without labels.
        """
        if self._dictionary_file.exists():
            self._require_same_units(read_units(self._dictionary_file), self._dictionary_file)
        training = task_cfg is None and split == self.cfg.train_subset
        if training:
            parts = self.training_parts(split)
        else:
            parts = [read_part(self.cfg.data, split, self.target_dictionary, self.cfg.labels)]
        options = task_cfg or self.cfg
        dataset = AudioDataset(
            parts,
            pad=self.target_dictionary.pad(),
            seed=self.cfg.seed,
            normalize=options.get("normalize", False),
            augmenter=self._augmenter() if training else None,
        )
        logger.info("%s: %d utterances, %.1f minutes", split, len(dataset), dataset.sizes.sum() / SAMPLE_RATE / 60)
        self.datasets[split] = dataset

    def training_parts(self, split: str) -> list[DataPart]:
        """Return what a training learns from: the folder's own rows, and those of the folders of ``mix``.

        Raises:
            XlplError: malformed files, labels outside the dictionary, a folder without labels.
        """
        own = [(self.cfg.data, self.own_share)] if self.own_share else []
        return [self._labelled(folder, split, share) for folder, share in (*own, *self._mixed())]

    @property
    def own_share(self) -> float:
        """Share of the data folder's own rows that an epoch of training takes; 0: none of them is read."""
        return 1.0

    @property
    def decoder_options(self) -> DecoderConfig:
        """What the ``dec_*`` options ask for."""
        return DecoderConfig(**{item.name: self.cfg[f"dec_{item.name}"] for item in fields(DecoderConfig)})

    def train_step(
        self, sample: Any, model: Any, criterion: Any, optimizer: Any, update_num: int, *args: Any, **options: Any
    ) -> Any:
        """Train as fairseq does, with torch seeded for every update, so that a resumed training goes on alike.

        NumPy, from which wav2vec 2.0 draws its masks and the layers that it leaves out, is seeded here.
        """
        if update_num != self._seeded:
            self._seeded = update_num
            np.random.seed((self.cfg.seed + update_num) % 2**32)
        return super().train_step(sample, model, criterion, optimizer, update_num, *args, **options)

    def build_model(self, cfg: Any, from_checkpoint: bool = False) -> Any:
        """Build the model and, when a training starts, copy what ``init_from`` offers.

        Raises:
            XlplError: a training that is to go on from a file that is not there, or from another alphabet; see
                ``encoder_to_build`` and ``initialize``.
        """
        self._begins_training = not from_checkpoint
        if self._begins_training:
            require_restore_file(self.cfg.restore_file)
        if not from_checkpoint and self.cfg.finetune_from_model:
            path = self.cfg.finetune_from_model
            self._require_same_units(checkpoint_units(path), path)
        start = read_checkpoint(self.cfg.init_from) if self._begins_training and self.cfg.init_from else None
        with encoder_to_build(cfg, self.cfg.init_from, start) if self._begins_training else nullcontext():
            model = super().build_model(cfg, from_checkpoint)
        seed_masks()
        choose_only_adapter(model)
        # what wav2vec_ctc read from its pre-trained file goes into our checkpoint, which then stands alone
        if hasattr(getattr(model, "cfg", None), "w2v_args"):
            cfg.w2v_args = model.cfg.w2v_args
        if start is not None:
            initialize(model, self.cfg.init_from, self.target_dictionary.symbols, start)
        return model

    def build_criterion(self, cfg: Any, from_checkpoint: bool = False) -> Any:
        """Build the criterion, which a training asks for after its model.

        Raises:
            XlplError: the best checkpoint would be chosen by what this criterion does not measure.
        """
        criterion = super().build_criterion(cfg, from_checkpoint)
        if self._begins_training:
            require_metric(self.cfg.best_checkpoint_metric, criterion)
        return criterion

    def build_generator(self, models: Any, args: Any, *_: Any, **__: Any) -> Any:
        """Build the decoder that the ``dec_*`` options ask for; fairseq's own options of generation do not apply."""
        from xlpl_plugin.tasks.generator import CtcGenerator

        return CtcGenerator(self.decoder_options, self.target_dictionary, self.cfg.dec_words)

    def get_batch_iterator(self, dataset: Any, **options: Any) -> Any:
        """Iterate as fairseq, without its two silent losses of data (multiples of 8, shards that no one decodes)."""
        if options.get("required_batch_size_multiple", 1) > 1:
            logger.info("dataset.required_batch_size_multiple is taken as 1, so that no utterance is lost")
            options["required_batch_size_multiple"] = 1
        if options.get("num_shards", 1) > 1 and not torch.distributed.is_initialized():
            logger.warning("this is the only process: all %d shards are decoded here", options["num_shards"])
            options |= {"num_shards": 1, "shard_id": 0}
        return super().get_batch_iterator(dataset, **options)

    def max_positions(self) -> tuple[int, int]:
        return sys.maxsize, sys.maxsize

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the checkpoint's dictionary.

        Raises:
            XlplError: this task's model was already built for another one.
        """
        dictionary = state_dict.get("target_dictionary")
        if dictionary is not None and "target_dictionary" in self.state.state_dict:
            self._require_same_units(dictionary.symbols, "the checkpoint")
        super().load_state_dict(state_dict)

    def get_checkpoint_dict(self) -> dict[str, Any]:
        """Return what ``set_checkpoint_dict`` gets on resume (fairseq does not restore the task's state)."""
        state: dict[str, Any] = {"units": list(self.target_dictionary.symbols)}
        if (labelled := self.labelled_data()) is not None:
            state["data"] = labelled.identity
        return {type(self).__name__: state}

    def set_checkpoint_dict(self, state: dict[str, Any]) -> None:
        """Compare the state of a training that goes on; fairseq has loaded the training split by then.

        Raises:
            XlplError: it has another dictionary.
        """
        self._require_same_units(state["units"], "the checkpoint to resume from")
        if (labelled := self.labelled_data()) is not None:
            warn_of_other_data(state.get("data"), labelled.identity)

    def labelled_data(self) -> AudioDataset | None:
        """Return what the training learns from, once it is loaded; None where it has no labelled rows."""
        return self.datasets.get(self.cfg.train_subset)

    def _augmenter(self) -> Augmenter | None:
        own = OmegaConf.masked_copy(self.cfg, [item.name for item in fields(AugmentationOptions)])
        values: Any = OmegaConf.to_container(own)
        options = AugmentationOptions(**values)
        augmenter = Augmenter(options)
        return augmenter if options.augments else None

    @property
    def _dictionary_file(self) -> Path:
        return Path(self.cfg.data) / f"dict.{self.cfg.labels}.txt"

    def _read_dictionary(self) -> Dictionary:
        dictionary = Dictionary()
        for symbol in read_units(self._dictionary_file)[len(SPECIAL_SYMBOLS) :]:
            dictionary.add_symbol(symbol)
        return dictionary

    def _mixed(self) -> list[tuple[str, float]]:
        """Return the folders of ``mix``, one of which may be named twice, with their shares."""
        if len(self.cfg.mix) != len(self.cfg.mix_weights):
            raise XlplError(
                f"mix has {len(self.cfg.mix)} folders, but mix_weights {len(self.cfg.mix_weights)} numbers",
                expected="one weight for each folder",
                remedy="for example task.mix=[source] task.mix_weights=[0.5]",
            )
        return list(zip(self.cfg.mix, self.cfg.mix_weights, strict=True))

    def _labelled(self, folder: str, split: str, share: float) -> DataPart:
        """Read a folder without what is too short or too long; something must be left, and have labels."""
        whole = read_part(folder, split, self.target_dictionary, self.cfg.labels, share)
        part = keep_durations(whole, self.cfg.min_duration, self.cfg.max_duration)
        if part.targets is None:
            raise XlplError(
                "missing, but training needs labels",
                file=Path(folder) / f"{split}.{self.cfg.labels}",
                expected="the units of each row of the .tsv",
                remedy="label the split first: xlpl label",
            )
        if not part.utterances:
            raise XlplError(
                "no utterance is left",
                file=Path(folder) / f"{split}.tsv",
                remedy="loosen task.min_duration and task.max_duration",
            )
        return part

    def _require_same_units(self, other: Any, origin: str | Path) -> None:
        ours = self.target_dictionary.symbols
        if list(other) == list(ours):
            return
        raise XlplError(
            f"its dictionary is not the model's: {_excerpt(other)}",
            file=origin,
            expected=f"the same units in the same order: {_excerpt(ours)}",
            remedy="use the data folder that the model was trained on, or start a new model with task.init_from",
        )


def _excerpt(units: Any) -> str:
    text = " ".join(list(units)[len(SPECIAL_SYMBOLS) :])
    return f"{len(units)} units, {text if len(text) <= 80 else text[:77] + '...'}"
