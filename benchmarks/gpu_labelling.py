"""Labelling on a GPU: its speed, who waits for whom, and whether it comes out as on the CPU. Sections of gpu.py."""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import tones
import torch
from contenders import size
from gpu_scale import Row, Scale, tried
from jiwer import wer

from xlpl_plugin.data.manifest import Manifest, read_manifest
from xlpl_plugin.decoding import DecoderConfig, build_decoder
from xlpl_plugin.decoding.pool import Decoded, DecoderPool, Task
from xlpl_plugin.emissions import forward
from xlpl_plugin.emissions.compute import Emissions, EmitConfig, emit
from xlpl_plugin.emissions.forward import ModelEmissions, read_utterance
from xlpl_plugin.labelling import label_split
from xlpl_plugin.models import acoustic
from xlpl_plugin.models.encoder import EncoderConfig

_COMPARED = 64
# bytes of the GPU that are left when memory is made short
_ROOM = 100e6


class Timed:
    """Adds up what the acoustic model and the search take inside of ``label``, from the first batch on."""

    def __init__(self) -> None:
        self.forward = self.search = self.begin = 0.0

    def emit(self, model: acoustic.AcousticModel, waveforms: Sequence[Any]) -> list[Any]:
        begin = time.perf_counter()
        self.begin = self.begin or begin
        found = model.emit_untimed(waveforms)  # type: ignore[attr-defined]
        self.forward += time.perf_counter() - begin
        return list(found)

    def decode(self, pool: DecoderPool, tasks: Iterator[Task]) -> Iterator[Decoded]:
        for decoded in pool.decode_untimed(tasks):  # type: ignore[attr-defined]
            self.search += decoded.search_seconds
            yield decoded

    def patched(self) -> Any:
        """Return what puts this clock into ``label``, as a ``with`` block does."""
        return patch.multiple(
            acoustic.AcousticModel, create=True,
            emit=lambda model, waveforms: self.emit(model, waveforms), emit_untimed=acoustic.AcousticModel.emit,
        ), patch.multiple(
            DecoderPool, create=True,
            decode=lambda pool, tasks: self.decode(pool, tasks), decode_untimed=DecoderPool.decode,
        )  # fmt: skip


def prepared(scale: Scale, folder: Path, utterances: int) -> tuple[Path, EncoderConfig]:
    """Train a small model on tones, and write it and a corpus."""
    config = scale.shrunk(size("tiny", dropout=0.1, vocal_tract_low=1.0, vocal_tract_high=1.0, freq_masks=0))
    words = tones.make_words(scale.words)
    model = tones.train(config, words, scale.device, scale.tone_updates, bf16=scale.on_gpu)
    tones.write_corpus(folder, words, utterances, scale.distinct)
    tones.save(model, config, folder / "am.safetensors")
    return folder, config


def decoder_options(folder: Path) -> DecoderConfig:
    return DecoderConfig(
        lexicon=str(folder / "lexicon.txt"), lm=str(folder / "lm.arpa"), lm_weight=1.0, word_score=0.5, beam=100
    )


def labelling(scale: Scale) -> Iterator[Row]:
    """Label end to end in both precisions, then as people write it: one utterance after another, in one process."""
    with tempfile.TemporaryDirectory() as name:
        folder, _ = prepared(scale, Path(name), scale.utterances)
        for bf16 in (True, False):
            row = tried(functools.partial(_label, folder, scale, bf16))
            yield {"system": "xlpl label", "precision": "bf16" if bf16 else "float32", **row}
        yield {"system": "a loop, batches of one", "precision": "float32", **tried(lambda: _loop(folder, scale))}


def _label(folder: Path, scale: Scale, bf16: bool) -> Row:
    config = label_split.LabelConfig(
        am=str(folder / "am.safetensors"), data=str(folder / "data"), out=str(folder / f"labels-{bf16}"), bf16=bf16,
        device=scale.device, workers=scale.workers, max_seconds=scale.label_batch_seconds,
        decoder=decoder_options(folder),
    )  # fmt: skip
    clock = Timed()
    model, pool = clock.patched()
    with model, pool:
        summary = label_split.label(config)
    wall = time.perf_counter() - clock.begin
    slower = max(clock.forward, clock.search / scale.workers)
    return {
        "times_real_time": summary.seconds / wall,
        "audio_hours": summary.seconds / 3600,
        "forward_seconds": clock.forward,
        "search_seconds_a_worker": clock.search / scale.workers,
        "wall_by_slower": wall / slower,
        "who_is_waited_for": "the model" if slower == clock.forward else "the search",
    }


def _loop(folder: Path, scale: Scale) -> Row:
    """Decode with torchaudio's decoder right after the model, until the time is over; texts of what was done."""
    from torchaudio.models.decoder import ctc_decoder

    am = acoustic.load_acoustic_model(folder / "am.safetensors", scale.device)
    options = decoder_options(folder)
    decoder = ctc_decoder(
        lexicon=options.lexicon, tokens=list(am.units), lm=options.lm, beam_size=options.beam,
        lm_weight=options.lm_weight, word_score=options.word_score, blank_token=am.units[0], sil_token="|",
    )  # fmt: skip
    manifest = read_manifest(folder / "data", "train", labels=False)
    done, begin = 0.0, time.perf_counter()
    for utterance in manifest.utterances:
        [log_probs] = am.emit([read_utterance(manifest.root, utterance)])
        decoder(torch.from_numpy(log_probs)[None])
        done += utterance.seconds
        if time.perf_counter() - begin > scale.loop_seconds:
            break
    return {"times_real_time": done / (time.perf_counter() - begin), "audio_hours": done / 3600}


def right(scale: Scale) -> Iterator[Row]:
    """Compare what the device gives with what the CPU gives, and bf16 with float32."""
    with tempfile.TemporaryDirectory() as name:
        folder, _ = prepared(scale, Path(name), min(scale.utterances, _COMPARED))
        manifest = read_manifest(folder / "data", "train")
        checks: dict[str, Callable[[], Row]] = {
            "device against CPU": lambda: _against_cpu(folder, manifest, scale, bf16=False),
            "bf16 against float32 on the CPU": lambda: _against_cpu(folder, manifest, scale, bf16=True),
            "out of memory halves the batch": lambda: _short_of_memory(folder, manifest, scale),
            "resuming": lambda: _resumed(folder, scale),
        }
        for check, measure in checks.items():
            yield {"check": check, **tried(measure)}


def _emissions(folder: Path, manifest: Manifest, device: str, **options: Any) -> dict[str, Any]:
    source = ModelEmissions(folder / "am.safetensors", device=device, **options)
    return {emission.utterance.id: emission.log_probs for emission in source.stream(manifest)}


def _against_cpu(folder: Path, manifest: Manifest, scale: Scale, *, bf16: bool) -> Row:
    exact = _emissions(folder, manifest, "cpu")
    found = _emissions(folder, manifest, scale.device, bf16=bf16)
    said = {utterance.id: utterance.words or "" for utterance in manifest.utterances}
    row: Row = {"largest_difference": max(float(np.abs(found[name] - exact[name]).max()) for name in exact)}
    for kind, options in (("greedy", DecoderConfig()), ("beam", decoder_options(folder))):
        decoder = build_decoder(options, tones.UNITS)
        one = {name: decoder.decode(log_probs)[0] for name, log_probs in exact.items()}
        other = {name: decoder.decode(log_probs)[0] for name, log_probs in found.items()}
        changed = [name for name in one if one[name].words != other[name].words]
        row[f"{kind}_texts_changed"] = f"{len(changed)} of {len(one)}"
        row[f"{kind}_largest_gap"] = max((abs(one[name].score - other[name].score) for name in changed), default=0.0)
        for where, texts in (("float32_cpu", one), ("device", other)):
            heard = [" ".join(texts[name].words) for name in said]
            row[f"{kind}_wer_{where}"] = 100 * wer(list(said.values()), heard)
    return row


def _short_of_memory(folder: Path, manifest: Manifest, scale: Scale) -> Row:
    """Leave the process little of the GPU's memory, and ask for one batch of everything."""
    if not scale.on_gpu:
        return {"left_out": "needs a GPU"}
    expected = _emissions(folder, manifest, scale.device, max_seconds=20.0)
    torch.cuda.empty_cache()
    room = torch.cuda.memory_reserved() + _ROOM
    torch.cuda.set_per_process_memory_fraction(min(1.0, room / torch.cuda.mem_get_info()[1]))
    try:
        with patch.object(forward.logger, "warning") as warned:
            found = _emissions(folder, manifest, scale.device, max_seconds=1e6)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    lost = [name for name in expected if len(found[name]) != len(expected[name])]
    apart = max(float(np.abs(found[name] - expected[name]).max()) for name in expected if name not in lost)
    return {"halved": warned.call_count, "lost": len(lost), "largest_difference": apart}


def _resumed(folder: Path, scale: Scale) -> Row:
    """Stop in the middle, go on, and compare with what was made in one piece."""
    config = EmitConfig(
        am=str(folder / "am.safetensors"), data=str(folder / "data"), out=str(folder / "whole"), shard_size=2,
        device=scale.device,
    )  # fmt: skip
    whole, broken = emit(config), replace(config, out=str(folder / "broken"))
    calls = iter(range(2))
    computed = acoustic.AcousticModel.emit

    def stopping(model: acoustic.AcousticModel, waveforms: Sequence[Any]) -> list[Any]:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return list(computed(model, waveforms))

    try:
        with patch.object(acoustic.AcousticModel, "emit", stopping):
            emit(broken)
    except KeyboardInterrupt:
        pass
    again: Emissions = emit(broken)
    names = [utterance.id for utterance in read_manifest(config.data, "train", labels=False).utterances]
    apart = max(float(np.abs(again[name] - whole[name]).max()) for name in names)
    return {"utterances": len(again), "of": len(whole), "largest_difference": apart}
