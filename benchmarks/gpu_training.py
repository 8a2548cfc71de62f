"""Training on a GPU: throughput, utilisation, where the time goes, and what each switch gives. Sections of gpu.py."""

from __future__ import annotations

import contextlib
import functools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import soundfile
import torch
from contenders import Conformer, S2t, alike, parameters, size
from gpu_scale import Row, Scale, forget, peak_flops, tried
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from updates import UNITS, Batch, Clock, Updater, noise, now, synchronize

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import read_audio
from xlpl_plugin.models.encoder import AcousticEncoder, EncoderConfig

Build = Callable[[], nn.Module]
# seconds that one figure of the throughput takes, about
_LONGEST = 1.5
_FILES = 64


def builders(name: str, scale: Scale) -> dict[str, Build]:
    """Return who is compared at a size: with s2t's stride and without convolution, and as the size is."""
    config, plain = scale.shrunk(size(name)), scale.shrunk(size(name, stride=4, conv_kernel=0))
    return {
        "ours": lambda: AcousticEncoder(config, UNITS),
        "torchaudio Conformer": lambda: alike(Conformer, config, UNITS),
        "ours, stride 4, no convolution": lambda: AcousticEncoder(plain, UNITS),
        "fairseq s2t": lambda: alike(S2t, plain, UNITS),
    }


def training(scale: Scale) -> Iterator[Row]:
    """Measure each size in both precisions, the other encoders beside ours."""
    for bf16 in (True, False):
        for name in scale.sizes:
            for encoder, build in builders(name, scale).items():
                about = {"size": name, "encoder": encoder, "precision": "bf16" if bf16 else "float32"}
                yield {**about, **tried(functools.partial(_measure, build, scale, bf16))}


def _measure(build: Build, scale: Scale, bf16: bool) -> Row:
    updater = Updater(build(), scale.device, bf16=bf16, fused=scale.on_gpu)
    batch = largest_batch(updater, scale)
    seconds = throughput(updater, batch, scale.updates)
    flops = count_flops(updater, batch)
    row = {
        "parameters": parameters(updater.model),
        "batch_seconds": batch.seconds,
        "audio_seconds_a_second": [batch.seconds / value for value in seconds],
        "tflops": flops / statistics.median(seconds) / 1e12,
        "memory_gb": scale.peak_gb(),
    }
    if peak := peak_flops(scale.device, bf16=bf16):
        row["utilisation"] = row["tflops"] * 1e12 / peak
    return {**row, "shares": shares(updater, batch)}


def largest_batch(updater: Updater, scale: Scale) -> Batch:
    """Halve a batch until an update fits in the memory.

    Raises:
        torch.OutOfMemoryError: not even one utterance does.
    """
    utterances = max(1, int(scale.batch_seconds / scale.utterance))
    while True:
        batch = noise([scale.utterance * (1 - 0.1 * number / utterances) for number in range(utterances)])
        try:
            batch = batch.moved(lambda tensor: tensor.to(updater.device))
            for _ in range(2):
                updater.update(batch)
            return batch
        except torch.OutOfMemoryError:
            if utterances == 1:
                raise
        forget(updater, batch)
        del batch
        utterances //= 2


def throughput(updater: Updater, batch: Batch, updates: int, repeats: int = 3) -> list[float]:
    """Return the seconds of an update, ``repeats`` times the mean over ``updates`` in a row; fewer if they are slow."""
    begin = now(updater.device)
    updater.update(batch)
    updates = max(1, min(updates, int(_LONGEST / (now(updater.device) - begin))))
    found = []
    for _ in range(repeats):
        begin = now(updater.device)
        for _ in range(updates):
            updater.update(batch)
        found.append((now(updater.device) - begin) / updates)
    return found


def count_flops(updater: Updater, batch: Batch) -> int:
    """Count what an update computes in products, convolutions and attention."""
    with FlopCounterMode(display=False) as counter:
        updater.update(batch)
    return counter.get_total_flops()


def shares(updater: Updater, batch: Batch) -> dict[str, float]:
    """Return the share of an update that each part takes; the GPU is waited for after each."""
    host = batch.moved(lambda tensor: tensor.cpu())
    clock = Clock(updater.device)
    for _ in range(3):
        with clock.part("to the device"):
            given = host.moved(lambda tensor: tensor.to(updater.device))
        updater.update(given, clock)
    total = sum(clock.seconds.values())
    return {name: seconds / total for name, seconds in clock.seconds.items()}


class HostLogMel(nn.Module):
    """Log-mel computed on the CPU, then taken to the device."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = [inner.cpu()]  # in a list: the model's ``to`` leaves it alone

    def forward(self, waveform: Tensor) -> Tensor:
        self.inner[0].train(self.training)
        found: Tensor = self.inner[0](waveform.cpu()).to(waveform.device)
        return found


def switches(scale: Scale) -> Iterator[Row]:
    """Change one thing at a time about an update of ours, in bf16, against the same update without the change."""
    config = scale.shrunk(size(scale.switched))
    fresh = functools.partial(_updater, config, scale)
    batch = largest_batch(fresh(), scale)
    for name, measure in _switches(fresh, batch, scale).items():
        before = throughput(fresh(), batch, scale.updates)
        row = tried(lambda measure=measure: {"seconds": measure()})
        if "seconds" in row:
            ratios = [a / b for a, b in zip(before, row["seconds"], strict=True)]
            row = {"speed_up": ratios, "seconds_before": before, **row}
        yield {"switch": name, "size": scale.switched, "batch_seconds": batch.seconds, **row}


def _updater(config: EncoderConfig, scale: Scale, **options: Any) -> Updater:
    torch.manual_seed(0)
    return Updater(AcousticEncoder(config, UNITS), scale.device, **{"bf16": True, **options})


def _switches(fresh: Callable[..., Updater], batch: Batch, scale: Scale) -> dict[str, Callable[[], list[float]]]:
    def run(updater: Updater, given: Batch = batch) -> list[float]:
        updater.update(given)
        return throughput(updater, given, scale.updates)

    def under(context: Any) -> list[float]:
        with context:
            return run(fresh())

    def compiled() -> list[float]:
        updater = fresh()
        updater.model = torch.compile(updater.model, backend="inductor" if scale.on_gpu else "eager")
        return run(updater)

    def host_log_mel() -> list[float]:
        updater = fresh()
        updater.model.features = HostLogMel(updater.model.features)
        return run(updater)

    mixed = _mixed_lengths(batch, scale)
    kernels = {"flash": SDPBackend.FLASH_ATTENTION, "efficient": SDPBackend.EFFICIENT_ATTENTION}
    kernels |= {"cuDNN": SDPBackend.CUDNN_ATTENTION, "math": SDPBackend.MATH}
    return {
        "nothing (what the ratios vary by)": lambda: run(fresh()),
        "fused Adam": lambda: run(fresh(fused=True)),
        "CTC on the host": lambda: run(fresh(host_ctc=True)),
        "log-mel on the host": host_log_mel,
        **{f"SDPA: {name}": functools.partial(under, sdpa_kernel(kernel)) for name, kernel in kernels.items()},
        "SDPA: flash, no mask": lambda: under(_without_masks(scale.on_gpu)),
        "float32": lambda: run(fresh(bf16=False)),
        "float32, TF32": lambda: _tf32(lambda: run(fresh(bf16=False))),
        "batch from pageable memory": lambda: _from_host(fresh(), batch, scale, pinned=False),
        "batch from pinned memory": lambda: _from_host(fresh(), batch, scale, pinned=scale.on_gpu),
        "lengths at random": lambda: [value * batch.seconds / mixed.seconds for value in run(fresh(), mixed)],
        "torch.compile": compiled,
        "batches read from FLAC by processes": lambda: _from_files(fresh(), batch, scale),
    }


class Recordings(torch.utils.data.Dataset[Batch]):
    """Batches as large as ``batch``, each read from FLAC files by one process."""

    def __init__(self, folder: Path, batch: Batch, number: int) -> None:
        self.batch, self.number = batch, number
        sounds = batch.source[:_FILES]
        self.files = [folder / f"{row}.flac" for row in range(len(sounds))]
        for file, sound, samples in zip(self.files, sounds, batch.num_samples.tolist(), strict=False):
            soundfile.write(file, sound[:samples].numpy(), SAMPLE_RATE)

    def __len__(self) -> int:
        return self.number

    def __getitem__(self, index: int) -> Batch:
        rows = range(len(self.batch.source))
        sounds = [torch.from_numpy(read_audio(self.files[row % len(self.files)])) for row in rows]
        lengths = torch.tensor([len(sound) for sound in sounds])
        source = nn.utils.rnn.pad_sequence(sounds, batch_first=True)
        return Batch(source, lengths, self.batch.targets, self.batch.target_lengths)


def _from_files(updater: Updater, batch: Batch, scale: Scale) -> list[float]:
    """Update on batches that other processes read, from the second batch of each on."""
    workers = max(1, scale.workers // 2)
    with tempfile.TemporaryDirectory() as folder:
        data = Recordings(Path(folder), batch.moved(lambda tensor: tensor.cpu()), 3 * scale.updates + workers)
        loader = torch.utils.data.DataLoader(data, batch_size=None, num_workers=workers)
        batches = iter(loader)
        for _ in range(workers):
            next(batches)
        found = []
        for _ in range(3):
            begin = time.perf_counter()
            for _ in range(scale.updates):
                updater.update(next(batches).moved(lambda tensor: tensor.to(updater.device)))
            synchronize(updater.device)
            found.append((time.perf_counter() - begin) / scale.updates)
        return found


def _mixed_lengths(batch: Batch, scale: Scale) -> Batch:
    """Return a batch as large, padding counted, whose utterances are of very different lengths."""
    count = len(batch.source)
    seconds = [scale.utterance * (0.2 + 0.8 * number / max(1, count - 1)) for number in range(count)]
    return noise(seconds).moved(lambda tensor: tensor.to(batch.source.device))


@contextlib.contextmanager
def _without_masks(flash: bool) -> Iterator[None]:
    """Leave the mask of padding out, as for a batch without any: only so may the flash kernel run."""
    attend = nn.functional.scaled_dot_product_attention

    def unmasked(*args: Any, **options: Any) -> Tensor:
        return attend(*args, **{**options, "attn_mask": None})

    kernel: Any = sdpa_kernel(SDPBackend.FLASH_ATTENTION) if flash else contextlib.nullcontext()
    with kernel, patch.object(nn.functional, "scaled_dot_product_attention", unmasked):
        yield


def _tf32(run: Callable[[], list[float]]) -> list[float]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        return run()
    finally:
        torch.set_float32_matmul_precision(before)


def _from_host(updater: Updater, batch: Batch, scale: Scale, *, pinned: bool) -> list[float]:
    host = batch.moved(lambda tensor: tensor.cpu().pin_memory() if pinned else tensor.cpu())
    found = []
    for _ in range(3):
        begin = now(updater.device)
        for _ in range(scale.updates):
            updater.update(host.moved(lambda tensor: tensor.to(updater.device, non_blocking=pinned)))
        found.append((now(updater.device) - begin) / scale.updates)
    return found
