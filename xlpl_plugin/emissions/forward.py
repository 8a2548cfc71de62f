"""Log-probs computed as they are asked for: read, cut into windows, batched by length, computed ahead of their use."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import Waveform, read_audio
from xlpl_plugin.audio.windows import SHORTEST_WINDOW, cut_at_silence
from xlpl_plugin.concurrency import map_ahead, prefetch
from xlpl_plugin.data.manifest import Manifest
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.decoding import LogProbs
from xlpl_plugin.emissions.source import Emission, Window
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import sha256
from xlpl_plugin.models import acoustic
from xlpl_plugin.shards.store import shard_order

logger = logging.getLogger(__name__)

ReadUtterance = Callable[[Path, Utterance], Waveform]
# batches that the caller is not done with: the one it has, one that is ready, one in the model
_BATCHES = 3
_READERS = min(4, os.cpu_count() or 1)
# recordings that are tried first, and the share of them that may be unreadable
_PROBED = 20
_UNREADABLE = 0.5


@dataclass
class _Recording:
    """An utterance on its way through the model, window by window."""

    utterance: Utterance
    waveform: Waveform
    error: str = ""
    # ranges of samples, and for each its log-probs when they are there
    windows: list[tuple[int, int]] = field(default_factory=list)
    found: dict[int, LogProbs] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return bool(self.error) or len(self.found) == len(self.windows)

    def emission(self, units: int) -> Emission:
        if self.error:
            return Emission(self.utterance, np.zeros((0, units), np.float32), (), self.error)
        parts = [self.found[number] for number in range(len(self.windows))]
        windows = tuple(
            Window(len(part), start / SAMPLE_RATE, (end - start) / SAMPLE_RATE)
            for part, (start, end) in zip(parts, self.windows, strict=True)
        )
        return Emission(self.utterance, np.concatenate(parts) if len(parts) > 1 else parts[0], windows)


@dataclass(frozen=True)
class _Piece:
    """One window of a recording."""

    recording: _Recording
    number: int

    @property
    def waveform(self) -> Waveform:
        start, end = self.recording.windows[self.number]
        return self.recording.waveform[start:end]

    @property
    def samples(self) -> int:
        start, end = self.recording.windows[self.number]
        return end - start


class ModelEmissions:
    """Log-probs of an acoustic model; nothing is stored. Same use as stored ``Emissions``."""

    def __init__(
        self,
        am: str | Path,
        *,
        max_seconds: float = 120.0,
        window_seconds: float = 30.0,
        device: str = "auto",
        bf16: bool = False,
    ) -> None:
        """Load the model.

        Args:
            max_seconds: audio in a batch, padding counted; halved whenever the device's memory does not suffice.
            bf16: whether the model computes in bfloat16.
            window_seconds: recordings longer than this are cut where they are quietest.

        Raises:
            XlplError: as ``load_acoustic_model``; windows too short for speech.
        """
        if not window_seconds >= SHORTEST_WINDOW:
            raise XlplError(f"window_seconds={window_seconds}", expected=f"at least {SHORTEST_WINDOW}")
        self.am_sha256 = sha256(am)
        self._model = acoustic.load_acoustic_model(am, device=device, bf16=bf16)
        self.units: tuple[str, ...] = tuple(self._model.units)
        self._max_seconds, self._window_seconds = max_seconds, window_seconds

    def stream(self, manifest: Manifest) -> Iterator[Emission]:
        """Yield all utterances' emissions, the longest first.

        Recordings are read, and batches computed, in threads while the caller is busy: a few batches, no more.

        Raises:
            XlplError: the audio folder is gone.
        """
        return self.stream_shards(manifest.root, [manifest.utterances])

    def stream_shards(
        self, root: Path, shards: Iterable[Sequence[Utterance]], *, read: ReadUtterance | None = None
    ) -> Generator[Emission, None, None]:
        """Stream as ``stream`` does, one shard after the other. No batch holds utterances of two shards.

        ``read`` takes the place of ``read_utterance``, for samples that are in no file; it is called in threads.
        """
        with closing(prefetch(self._compute(root, shards, read or read_utterance), _BATCHES)) as batches:
            for batch in batches:
                yield from batch

    def _compute(
        self, root: Path, shards: Iterable[Sequence[Utterance]], read: ReadUtterance
    ) -> Generator[list[Emission], None, None]:
        ordered = (
            (shard[row], place == len(shard) - 1) for shard in shards for place, row in enumerate(shard_order(shard))
        )
        recordings = map_ahead(
            lambda job: (self._read(root, job[0], read), job[1]),
            ordered,
            lambda job: job[0].seconds,
            limit=2 * self._max_seconds,
            threads=_READERS,
        )
        waiting: deque[_Recording] = deque()
        batch: list[_Piece] = []
        try:
            for recording, ends_shard in recordings:
                waiting.append(recording)
                for piece in _longest_first(recording):
                    if batch and not self._fits([*batch, piece]):
                        self._forward(batch)
                        batch = []
                        yield self._finished(waiting)
                    batch.append(piece)
                if ends_shard:
                    self._forward(batch)
                    batch = []
                    yield self._finished(waiting)
        finally:
            recordings.close()

    def _read(self, root: Path, utterance: Utterance, read: ReadUtterance) -> _Recording:
        try:
            waveform = read(root, utterance)
        except (XlplError, OSError) as error:
            if not root.is_dir():  # rather than one failure for each utterance that is left
                raise
            problem = error.problem if isinstance(error, XlplError) else str(error)
            return _Recording(utterance, np.zeros(0, np.float32), f"unreadable: {problem}")
        return _Recording(utterance, waveform, windows=cut_at_silence(waveform, self._window_seconds))

    def _fits(self, batch: Sequence[_Piece]) -> bool:
        return max(piece.samples for piece in batch) * len(batch) <= self._max_seconds * SAMPLE_RATE

    def _forward(self, batch: Sequence[_Piece]) -> None:
        """Compute the log-probs of ``batch``, in parts if need be."""
        if not batch:
            return
        try:
            found = self._model.emit([piece.waveform for piece in batch])
        except torch.OutOfMemoryError:
            found = None  # outside of this block the error, which keeps the batch's tensors alive, is gone
        if found is not None:
            for piece, log_probs in zip(batch, found, strict=True):
                piece.recording.found[piece.number] = log_probs
            return
        with acoustic.named_gpu_failure():
            torch.cuda.empty_cache()
        seconds = max(piece.samples for piece in batch) * len(batch) / SAMPLE_RATE
        if len(batch) == 1:
            batch[0].recording.error = f"{seconds:.1f} s of audio do not fit in the device's memory"
            return
        self._max_seconds = min(self._max_seconds, seconds / 2)
        logger.warning("%.1f s of audio do not fit in the device's memory: batches of half as much now", seconds)
        middle = (len(batch) + 1) // 2
        self._forward(batch[:middle])
        self._forward(batch[middle:])

    def _finished(self, waiting: deque[_Recording]) -> list[Emission]:
        """Return the emissions of the first recordings of ``waiting`` that are complete, and take these away."""
        emissions = []
        while waiting and waiting[0].complete:
            emissions.append(waiting.popleft().emission(len(self.units)))
        return emissions


def read_utterance(root: Path, utterance: Utterance) -> Waveform:
    """Read a recording of a manifest.

    Raises:
        XlplError: it is missing, broken, or not as long as the manifest says.
    """
    waveform = read_audio(root / utterance.path)
    if len(waveform) != utterance.num_samples:
        raise XlplError(
            f"{len(waveform)} samples, but {utterance.num_samples} in the manifest",
            file=root / utterance.path,
            expected="the recording that was prepared",
            remedy="prepare the folder again (`xlpl check` finds all such files)",
        )
    return waveform


def refuse_unreadable(manifest: Manifest) -> None:
    """Try some recordings, spread over the manifest.

    Raises:
        XlplError: most of them cannot be read; the first one is named.
    """
    step = max(1, len(manifest.utterances) // _PROBED)
    tried = manifest.utterances[::step][:_PROBED]
    errors = []
    for utterance in tried:
        try:
            read_utterance(manifest.root, utterance)
        except XlplError as error:
            errors.append(error)
    if len(errors) > _UNREADABLE * len(tried):
        raise XlplError(
            f"{errors[0].problem}; and so with {len(errors)} of {len(tried)} recordings that were tried",
            file=errors[0].file,
            expected=errors[0].expected,
            remedy=errors[0].remedy,
        )


def _longest_first(recording: _Recording) -> list[_Piece]:
    pieces = [_Piece(recording, number) for number in range(len(recording.windows))]
    return sorted(pieces, key=lambda piece: -piece.samples)
