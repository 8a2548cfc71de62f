"""A language of tones: each letter a pitch. A small model learns it in a minute, so that its labels can be compared."""

from __future__ import annotations

import os
import random
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import torch
from unigrams import write_unigrams
from updates import Batch, Updater

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.data.manifest import Manifest, write_manifest
from xlpl_plugin.data.units import LETTERS, SPECIAL_SYMBOLS, WORD_BOUNDARY, letters_line
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.files import write_lines
from xlpl_plugin.models.encoder import AcousticEncoder, EncoderConfig

UNITS = (*SPECIAL_SYMBOLS, *LETTERS)
_SPOKEN = "abcdefghijklmnopqrstuvwxyz"
_LETTER, _PAUSE = 1_280, 480  # samples
_PITCHES = dict(zip(_SPOKEN, np.geomspace(250, 6_000, len(_SPOKEN)), strict=True))
Waveform = npt.NDArray[np.float32]


def make_words(number: int, seed: int = 1) -> list[str]:
    drawn = random.Random(seed)
    return sorted({"".join(drawn.choices(_SPOKEN, k=drawn.randint(3, 8))) for _ in range(number)})


def speak(words: list[str], seed: int, noise: float = 0.05) -> Waveform:
    """Return the recording of a sentence, in a voice of its own."""
    drawn = np.random.default_rng(seed)
    voice = drawn.uniform(0.97, 1.03)
    time = np.arange(_LETTER) / SAMPLE_RATE
    pieces = []
    for word in words:
        for letter in word:
            tone = 0.3 * np.sin(2 * np.pi * _PITCHES[letter] * voice * time + drawn.uniform(0, 6)) * np.hanning(_LETTER)
            pieces += [tone, np.zeros(_PAUSE)]
        pieces.append(np.zeros(2 * _LETTER))
    sound = np.concatenate(pieces)
    return (sound + noise * drawn.standard_normal(len(sound))).astype(np.float32)


def sentence(words: list[str], seed: int) -> list[str]:
    drawn = random.Random(seed)
    return drawn.choices(words, k=drawn.randint(3, 9))


def batch(words: list[str], seeds: range) -> Batch:
    """Return new sentences, spoken."""
    said = [sentence(words, seed) for seed in seeds]
    sounds = [torch.from_numpy(speak(one, seed)) for one, seed in zip(said, seeds, strict=True)]
    targets = [torch.tensor([UNITS.index(unit) for unit in letters_line(one).split()]) for one in said]
    return Batch(
        torch.nn.utils.rnn.pad_sequence(sounds, batch_first=True),
        torch.tensor([len(sound) for sound in sounds]),
        torch.nn.utils.rnn.pad_sequence(targets, batch_first=True),
        torch.tensor([len(target) for target in targets]),
    )


def train(config: EncoderConfig, words: list[str], device: str, updates: int, *, bf16: bool) -> AcousticEncoder:
    """Train a model on sentences that no corpus below has."""
    torch.manual_seed(1)
    model = AcousticEncoder(config, len(UNITS))
    updater = Updater(model, device, bf16=bf16, lr=1e-3)
    for number in range(updates):
        updater.optimizer.param_groups[0]["lr"] = 1e-3 * min((number + 1) / 50, 1, 2 * (1 - number / updates))
        given = batch(words, range(1_000_000 + 32 * number, 1_000_000 + 32 * (number + 1)))
        updater.update(given.moved(lambda tensor: tensor.to(device)))
    return model.eval()


def save(model: AcousticEncoder, config: EncoderConfig, file: Path) -> None:
    """Write the model as ``xlpl bundle`` does."""
    from xlpl_plugin.models.plain_model import OURS, PlainModel, write_plain_model

    plain = PlainModel(OURS, asdict(config), {}, UNITS, False, 1)
    weights = {f"encoder.{name}": value.cpu() for name, value in model.state_dict().items()}
    write_plain_model(file, plain, weights, half=False, origin=file)


def write_corpus(folder: Path, words: list[str], utterances: int, distinct: int) -> Path:
    """Write a prepared folder ``data`` with the split ``train``, its transcripts, a lexicon and a unigram LM.

    Only so many recordings are ``distinct``; the others are the same files under other names.
    """
    audio = folder / "audio"
    audio.mkdir(parents=True)
    rows = []
    for number in range(utterances):
        original = number % distinct
        said, path = sentence(words, original), audio / f"u{number:06d}.flac"
        if number < distinct:
            soundfile.write(path, speak(said, original), SAMPLE_RATE)
        else:
            os.link(audio / f"u{original:06d}.flac", path)
        samples = rows[original].num_samples if number >= distinct else soundfile.info(path).frames
        rows.append(Utterance(path.name, samples, words=" ".join(said), units=letters_line(said)))
    write_manifest(folder / "data", "train", Manifest(audio, tuple(rows)))
    write_lines(folder / "lexicon.txt", (f"{word}\t{' '.join(word)} {WORD_BOUNDARY}" for word in words))
    write_unigrams(folder / "lm.arpa", {word: -(3 + number % 1000 / 1000) for number, word in enumerate(words)})
    return folder
