"""Synthetic speech in the folders that people download: a language of Common Voice, LJSpeech."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import soundfile
import torch
import torchaudio
from support.layouts import layouts

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import read_audio
from xlpl_plugin.data.corpora.synthetic import Cast, synthesize

# what further files of a release are called, and their columns (release 22)
_FURTHER = {
    "reported": "sentence_id\tsentence\tlocale\treason",
    "clip_durations": "clip\tduration[ms]",
    "validated_sentences": "sentence_id\tsentence\tsentence_domain\tsource\tis_used\tclips_count",
    "unvalidated_sentences": "sentence_id\tsentence\tsentence_domain\tsource",
}
# minutes of each part, and the voice that speaks it
_PARTS = {"train": (1.6, "m1"), "dev": (0.2, "m1"), "test": (0.3, "m2")}


def common_voice(folder: Path, language: str, texts: Iterator[str]) -> Path:
    """Write a release's folder of one language: 32 kHz MP3 in clips/, and its tables."""
    spoken = folder.parent / "spoken" / language
    stems = {part: f"common_voice_{language}_{number}" for number, part in enumerate(_PARTS)}
    clips = [clip for part in _PARTS for clip in _speak(spoken / part, language, texts, part, stems[part], 32_000)]
    layouts.commonvoice(folder, clips)
    for name, header in _FURTHER.items():
        (folder / f"{name}.tsv").write_text(header + "\n", encoding="utf-8")
    return folder


def ljspeech(folder: Path, texts: Iterator[str]) -> Path:
    """Write LJSpeech's folder: one voice, 22.05 kHz WAV in wavs/, metadata.csv."""
    layouts.ljspeech(folder, _speak(folder.parent / "spoken", "en", texts, "train", "LJ001-", 22_050))
    (folder / "README").write_text("The LJ Speech Dataset\n")
    return folder


def _speak(folder: Path, language: str, texts: Iterator[str], part: str, stem: str, rate: int) -> list[Any]:
    """Return clips (``layouts.Clip``) of one part, in FLAC of ``rate``."""
    minutes, voice = _PARTS[part]
    clips = []
    for number, item in enumerate(synthesize(texts, language, minutes, folder, seed=1, cast=Cast(voices=(voice,)))):
        samples = torch.from_numpy(read_audio(item.audio))
        soundfile.write(item.audio, torchaudio.functional.resample(samples, SAMPLE_RATE, rate).numpy(), rate)
        clips.append(layouts.Clip(f"{stem}{number:04d}", item.audio, item.text, f"{part}-{voice}", part))
    return clips
