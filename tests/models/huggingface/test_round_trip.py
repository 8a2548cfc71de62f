"""A model is the same function in fairseq and in transformers, whichever way it goes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from support.huggingface_folder import VOCABULARY, write_model

from xlpl_plugin.cli import xlpl
from xlpl_plugin.decoding.greedy import GreedyDecoder
from xlpl_plugin.models.acoustic import load_acoustic_model
from xlpl_plugin.models.checkpoint import read_checkpoint
from xlpl_plugin.models.huggingface.exporting import export_huggingface
from xlpl_plugin.models.huggingface.importing import import_huggingface

UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "e", "a", "'", "b", "c")
# where the outputs of transformers stand, in the order of VOCABULARY; its <s> is fairseq's <pad>
COLUMNS = [UNITS.index(unit) for unit in ("|", "e", "a", "'", "b", "<unk>", "<s>", "c", "<pad>")]
WAVES = [np.random.default_rng(n).standard_normal(n).astype(np.float32) / 10 for n in (16_000, 9_000, 4_321)]
KINDS = [(extractor, stable) for extractor in ("group", "layer") for stable in (False, True)]


def their_log_probs(folder: Path, waves: list[np.ndarray]) -> list[np.ndarray]:
    """Return transformers' log-probs of a padded batch of waveforms that are normalised as fairseq does, if at all."""
    from transformers import Wav2Vec2ForCTC

    model = Wav2Vec2ForCTC.from_pretrained(folder).eval()
    sources = [torch.from_numpy(wave) for wave in waves]
    if model.config.feat_extract_norm == "layer":
        sources = [torch.nn.functional.layer_norm(source, source.shape) for source in sources]
    batch = torch.nn.utils.rnn.pad_sequence(sources, batch_first=True)
    lengths = torch.tensor([len(source) for source in sources])
    mask = torch.arange(batch.shape[1]) < lengths.unsqueeze(1)
    with torch.inference_mode():
        log_probs = model(batch, attention_mask=mask.long()).logits.log_softmax(dim=-1)
    frames = model._get_feat_extract_output_lengths(lengths).tolist()
    return [own[:count].numpy() for own, count in zip(log_probs, frames, strict=True)]


@pytest.mark.parametrize(("extractor", "stable"), KINDS)
def test_imported_model_gives_the_same_log_probs(tmp_path: Path, extractor: str, stable: bool) -> None:
    folder = write_model(tmp_path / "hf", feat_extract_norm=extractor, do_stable_layer_norm=stable, conv_bias=stable)
    assert import_huggingface(folder, tmp_path / "am.pt").units == UNITS
    am = load_acoustic_model(tmp_path / "am.pt", "cpu")
    assert am.units == UNITS
    # transformers lets a group norm see the padding; ours does not, so there utterances stand alone
    batches = [WAVES] if extractor == "layer" else [[wave] for wave in WAVES]
    theirs = [own for batch in batches for own in their_log_probs(folder, batch)]
    for ours, other in zip(am.emit(WAVES), theirs, strict=True):
        np.testing.assert_allclose(ours[:, COLUMNS], other, atol=1e-4, rtol=0)
        # the model has no </s>: it never comes, and takes no probability
        assert ours[:, UNITS.index("</s>")].max() < -500
        assert np.ptp(ours[:, COLUMNS], axis=0).max() > 0.01


@pytest.mark.parametrize(("extractor", "stable"), KINDS)
def test_padded_logits_are_the_same_in_the_bare_model(tmp_path: Path, extractor: str, stable: bool) -> None:
    from xlpl_plugin.models.outputs import log_probs_and_frames

    folder = write_model(tmp_path / "hf", feat_extract_norm=extractor, do_stable_layer_norm=stable)
    import_huggingface(folder, tmp_path / "am.pt")
    am = load_acoustic_model(tmp_path / "am.pt", "cpu")
    sources = [am._prepare(wave) for wave in WAVES]
    batch = torch.nn.utils.rnn.pad_sequence(sources, batch_first=True)
    padding = torch.arange(batch.shape[1]) >= torch.tensor([[len(source)] for source in sources])
    log_probs, frames = log_probs_and_frames(am.model, {"source": batch, "padding_mask": padding})
    for number, other in enumerate(their_log_probs(folder, WAVES)):
        assert len(other) == frames[number]
        np.testing.assert_allclose(log_probs[: frames[number], number, COLUMNS], other, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("extractor", "stable"), KINDS)
def test_exported_model_comes_back_as_it_was(tmp_path: Path, extractor: str, stable: bool) -> None:
    options = {"hidden_dropout": 0.2, "layerdrop": 0.05, "mask_time_prob": 0.3, "apply_spec_augment": stable}
    folder = write_model(tmp_path / "hf", feat_extract_norm=extractor, do_stable_layer_norm=stable, **options)
    import_huggingface(folder, tmp_path / "am.pt")
    export_huggingface(tmp_path / "am.pt", tmp_path / "back")
    assert import_huggingface(tmp_path / "back", tmp_path / "again.pt").units == UNITS
    first, second = (read_checkpoint(tmp_path / name) for name in ("am.pt", "again.pt"))
    assert first["cfg"] == second["cfg"]
    assert first["cfg"]["model"]["dropout"] == 0.2
    assert first["model"].keys() == second["model"].keys()
    for name, value in first["model"].items():
        torch.testing.assert_close(second["model"][name], value, rtol=0, atol=0, msg=name)
    ours = load_acoustic_model(tmp_path / "am.pt", "cpu").emit(WAVES[:1])[0]
    np.testing.assert_allclose(their_log_probs(tmp_path / "back", WAVES[:1])[0], ours, atol=1e-4, rtol=0)


def test_pipeline_opens_what_was_exported(tmp_path: Path) -> None:
    from transformers import pipeline

    folder = write_model(tmp_path / "hf", feat_extract_norm="layer")
    weights = load_file(folder / "model.safetensors")
    # transformers writes <s> and <unk> into the text, where a trained model never has them
    weights["lm_head.bias"][[VOCABULARY["<s>"], VOCABULARY["<unk>"]]] = -100.0
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    import_huggingface(folder, tmp_path / "am.pt")
    done = CliRunner().invoke(xlpl, ["export", "huggingface", str(tmp_path / "am.pt"), str(tmp_path / "back")])
    assert done.exit_code == 0, done.output
    assert {file.name for file in (tmp_path / "back").iterdir()} == {
        *("config.json", "model.safetensors", "vocab.json", "tokenizer_config.json"),
        *("special_tokens_map.json", "preprocessor_config.json"),
    }
    # others may read all of it, as far as the user lets them read new files
    assert len({file.stat().st_mode for file in (tmp_path / "back").iterdir()}) == 1
    am = load_acoustic_model(tmp_path / "am.pt", "cpu")
    recognise = pipeline("automatic-speech-recognition", str(tmp_path / "back"))
    text = recognise({"raw": WAVES[0], "sampling_rate": 16_000})["text"]
    assert text.split() == list(GreedyDecoder(am.units).decode(am.emit(WAVES[:1])[0])[0].words)
    assert len(text.split()) > 1


def test_a_model_of_fairseq_without_a_projection_is_exported(tmp_path: Path, save_wav2vec: object) -> None:
    am_file = save_wav2vec(tmp_path / "am.pt", tmp_path / "pretrained.pt", ("|", "a", "b"))  # type: ignore[operator]
    export_huggingface(am_file, tmp_path / "hf")
    assert json.loads((tmp_path / "hf" / "vocab.json").read_text())["<pad>"] == 0
    for wave, ours in zip(WAVES, load_acoustic_model(am_file, "cpu").emit(WAVES), strict=True):
        np.testing.assert_allclose(their_log_probs(tmp_path / "hf", [wave])[0], ours, atol=1e-4, rtol=0)
    import_huggingface(tmp_path / "hf", tmp_path / "back.pt")
    first, second = read_checkpoint(am_file)["model"], read_checkpoint(tmp_path / "back.pt")["model"]
    assert first.keys() == second.keys()
    assert all(value.equal(second[name]) for name, value in first.items())
