"""Where a long recording holds speech, and how it is cut into utterances (Silero VAD, whose model is in its wheel).

The model is a convolutional encoder over frames of 512 samples, then an LSTM. Its own interface takes one frame a call;
here the same modules take many frames at once, which gives the same probabilities about ten times as fast.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import Waveform
from xlpl_plugin.audio.windows import cut_at_silence

if TYPE_CHECKING:
    import torch

Span = tuple[int, int]
Reader = Callable[[int, int], Waveform]

# seconds up to which a recording is one utterance, unless a user says otherwise
CUT_ABOVE = 30.0
_FRAME = 512
# the encoder sees the end of the frame before
_CONTEXT = 64
_FRAMES_AT_ONCE = 256
_MILLISECOND = SAMPLE_RATE // 1000
# the step of 16-bit samples
_DIGITAL_SILENCE = 2**-15


@dataclass(frozen=True)
class Cutting:
    """How speech becomes pieces; all in seconds.

    Attributes:
        shortest, longest: of a piece.
        pause: silence that divides two pieces; over a shorter one they are one.
        near: a piece that would be too short is joined to a neighbour that is no farther away.
        before, after: what is kept around a piece; the model is late to see a beginning in noise, and an end.
        speech: less is taken for a noise.
    """

    shortest: float = 1.0
    longest: float = 20.0
    pause: float = 0.4
    near: float = 0.6
    before: float = 0.25
    after: float = 0.1
    speech: float = 0.3


class SpeechDetector:
    """The model, which takes a recording block by block; get it from ``detector()``."""

    def __init__(self) -> None:
        import torch

        with _one_thread():
            # at its import the package sets the number of torch's threads
            from silero_vad import load_silero_vad

            model = load_silero_vad()._model
        cell = model.decoder.rnn
        self._stft, self._encoder, self._head = model.stft, model.encoder, model.decoder.decoder
        self._lstm = torch.nn.LSTM(cell.weight_ih.shape[1], cell.weight_hh.shape[1])
        self._lstm.load_state_dict({f"{name}_l0": value for name, value in cell.named_parameters()})

    def probabilities(self, blocks: Iterable[Waveform]) -> npt.NDArray[np.float32]:
        """Return, for each 32 ms of a recording given in blocks of any size, how probable speech is, 0 to 1."""
        import torch

        state: tuple[torch.Tensor, torch.Tensor] | None = None
        found: list[npt.NDArray[np.float32]] = [np.zeros(0, np.float32)]
        with torch.inference_mode(), _one_thread():
            for frames in _frames(blocks):
                features = self._encoder(self._stft(torch.from_numpy(frames))).permute(2, 0, 1)[0]
                hidden, state = self._lstm(features.unsqueeze(1), state)
                found.append(self._head(hidden.permute(0, 2, 1)).flatten().numpy())
        return np.concatenate(found)


@functools.cache
def detector() -> SpeechDetector:
    """Return the process's detector; the first call imports torch."""
    return SpeechDetector()


def find_speech(read: Reader, total: int, cutting: Cutting | None = None) -> list[Span]:
    """Return the pieces of a recording that hold speech, in order and without overlap, as ranges of samples.

    Args:
        read: start, end -> those samples, (end - start,) float32 at 16 kHz; it is asked for a minute at most.
        total: samples of the recording.
    """
    minute = 60 * SAMPLE_RATE
    blocks = (read(start, min(start + minute, total)) for start in range(0, total, minute))
    pieces = pieces_of_speech(detector().probabilities(blocks), read, total, cutting or Cutting())
    return [_within_sound(piece, read) for piece in pieces]


def _within_sound(piece: Span, read: Reader) -> Span:
    """Take digital silence off the ends: no microphone gives it, so acoustic models never saw the like.

    By whole milliseconds, as the file ``segments`` counts them.
    """
    sound = np.flatnonzero(np.abs(read(*piece)) > _DIGITAL_SILENCE)
    if not sound.size:
        return piece
    first, last = piece[0] + int(sound[0]), piece[0] + int(sound[-1]) + 1
    return max(piece[0], first // _MILLISECOND * _MILLISECOND), min(piece[1], -(-last // _MILLISECOND) * _MILLISECOND)


def pieces_of_speech(probabilities: npt.NDArray[np.float32], read: Reader, total: int, cutting: Cutting) -> list[Span]:
    """Return the pieces of a recording; ``probabilities`` are those of its frames."""
    runs = _joined(_regions(probabilities, total), read, cutting)
    parts = [part for run in runs for part in _cut(run, read, cutting)]
    return [piece for piece in _widened(parts, total, cutting) if _samples(cutting.shortest) <= piece[1] - piece[0]]


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch to one thread: the processes are as many as the cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _frames(blocks: Iterable[Waveform]) -> Iterator[npt.NDArray[np.float32]]:
    """Yield (frames, context + frame) arrays; zeros fill the last frame."""
    held: Waveform = np.zeros(_CONTEXT, np.float32)
    step = _FRAMES_AT_ONCE * _FRAME
    for block in blocks:
        held = np.concatenate((held, block))
        while len(held) >= _CONTEXT + step:
            yield _framed(held[: _CONTEXT + step])
            held = held[step:]
    rest = len(held) - _CONTEXT
    if rest:
        yield _framed(np.pad(held, (0, -rest % _FRAME)))


def _framed(samples: Waveform) -> npt.NDArray[np.float32]:
    windows = np.lib.stride_tricks.sliding_window_view(samples, _CONTEXT + _FRAME)[::_FRAME]
    return np.ascontiguousarray(windows)


def _regions(probabilities: npt.NDArray[np.float32], total: int) -> list[Span]:
    from silero_vad import get_speech_timestamps_from_probs

    found = get_speech_timestamps_from_probs(
        probabilities.tolist(),
        # the model is slow to see an end: the default, 0.35, would add a tenth of a second to it
        neg_threshold=0.45,
        min_speech_duration_ms=100,
        speech_pad_ms=0,
        audio_length_samples=total,
    )
    return [(int(region["start"]), int(region["end"])) for region in found]


def _joined(regions: list[Span], read: Reader, cutting: Cutting) -> list[Span]:
    """Join regions over short pauses, drop mere noises, and join what is too short to its nearer neighbour.

    Nothing is joined over digital silence.
    """
    runs: list[Span] = []
    for start, end in regions:
        pause = start - runs[-1][1] if runs else 0
        if runs and pause < _samples(cutting.pause) and not _is_dead(read(runs[-1][1], start)):
            runs[-1] = runs[-1][0], end
        else:
            runs.append((start, end))
    runs = [run for run in runs if run[1] - run[0] >= _samples(cutting.speech)]
    joined: list[Span] = []
    for run, following in zip_longest(runs, runs[1:]):
        if joined and _belongs(joined[-1], run, following, cutting) and not _is_dead(read(joined[-1][1], run[0])):
            joined[-1] = joined[-1][0], run[1]
        else:
            joined.append(run)
    return joined


def _is_dead(pause: Waveform) -> bool:
    """Whether a pause holds a tenth of a second of digital silence in all."""
    return int((np.abs(pause) <= _DIGITAL_SILENCE).sum()) > _samples(0.1)


def _belongs(last: Span, run: Span, following: Span | None, cutting: Cutting) -> bool:
    """Whether ``run`` joins the one before it: one of them is too short, and no other neighbour is nearer."""
    before = run[0] - last[1]
    fits = before <= _samples(cutting.near) and run[1] - last[0] <= _inner(cutting)
    nearest = following is None or before <= following[0] - run[1]
    short = _samples(cutting.shortest - cutting.before - cutting.after)
    return fits and (last[1] - last[0] < short or (run[1] - run[0] < short and nearest))


def _inner(cutting: Cutting) -> int:
    """Return the most samples of a piece without its margins."""
    return _samples(cutting.longest - cutting.before - cutting.after)


def _cut(run: Span, read: Reader, cutting: Cutting) -> Iterator[Span]:
    """Cut a run that is too long in its quietest pauses, with no more than two pieces' samples in memory."""
    start, end = run
    limit = _inner(cutting)
    while end - start > limit:
        stretch = read(start, min(end, start + 2 * limit))
        # of a stretch that is not the last only the first window is sure to be cut at its best
        windows = cut_at_silence(stretch, limit / SAMPLE_RATE)[: None if end - start == len(stretch) else 1]
        yield from ((start + first, start + last) for first, last in windows)
        start += windows[-1][1]
    if start < end:
        yield start, end


def _widened(parts: list[Span], total: int, cutting: Cutting) -> Iterator[Span]:
    """Yield the parts with their margins, and wider where they would be too short, to the middle of a pause at most."""
    middles = [0, *((end + start) // 2 for (_, end), (start, _) in pairwise(parts)), total]
    for (start, end), earliest, latest in zip(parts, middles, middles[1:], strict=False):
        more = max(0, _samples(cutting.shortest - cutting.before - cutting.after) - (end - start))
        before = min(_samples(cutting.before) + (more + 1) // 2, start - earliest)
        after = min(_samples(cutting.after) + more // 2, latest - end)
        missing = _samples(cutting.shortest) - (end - start) - before - after
        if missing > 0:
            before = min(before + missing, start - earliest)
            after = min(_samples(cutting.shortest) - (end - start) - before, latest - end)
        yield start - before, end + after
