"""The sound of picked utterances: a file for each, and one with all of them after each other, for ELAN."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import read_audio, write_audio
from xlpl_plugin.files import make_folder

# samples of silence after each utterance of the joined recording
_PAUSE = SAMPLE_RATE // 2
# what a file on another system may not be called
_FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f]')

# where an utterance begins and ends in the joined recording, in milliseconds
Span = tuple[int, int]


def sound_names(ids: Iterable[str]) -> dict[str, str]:
    """Return id -> relative path of its sound file, which is below ``audio/`` whatever the id; no two are the same.

    >>> sound_names(["radio/1", "/mnt/../1", "mnt/1"])
    {'radio/1': 'audio/radio/1.flac', '/mnt/../1': 'audio/mnt/1.flac', 'mnt/1': 'audio/mnt/1_.flac'}
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for key in ids:
        name = "/".join(part for part in _FORBIDDEN.sub("_", key).split("/") if part.strip(" ."))
        while name.lower() in taken:
            name += "_"
        taken.add(name.lower())
        names[key] = f"audio/{name}.flac"
    return names


def write_sound(folder: Path, recordings: Mapping[str, Path], names: Mapping[str, str], joined: str) -> dict[str, Span]:
    """Write what each id's recording holds to its file, and all of them to ``joined``, one at a time in memory.

    Returns:
        id -> where it stands in the joined recording (16 kHz mono WAV).

    Raises:
        XlplError: a recording that is missing or cannot be read.
    """
    spans: dict[str, Span] = {}
    make_folder(folder)
    at = 0
    with soundfile.SoundFile(folder / joined, "w", SAMPLE_RATE, 1, "PCM_16", format="WAV") as stream:
        for key, recording in recordings.items():
            waveform = np.clip(read_audio(recording), -1.0, 1.0)
            write_audio(folder / names[key], waveform, sync=False)
            stream.write(waveform)
            stream.write(np.zeros(_PAUSE, np.float32))
            spans[key] = _milliseconds((at, at + len(waveform)))
            at += len(waveform) + _PAUSE
    return spans


def _milliseconds(samples: Sequence[int]) -> Span:
    start, end = (round(1000 * count / SAMPLE_RATE) for count in samples)
    return start, max(end, start + 1)
