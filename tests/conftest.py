"""Small real data that the tests of several rooms share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from support.loudness_model import listener, make_config
from support.run_project import actions, configure, fake_run, project, results
from support.ssl_run import ssl_run
from support.tiny_run import tiny_run

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import write_audio
from xlpl_plugin.data.manifest import Manifest, write_manifest
from xlpl_plugin.data.units import LETTERS, letters_line, write_units
from xlpl_plugin.data.utterances import Utterance

__all__ = ["actions", "configure", "fake_run", "listener", "make_config", "project", "results", "ssl_run", "tiny_run"]

MakeFolder = Callable[..., Path]
# no test has a time limit: machines are as slow as they are
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def make_folder() -> MakeFolder:
    """A prepared folder. ``splits`` maps a split to its transcripts; each letter is a tone of its own of 0.12 s."""

    def make(
        folder: Path, splits: dict[str, Sequence[str]], symbols: Sequence[str] = LETTERS, *, labels: bool = True
    ) -> Path:
        for split, transcripts in splits.items():
            utterances = []
            for number, text in enumerate(transcripts):
                waveform = _tones(text, seed=number)
                write_audio(folder / "audio" / split / f"{number}.flac", waveform)
                units = letters_line(text.split()) if labels else None
                words = text if labels else None
                utterances.append(Utterance(f"{split}/{number}.flac", len(waveform), words, units))
            write_manifest(folder, split, Manifest(folder / "audio", tuple(utterances)))
        write_units(folder, symbols)
        return folder

    return make


def _tones(text: str, seed: int) -> np.ndarray:
    time = np.arange(int(0.12 * SAMPLE_RATE)) / SAMPLE_RATE
    pieces = [0.3 * np.sin(2 * np.pi * (200 + 150 * (ord(letter) % 12)) * time) for letter in text]
    waveform = np.concatenate(pieces)
    return (waveform + 0.01 * np.random.default_rng(seed).standard_normal(len(waveform))).astype(np.float32)


@pytest.fixture(scope="session")
def write_pretrained() -> Callable[[Path], None]:
    """A checkpoint of an untrained wav2vec 2.0 of 16 dimensions, with the group norm of the base models."""

    def write(path: Path) -> None:
        # in here, so that tests without fairseq do not wait for it
        import torch
        from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config, Wav2Vec2Model
        from omegaconf import OmegaConf

        torch.manual_seed(0)
        config = Wav2Vec2Config(
            extractor_mode="default",
            conv_feature_layers="[(16, 10, 5)] + [(16, 3, 2)] * 4 + [(16, 2, 2)] * 2",
            encoder_layers=1,
            encoder_embed_dim=16,
            encoder_ffn_embed_dim=32,
            encoder_attention_heads=2,
            final_dim=8,
            latent_vars=4,
            conv_pos=16,
            conv_pos_groups=4,
        )
        stored = OmegaConf.to_container(OmegaConf.create(asdict(config)), enum_to_str=True)
        assert isinstance(stored, dict)
        task = {"_name": "audio_pretraining", "data": "/nowhere", "normalize": False, "sample_rate": 16_000}
        state = {
            "args": None,
            "cfg": {"model": {**stored, "_name": "wav2vec2"}, "task": task, "criterion": None, "lr_scheduler": None},
            "model": Wav2Vec2Model.build_model(config).state_dict(),
            "optimizer_history": [{"optimizer_name": "FairseqAdam", "lr_scheduler_state": {}, "num_updates": 1}],
            "extra_state": {"train_iterator": {"epoch": 1}},
        }
        torch.save(state, path)

    return write
