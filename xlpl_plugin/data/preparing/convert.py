"""One recording to its files: decoded once, cut, checked, written."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import audio_info, stream_audio, write_audio
from xlpl_plugin.audio.speech_activity import find_speech
from xlpl_plugin.data.preparing.headers import links_well
from xlpl_plugin.data.preparing.kept import Kept
from xlpl_plugin.data.preparing.reasons import Dropped, LeftOut, Reason
from xlpl_plugin.data.preparing.recordings import Clip, Recording, length_problem
from xlpl_plugin.data.preparing.settings import PrepareOptions
from xlpl_plugin.data.preparing.spool import Spool, decibels
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import make_folder, system_errors

# full scale = 0 dB; below this a recording holds nothing but the noise of the converter
SILENCE_DB = -60.0
# seconds that a segment may end after its recording: times are rounded, and codecs pad
_TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class Converted:
    """What became of a recording's clips; ``cut`` says whether it was cut by speech activity."""

    kept: tuple[Kept, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    cut: int = 0


@dataclass(frozen=True)
class Converter:
    """Converts recordings into ``folder``/audio; a function with its settings, for other processes.

    ``temporary`` is a folder whose files will not last, so that no link may lead there.
    """

    folder: Path
    options: PrepareOptions
    temporary: Path | None = None

    def __call__(self, recording: Recording) -> Converted:
        """Convert one recording, or each of its channels.

        Raises:
            XlplError: it cannot be read and ``unusable`` says to stop, or nothing can be written.
        """
        try:
            channels = self._channels(recording)
        except XlplError as error:
            return self._unreadable(recording, error)
        return _together([self._convert(channel) for channel in channels])

    def _channels(self, recording: Recording) -> list[Recording]:
        if self.options.channels != "split" or not recording.divisible or recording.channel is not None:
            return [recording]
        count = audio_info(recording.audio).channels
        if count < 2:
            return [recording]
        names = [f"{recording.name}-ch{channel}" for channel in range(count)]
        return [replace(recording, channel=channel, name=name) for channel, name in enumerate(names)]

    def _unreadable(self, recording: Recording, error: XlplError) -> Converted:
        if self.options.unusable == "stop":
            raise error
        return Converted(dropped=tuple(Dropped(clip.id, Reason.UNREADABLE, error.problem) for clip in recording.clips))

    def _convert(self, recording: Recording) -> Converted:
        with system_errors(self.folder, "a folder with space for decoded recordings"):
            try:
                spool = Spool(stream_audio(recording.audio, channel=recording.channel), make_folder(self.folder))
            except XlplError as error:
                return self._unreadable(recording, error)
            with spool:
                if recording.whole:
                    return self._whole(recording, spool)
                return _together([self._segment(recording, clip, spool) for clip in recording.clips])

    def _whole(self, recording: Recording, spool: Spool) -> Converted:
        clip, seconds = recording.clips[0], len(spool) / SAMPLE_RATE
        reason = length_problem(seconds, clip.letters, self.options)
        if reason is None and spool.decibels < SILENCE_DB:
            reason = Reason.SILENT
        if reason is not None:
            return Converted(dropped=(Dropped(recording.name, reason),))
        if recording.divisible and 0 < self.options.cut_above < seconds:
            return self._pieces(recording, spool)
        link = self._link(recording)
        suffix, samples = (link, len(spool)) if link else self._written(recording.name, spool, 0, len(spool))
        return Converted(kept=(Kept(recording.name, clip.row, suffix, samples, linked=bool(link)),))

    def _segment(self, recording: Recording, clip: Clip, spool: Spool) -> Converted:
        end = len(spool) / SAMPLE_RATE if clip.end is None else clip.end
        if end > len(spool) / SAMPLE_RATE + _TOLERANCE or clip.start * SAMPLE_RATE >= len(spool):
            return Converted(dropped=(Dropped(clip.id, Reason.BEYOND_END),))
        span = round(clip.start * SAMPLE_RATE), min(len(spool), round(end * SAMPLE_RATE))
        reason = self._problem(spool, span, clip.letters)
        if reason is not None:
            return Converted(dropped=(Dropped(clip.id, reason),))
        return Converted(kept=(self._piece(clip.id, clip.row, recording, spool, span),))

    def _pieces(self, recording: Recording, spool: Spool) -> Converted:
        """Cut by speech activity, and count what is in no piece."""
        found = _gaps(find_speech(spool.read, len(spool)), len(spool))
        kept: list[Kept] = []
        left_out: Counter[Reason] = Counter()
        stretches: Counter[Reason] = Counter()
        for (start, end), speech in found:
            reason = self._problem(spool, (start, end), None) if speech else Reason.NO_SPEECH
            if reason is None:
                name = _piece_id(recording.name, start, end)
                kept.append(self._piece(name, recording.clips[0].row, recording, spool, (start, end)))
            else:
                left_out[reason] += end - start
                stretches[reason] += 1
        lost = () if kept else (Dropped(recording.name, Reason.NO_SPEECH),)
        out = tuple(LeftOut(reason, stretches[reason], left_out[reason] / SAMPLE_RATE) for reason in left_out)
        return Converted(tuple(kept), lost, out, cut=1)

    def _problem(self, spool: Spool, span: tuple[int, int], letters: int | None) -> Reason | None:
        reason = length_problem((span[1] - span[0]) / SAMPLE_RATE, letters, self.options)
        if reason is not None:
            return reason
        samples = spool.read(*span)
        loudness = decibels(float(np.einsum("i,i->", samples, samples, dtype=np.float64)), samples.size)
        return Reason.SILENT if loudness < SILENCE_DB else None

    def _piece(self, name: str, row: int, recording: Recording, spool: Spool, span: tuple[int, int]) -> Kept:
        suffix, samples = self._written(name, spool, *span)
        return Kept(name, row, suffix, samples, recording.name, span[0] / SAMPLE_RATE, span[1] / SAMPLE_RATE)

    def _written(self, name: str, spool: Spool, start: int, end: int) -> tuple[str, int]:
        """Write a file; return its suffix and how many samples it has."""
        suffix = f".{self.options.format}"
        # the disk is waited for once, when the folder is complete: for every file it takes as long as the work
        return suffix, write_audio(self.folder / "audio" / f"{name}{suffix}", spool.read(start, end), sync=False)

    def _link(self, recording: Recording) -> str:
        """Link to a file that need not be written again; return the link's suffix, or an empty one."""
        if not self.options.keep or not links_well(recording.audio, self.temporary):
            return ""
        suffix = recording.audio.suffix.lower()
        target = self.folder / "audio" / f"{recording.name}{suffix}"
        make_folder(target.parent)
        with system_errors(target, "a link"):
            os.symlink(recording.audio.absolute(), target)
        return suffix


def _piece_id(recording: str, start: int, end: int) -> str:
    """Return Kaldi's usual name of a piece, with its hundredths of a second: in the order of names is that of time."""
    first, last = (round(sample * 100 / SAMPLE_RATE) for sample in (start, end))
    return f"{recording}-{first:07d}-{last:07d}"


def _gaps(pieces: list[tuple[int, int]], total: int) -> Iterator[tuple[tuple[int, int], bool]]:
    """Yield the pieces and the stretches between them, and whether it is a piece."""
    at = 0
    for start, end in [*pieces, (total, total)]:
        if start > at:
            yield (at, start), False
        if end > start:
            yield (start, end), True
        at = end


def _together(parts: list[Converted]) -> Converted:
    if len(parts) == 1:
        return parts[0]
    return Converted(
        tuple(kept for part in parts for kept in part.kept),
        tuple(dropped for part in parts for dropped in part.dropped),
        tuple(left_out for part in parts for left_out in part.left_out),
        sum(part.cut for part in parts),
    )
