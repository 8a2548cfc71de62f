"""A recording that is asked for, in memory or on the disk, and the stretches of it that are heard."""

from __future__ import annotations

import tempfile
from pathlib import Path
from threading import Lock

import numpy as np

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import Waveform, stream_audio
from xlpl_plugin.audio.speech_activity import CUT_ABOVE, Span, find_speech
from xlpl_plugin.data.preparing.spool import Spool
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import system_errors

Audio = str | Path | Waveform


class OpenRecording:
    """Samples of any number, and the spans of them that hold speech; ``close`` it.

    Attributes:
        samples: how many there are, at 16 kHz.
        spans: ranges of samples.
    """

    def __init__(self, audio: Audio, name: str) -> None:
        """Read all of it, to the disk where it is long.

        Raises:
            XlplError: as ``stream_audio``; an array that holds no samples as they are expected; no space for temporary
                files.
        """
        blocks = iter([_checked(audio, name)]) if isinstance(audio, np.ndarray) else stream_audio(audio)
        folder = tempfile.gettempdir()
        with system_errors(folder, "space for the samples of a long recording"):
            self._spool = Spool(blocks, folder)
        # pieces are read by several threads, and a file has one place at which it is read
        self._lock = Lock()
        self.samples = len(self._spool)
        self.spans = self._find()

    @property
    def seconds(self) -> float:
        return self.samples / SAMPLE_RATE

    def read(self, start: int, end: int) -> Waveform:
        with self._lock:
            return self._spool.read(start, end).copy()  # torch wants samples that it might write to

    def close(self) -> None:
        self._spool.close()

    def _find(self) -> list[Span]:
        if self.seconds > CUT_ABOVE:
            return find_speech(self.read, self.samples)
        # an acoustic model never saw digital silence, and may hear anything in it
        return [(0, self.samples)] if np.any(self.read(0, self.samples)) else []


def _checked(samples: Waveform, name: str) -> Waveform:
    if samples.dtype != np.float32 or samples.ndim != 1 or not samples.size or not np.isfinite(samples).all():
        raise XlplError(
            f"{name}: {samples.dtype} of shape {samples.shape}",
            expected="finite float32 samples of shape (T,), T > 0, at 16 kHz, full scale = 1",
            remedy="average the channels, resample, and divide 16-bit samples by 32768; or pass the file's path",
        )
    return samples
