"""What onnxruntime computes from an exported model, beside the checkpoint itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from click.testing import CliRunner
from support.huggingface_folder import write_model

from xlpl_plugin.cli import xlpl
from xlpl_plugin.errors import XlplError
from xlpl_plugin.models.acoustic import load_acoustic_model
from xlpl_plugin.models.huggingface.importing import import_huggingface
from xlpl_plugin.models.onnx import exporting
from xlpl_plugin.models.onnx.exporting import export_onnx

UNITS = ("|", "a", "b", "c")
# a second of tones that come and go over a noise as of a room, at any length
TIMES = np.arange(40_000) / 16_000
SPEECH = (0.2 * np.sin(2 * np.pi * 300 * TIMES) * (np.sin(TIMES * 9) > 0)).astype(np.float32)
SPEECH += (0.003 * np.random.default_rng(0).standard_normal(len(SPEECH))).astype(np.float32)
SIZES = (400, 401, 3_999, 16_000, 40_000)


def run(file: Path, samples: np.ndarray, lengths: Sequence[int] = ()) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    fed = {"samples": samples, **({"lengths": np.array(lengths)} if lengths else {})}
    return list(session.run(None, fed))


def check(am_file: Path, folder: Path) -> None:
    """Any length, alone and in a batch of one length, gives the checkpoint's log-probs."""
    am = load_acoustic_model(am_file, "cpu")
    for size in SIZES:
        waves = [SPEECH[:size], SPEECH[-size:]]
        ours = am.emit(waves)
        both = run(folder / "model.onnx", np.stack(waves))[0]
        np.testing.assert_allclose(both, np.stack(ours), atol=1e-4, rtol=1e-6)
        np.testing.assert_allclose(run(folder / "model.onnx", waves[0][None])[0][0], ours[0], atol=1e-4, rtol=1e-6)
    assert np.ptp(ours[0], axis=0).max() > 0.01


@pytest.mark.slow
def test_graph_is_the_model(tmp_path: Path, save: Callable[..., Path]) -> None:
    am = save(tmp_path / "am.pt", UNITS, layers=2)
    done = CliRunner().invoke(xlpl, ["export", "onnx", str(am), str(tmp_path / "out")])
    assert done.exit_code == 0, (done.output, done.exception)
    assert f"{tmp_path / 'out' / 'model.onnx'}: 8 outputs; log-probs in onnxruntime differ by" in done.output
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"model.onnx", "tokens.txt"}
    tokens = (tmp_path / "out" / "tokens.txt").read_text(encoding="utf-8").splitlines()
    assert tokens == ["<blk> 0", "<pad> 1", "</s> 2", "<unk> 3", "\u2581 4", "a 5", "b 6", "c 7"]
    check(am, tmp_path / "out")
    session = onnxruntime.InferenceSession(tmp_path / "out" / "model.onnx")
    # sherpa-onnx feeds one input, and takes the number of units from the shape
    assert [given.name for given in session.get_inputs()] == ["samples"]
    assert session.get_outputs()[0].shape[2] == 8
    properties = session.get_modelmeta().custom_metadata_map
    assert properties == {"sample_rate": "16000", "vocab_size": "8", "blank_id": "0", "samples_per_frame": "640"}
    # nothing of the machine that wrote it
    assert str(Path(exporting.__file__).parent).encode() not in (tmp_path / "out" / "model.onnx").read_bytes()
    # another model's graph is told from it
    other = load_acoustic_model(save(tmp_path / "other.pt", UNITS, seed=1, layers=2), "cpu")
    with pytest.raises(XlplError, match=r"log-probs differ from the checkpoint's by up to(.|\n)*the same to 0\.0001"):
        exporting.compare(other, tmp_path / "out" / "model.onnx", lengths=False, name="model.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"positions": "relative", "pre_norm": False}, {"conv_kernel": 5, "stride": 3}])
def test_utterances_of_several_lengths(tmp_path: Path, save: Callable[..., Path], options: dict[str, object]) -> None:
    am_file = save(tmp_path / "am.pt", UNITS, layers=2, **options)
    export_onnx(am_file, tmp_path / "out", lengths=True)
    waves = [SPEECH[:size] for size in SIZES]
    samples = np.stack([np.pad(wave, (0, max(SIZES) - len(wave))) for wave in waves])
    log_probs, frames = run(tmp_path / "out" / "model.onnx", samples, SIZES)
    for number, ours in enumerate(load_acoustic_model(am_file, "cpu").emit(waves)):
        assert frames[number] == len(ours)
        np.testing.assert_allclose(log_probs[number, : len(ours)], ours, atol=1e-4, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("extractor", "stable"), [("group", False), ("layer", True)])
def test_wav2vec_is_exported_with_its_normalisation(tmp_path: Path, extractor: str, stable: bool) -> None:
    hf = write_model(tmp_path / "hf", feat_extract_norm=extractor, do_stable_layer_norm=stable)
    assert import_huggingface(hf, tmp_path / "am.pt").normalize == (extractor == "layer")
    export_onnx(tmp_path / "am.pt", tmp_path / "out")
    check(tmp_path / "am.pt", tmp_path / "out")
    with pytest.raises(XlplError, match="Wav2VecCtc, whose graph takes batches of one length alone"):
        export_onnx(tmp_path / "am.pt", tmp_path / "more", lengths=True)
    assert not (tmp_path / "more").exists()


@pytest.mark.slow
def test_a_graph_that_differs_is_not_written(
    tmp_path: Path, save: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No float32 is as precise as that."""
    monkeypatch.setattr(exporting, "_TOLERANCE", 1e-12)
    monkeypatch.setattr(exporting, "_RELATIVE", 0.0)
    with pytest.raises(XlplError, match=r"model\.onnx: the graph's log-probs differ from the checkpoint's"):
        export_onnx(save(tmp_path / "am.pt", UNITS), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("module", ["onnxscript", "onnxruntime"])
def test_without_the_modules_the_extra_is_named(
    tmp_path: Path, save: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(XlplError, match=rf"needs the module {module}(.|\n)*pip install 'xlpl\[onnx\]'"):
        export_onnx(save(tmp_path / "am.pt", UNITS), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_too_large_a_model_is_refused(
    tmp_path: Path, save: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_LARGEST", 1000)
    with pytest.raises(XlplError, match=r"GB of weights, and an ONNX file holds 2\.1 GB at most"):
        export_onnx(save(tmp_path / "am.pt", UNITS), tmp_path / "out")
    assert not (tmp_path / "out").exists()
