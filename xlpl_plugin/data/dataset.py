"""The fairseq dataset behind every split: labelled, pseudo-labelled or unlabelled, from one folder or several."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from fairseq.data import Dictionary, FairseqDataset, data_utils
from torch import Tensor

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.augmentation.augmenter import Augmenter
from xlpl_plugin.audio.reading import Waveform, read_audio
from xlpl_plugin.data.columns import NumberRows
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.data.utterances import Utterance, UtteranceColumns, stretch_line
from xlpl_plugin.errors import XlplError

logger = logging.getLogger(__name__)
Indices = npt.NDArray[np.int64]
# of a unit: int32
_INDEX = "i"


@dataclass(frozen=True)
class DataPart:
    """One folder's contribution to a split.

    ``targets`` holds the indices of each utterance's units, or is None where the folder has no labels.
    Each epoch takes ``share`` times the rows: 0.5 draws half of them anew, 2.0 takes each row twice.
    """

    root: Path
    utterances: Sequence[Utterance]
    targets: Sequence[npt.NDArray[np.int32]] | None
    share: float = 1.0


def read_part(
    folder: str | Path, split: str, dictionary: Dictionary, labels: str = "ltr", share: float = 1.0
) -> DataPart:
    """Read a split of a prepared folder.

    Raises:
        XlplError: a malformed manifest, or a unit that the dictionary lacks (file and line are named).
    """
    manifest = read_manifest(folder, split, units_suffix=labels)
    if not manifest.utterances:
        raise XlplError("no utterances", file=Path(folder) / f"{split}.tsv", expected="a row for each recording")
    if manifest.utterances[0].units is None:
        return DataPart(manifest.root, manifest.utterances, None, share)
    file = Path(folder) / f"{split}.{labels}"
    lines = enumerate((utterance.units or "" for utterance in manifest.utterances), start=1)
    targets = NumberRows((_encode(units, dictionary, file, line) for line, units in lines), _INDEX)
    recordings = UtteranceColumns.of(manifest.utterances).without_texts()
    return DataPart(manifest.root, recordings, targets, share)


def _encode(line: str, dictionary: Dictionary, file: Path, number: int) -> list[int]:
    units = line.split()
    indices = [dictionary.indices.get(unit, -1) for unit in units]
    for unit, index in zip(units, indices, strict=True):
        if index < dictionary.nspecial:
            raise XlplError(
                f"unit {unit!r} is not in the dictionary",
                file=file,
                line=number,
                expected=f"units between spaces, of {' '.join(dictionary.symbols[dictionary.nspecial :])}",
                remedy="prepare the folder again with these units, or train with the dictionary of the folder",
            )
    return indices


def keep_durations(part: DataPart, shortest: float, longest: float) -> DataPart:
    """Leave out utterances shorter or longer than so many seconds (0 = no limit); the rest stays whole."""
    columns = UtteranceColumns.of(part.utterances)
    seconds = columns.samples_heard / SAMPLE_RATE
    short, long = seconds < shortest, seconds > (longest or np.inf)
    if not (short.any() or long.any()):
        return part
    logger.info(
        "%s: left out %d utterances shorter than %g s and %d longer than %g s of %d",
        part.root, short.sum(), shortest, (long & ~short).sum(), longest, len(seconds),
    )  # fmt: skip
    kept = np.flatnonzero(~(short | long)).tolist()
    targets = None if part.targets is None else NumberRows((part.targets[row].tolist() for row in kept), _INDEX)
    return DataPart(part.root, columns.take(kept), targets, part.share)


class AudioDataset(FairseqDataset):
    """Utterances of one or more parts, batched by length.

    An item's ``id`` is its position: with a single unfiltered part that is the row of the manifest, counted
    from 0. What an epoch draws depends on the seed and the epoch alone, so a resumed run sees the same rows.
    """

    def __init__(
        self,
        parts: Sequence[DataPart],
        *,
        pad: int,
        seed: int = 1,
        normalize: bool = False,
        augmenter: Augmenter | None = None,
    ) -> None:
        """Join the parts.

        Args:
            normalize: scale each waveform to zero mean and unit variance, as some wav2vec 2.0 models need.
            augmenter: changes each waveform, by seed, epoch and row; None: they stay as they are.
        """
        labelled = {part.targets is not None for part in parts}
        if len(labelled) > 1:
            raise XlplError(
                "labelled and unlabelled folders are mixed", file=parts[0].root, expected="labels in all or none"
            )
        self.labelled = labelled == {True}
        self.pad, self.seed, self.normalize, self.augmenter = pad, seed, normalize, augmenter
        # the processes that fairseq has read audio live on from epoch to epoch, and must see the number change
        self._epoch = torch.ones((), dtype=torch.int64).share_memory_()
        self.shares = [part.share for part in parts]
        self.roots = [part.root for part in parts]
        self.part = np.repeat(np.arange(len(parts)), [len(part.utterances) for part in parts])
        # columns and not objects: processes that are forked to read audio share them, since nothing in them changes
        self.utterances = UtteranceColumns.joined([UtteranceColumns.of(part.utterances) for part in parts])
        self.targets = NumberRows.joined([part.targets for part in parts if part.targets is not None], _INDEX)
        self.sizes = self.utterances.samples_heard

    def __len__(self) -> int:
        return len(self.utterances)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Return what tells these data from others, wherever the audio lies: rows, labels and shares."""
        digest = hashlib.sha256(repr(self.shares).encode())
        for number, (part, utterance) in enumerate(zip(self.part.tolist(), self.utterances, strict=True)):
            stretch = f"\t{stretch_line(utterance.stretch)}" if utterance.stretch else ""
            row = f"{part}\t{utterance.path}\t{utterance.num_samples}\t{utterance.weight}{stretch}\n"
            digest.update(row.encode())
            if self.labelled:
                digest.update(self.targets[number].tobytes())
        return {"rows": len(self.utterances), "digest": digest.hexdigest()}

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Read one utterance.

        Raises:
            XlplError: the audio is unreadable, or its length is not the manifest's.
        """
        index = int(index)
        utterance = self.utterances[index]
        samples = self._read(index)
        if self.augmenter is not None:
            other = partial(self._read_other, index) if len(self) > 1 else None
            samples = self.augmenter(samples, (self.seed, self.epoch, index), other)
        source = torch.from_numpy(samples)
        if self.normalize:
            source = torch.nn.functional.layer_norm(source, source.shape)
        item: dict[str, Any] = {"id": index, "name": utterance.id, "source": source, "weight": utterance.weight}
        if self.labelled:
            item["target"] = torch.from_numpy(self.targets[index]).long()
        return item

    def _read(self, index: int) -> Waveform:
        utterance = self.utterances[index]
        file = self.roots[self.part[index]] / utterance.path
        samples = read_audio(file)
        if len(samples) != utterance.num_samples:
            raise XlplError(
                f"{len(samples)} samples at {SAMPLE_RATE} Hz, but the manifest says {utterance.num_samples}",
                file=file,
                expected="audio as it was when the folder was prepared",
                remedy="prepare the folder again",
            )
        return samples[slice(*utterance.stretch)] if utterance.stretch else samples

    def _read_other(self, index: int, rng: np.random.Generator) -> Waveform:
        """Read any row but ``index``."""
        return self._read((index + int(rng.integers(1, len(self)))) % len(self))

    def collater(self, samples: list[dict[str, Any]]) -> dict[str, Any]:
        """Pad items to a batch; ``target`` is None for an unlabelled split.

        ``net_input.source`` is (B, T) float32, ``net_input.padding_mask`` (B, T) true in the padding,
        ``target`` (B, L) padded with the pad index, ``target_lengths`` (B,), ``weights`` (B,) float32.
        """
        if not samples:
            return {}
        sources = [sample["source"] for sample in samples]
        lengths = torch.tensor([len(source) for source in sources])
        source = torch.nn.utils.rnn.pad_sequence(sources, batch_first=True)
        batch: dict[str, Any] = {
            "id": torch.tensor([sample["id"] for sample in samples]),
            "names": [sample["name"] for sample in samples],
            "net_input": {"source": source, "padding_mask": _padding_mask(lengths, source.shape[1])},
            "weights": torch.tensor([sample["weight"] for sample in samples]),
            "nsentences": len(samples),
            "ntokens": int(lengths.sum()),
            "target": None,
        }
        return add_targets(batch, [sample["target"] for sample in samples], self.pad) if self.labelled else batch

    @property
    def epoch(self) -> int:
        """The epoch whose rows ``ordered_indices`` draws, from 1; the same in the processes that read audio."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        self._epoch.fill_(epoch)

    def ordered_indices(self) -> Indices:
        """Return the rows of this epoch, longest first, equal lengths in random order."""
        generator = np.random.default_rng((self.seed, self.epoch))
        drawn = np.concatenate(
            [_draw(np.flatnonzero(self.part == i), share, generator) for i, share in enumerate(self.shares)]
        )
        shuffled = generator.permutation(drawn)
        return shuffled[np.argsort(-self.sizes[shuffled], kind="stable")]

    def batch_by_size(
        self,
        indices: Indices,
        max_tokens: int | None = None,
        max_sentences: int | None = None,
        required_batch_size_multiple: int = 1,
    ) -> list[Indices]:
        """Batch so that every index is in exactly one batch.

        ``required_batch_size_multiple`` is not obeyed: fairseq loses the rows that are left over. An
        utterance longer than ``max_tokens`` samples gets a batch of its own (training leaves it out before).
        """
        alone = self.sizes[indices] > (max_tokens or np.inf)
        batches = [indices[i : i + 1] for i in np.flatnonzero(alone)]
        batches += super().batch_by_size(indices[~alone], max_tokens, max_sentences, 1)
        assert sum(map(len, batches)) == len(indices), "batching lost utterances"
        return batches

    def filter_indices_by_size(self, indices: Indices, max_sizes: Any) -> tuple[Indices, list[int]]:
        """Split off what exceeds the limit in samples; fairseq logs how many that are."""
        limit = max_sizes[0] if isinstance(max_sizes, (tuple, list)) else max_sizes
        long = self.sizes[indices] > (np.inf if limit is None else limit)
        return indices[~long], indices[long].tolist()

    def num_tokens(self, index: int) -> int:
        return int(self.sizes[index])

    def num_tokens_vec(self, indices: Indices) -> Indices:
        return self.sizes[indices]

    def size(self, index: int) -> int:
        return int(self.sizes[index])


def add_targets(batch: dict[str, Any], targets: list[Tensor], pad: int) -> dict[str, Any]:
    """Return a batch of ``collater`` with (L,) unit indices for each of its utterances, which may be none."""
    lengths = torch.tensor([len(target) for target in targets])
    padded = data_utils.collate_tokens(targets, pad_idx=pad, pad_to_length=1)
    return {**batch, "target": padded, "target_lengths": lengths, "ntokens": int(lengths.sum())}


def _padding_mask(lengths: Tensor, width: int) -> Tensor:
    return torch.arange(width) >= lengths.unsqueeze(1)


def _draw(rows: Indices, share: float, generator: np.random.Generator) -> Indices:
    whole, rest = divmod(share * len(rows), max(len(rows), 1))
    return np.concatenate([np.tile(rows, int(whole)), generator.permutation(rows)[: round(rest)]])
