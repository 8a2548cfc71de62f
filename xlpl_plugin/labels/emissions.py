"""An acoustic model's log-probs: computed in batches sorted by length, stored once, read memory-mapped.

A folder of emissions holds ``emissions-NNNNN.npy`` (frames of many utterances one after another, float32) and
``index.json`` (whose they are, and of which model), which is written last: without it the folder is unfinished.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from omegaconf import MISSING
from tqdm import tqdm

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import read_audio
from xlpl_plugin.data.manifest import Manifest, Utterance, read_manifest
from xlpl_plugin.decoding import LogProbs
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import atomic_open, must_exist, new_output, read_json, sha256, write_json

if TYPE_CHECKING:
    from xlpl_plugin.models.acoustic import AcousticModel

_INDEX = "index.json"
# 100 MB at 32 units: few files, and no more than that in memory while one is gathered
_SHARD_FRAMES = 800_000


@dataclass
class EmitConfig:
    """What to compute log-probs of, to be stored in a folder."""

    # checkpoint of the acoustic model
    am: str = MISSING
    # prepared folder
    data: str = MISSING
    # its split
    split: str = "train"
    # new folder for the log-probs
    out: str = MISSING
    # seconds of audio in a batch, padding counted
    max_seconds: float = 120.0
    # cpu, cuda, cuda:1
    device: str = "cpu"


@dataclass
class InputConfig:
    """What a verb that needs log-probs reads."""

    # checkpoint of the acoustic model; not needed where `emissions` holds its log-probs
    am: str = ""
    # folder of log-probs of this split: read if it is there, else computed once and kept; empty: not kept
    emissions: str = ""
    # prepared folder; its transcripts, if it has any, are not read
    data: str = MISSING
    # its split
    split: str = "train"
    # seconds of audio in a batch of the acoustic model, padding counted
    max_seconds: float = 120.0
    # device of the acoustic model: cpu, cuda, cuda:1
    device: str = "cpu"
    # decoding processes
    workers: int = 1
    # recordings longer than this are cut into windows where they are quietest
    window_seconds: float = 30.0


class Window(NamedTuple):
    """A stretch of a recording that went through the acoustic model by itself.

    Its frame ``f`` of ``frames`` begins ``start + f * seconds / frames`` seconds into the recording.
    """

    frames: int
    start: float
    seconds: float


class Emission(NamedTuple):
    """Log-probs of one utterance, (frames, units), and the windows that they come from, in order.

    ``frames`` may be 0 for a very short recording, and is where there are none; then ``error`` says why.
    """

    utterance: Utterance
    log_probs: LogProbs
    windows: tuple[Window, ...]
    error: str = ""


@dataclass(frozen=True)
class _Entry:
    id: str
    num_samples: int
    shard: int
    start: int
    frames: int


class Emissions:
    """Stored log-probs, read through memory maps."""

    def __init__(self, folder: str | Path) -> None:
        """Open a folder that ``emit`` wrote.

        Raises:
            XlplError: the folder is missing, unfinished or not one of emissions.
        """
        self.folder = must_exist(folder, "a folder of emissions")
        file = self.folder / _INDEX
        index = read_json(must_exist(file, "the index of finished emissions"))
        try:
            self.am_sha256: str = index["am_sha256"]
            self.units: tuple[str, ...] = tuple(index["units"])
            self._entries = {entry["id"]: _Entry(**entry) for entry in index["utterances"]}
        except (KeyError, TypeError) as error:
            raise XlplError(f"not an index of emissions ({error!r})", file=file, expected="what xlpl wrote") from error
        self._shard = cache(self._open_shard)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, utterance_id: str) -> LogProbs:
        """Return a read-only view of one utterance's (frames, units) log-probs."""
        entry = self._entries[utterance_id]
        return np.asarray(self._shard(entry.shard)[entry.start : entry.start + entry.frames])

    @property
    def ids(self) -> list[str]:
        return list(self._entries)

    def seconds(self, utterance_id: str) -> float:
        return self._entries[utterance_id].num_samples / SAMPLE_RATE

    def stream(self, manifest: Manifest) -> Iterator[Emission]:
        """Yield the emissions of ``manifest``'s utterances.

        Raises:
            XlplError: an utterance is not among them, or had another length when they were computed.
        """
        for utterance in manifest.utterances:
            entry = self._entries.get(utterance.id)
            if entry is None or entry.num_samples != utterance.num_samples:
                was = "is not among them" if entry is None else f"had {entry.num_samples} samples then"
                raise XlplError(
                    f"emissions of other audio: {utterance.id!r} {was}",
                    file=self.folder,
                    expected="emissions of every utterance of the manifest",
                    remedy="compute the emissions again for this split",
                )
            yield Emission(utterance, self[utterance.id], (Window(entry.frames, 0.0, utterance.seconds),))

    def _open_shard(self, number: int) -> LogProbs:
        file = self.folder / f"emissions-{number:05d}.npy"
        try:
            shard: LogProbs = np.load(must_exist(file, "log-probs"), mmap_mode="r", allow_pickle=False)
        except ValueError as error:
            raise XlplError(f"damaged: {error}", file=file, remedy="compute the emissions again") from error
        return shard


class ModelEmissions:
    """Log-probs computed as they are asked for; nothing is stored. Same use as ``Emissions``."""

    def __init__(self, am: str | Path, *, max_seconds: float = 120.0, device: str = "cpu") -> None:
        from xlpl_plugin.models.acoustic import load_acoustic_model  # stored emissions need no torch

        self.am_sha256 = sha256(am)
        self._model: AcousticModel = load_acoustic_model(am, device=device)
        self.units: tuple[str, ...] = tuple(self._model.units)
        self._max_seconds = max_seconds

    def stream(self, manifest: Manifest) -> Iterator[Emission]:
        """Yield all utterances' emissions, the longest first (what does not fit in memory fails at once).

        Raises:
            XlplError: a recording is missing, broken, or not as long as the manifest says.
        """
        for batch in length_batches(manifest.utterances, self._max_seconds):
            waveforms = [_read(manifest.root, utterance) for utterance in batch]
            for utterance, log_probs in zip(batch, self._model.emit(waveforms), strict=True):
                window = Window(len(log_probs), 0.0, utterance.seconds)
                yield Emission(utterance, np.ascontiguousarray(log_probs, dtype=np.float32), (window,))


EmissionSource = Emissions | ModelEmissions


def open_source(config: InputConfig) -> EmissionSource:
    """Open stored emissions, compute and store them where they are wanted, or open the model that computes them.

    Raises:
        XlplError: neither emissions nor a model, or emissions of another model than ``config.am``.
    """
    if not config.am and not config.emissions:
        raise XlplError("neither am nor emissions is given", expected="a checkpoint, or a folder of emissions")
    if not config.emissions:
        return ModelEmissions(config.am, max_seconds=config.max_seconds, device=config.device)
    if config.am and not Path(config.emissions).exists():
        options = (config.am, config.data, config.split, config.emissions, config.max_seconds, config.device)
        return emit(EmitConfig(*options))
    stored = Emissions(config.emissions)
    if config.am and sha256(config.am) != stored.am_sha256:
        raise XlplError(
            f"made by another acoustic model than {config.am}",
            file=config.emissions,
            expected=f"emissions of the model with sha256 {stored.am_sha256[:16]}...",
            remedy="name another folder, or leave am empty",
        )
    return stored


def emit(config: EmitConfig, *, force: bool = False) -> Emissions:
    """Compute and store the log-probs of one split.

    Raises:
        XlplError: results are there already (without ``force``), or broken audio or checkpoint.
    """
    out = new_output(config.out, force=force)
    manifest = read_manifest(config.data, config.split, labels=False)
    source = ModelEmissions(config.am, max_seconds=config.max_seconds, device=config.device)
    for stale in (out / _INDEX, *out.glob("emissions-*.npy")):
        stale.unlink(missing_ok=True)
    bar = tqdm(source.stream(manifest), total=len(manifest.utterances), desc="emissions", unit="utt", smoothing=0)
    entries = _write_shards(out, bar)
    provenance = {"am": config.am, "am_sha256": source.am_sha256, "data": config.data, "split": config.split}
    write_json(out / _INDEX, {**provenance, "units": source.units, "utterances": [asdict(entry) for entry in entries]})
    return Emissions(out)


def length_batches(utterances: Sequence[Utterance], max_seconds: float) -> Iterator[list[Utterance]]:
    """Yield batches of utterances of like length, the longest first, of at most ``max_seconds`` padding included.

    A longer utterance is a batch by itself.
    """
    batch: list[Utterance] = []
    for utterance in sorted(utterances, key=lambda utterance: (-utterance.num_samples, utterance.id)):
        longest = batch[0].num_samples if batch else 0
        if batch and longest * (len(batch) + 1) > max_seconds * SAMPLE_RATE:
            yield batch
            batch = []
        batch.append(utterance)
    if batch:
        yield batch


def _read(root: Path, utterance: Utterance) -> np.ndarray:
    waveform = read_audio(root / utterance.path)
    if len(waveform) != utterance.num_samples:
        raise XlplError(
            f"{len(waveform)} samples",
            file=root / utterance.path,
            expected=f"{utterance.num_samples}, as the manifest says",
            remedy="prepare the folder again (`xlpl check` finds all such files)",
        )
    return waveform


def _write_shards(out: Path, emissions: Iterable[Emission]) -> list[_Entry]:
    entries: list[_Entry] = []
    gathered: list[LogProbs] = []
    shard = start = 0
    for utterance, log_probs, *_ in emissions:
        entries.append(_Entry(utterance.id, utterance.num_samples, shard, start, len(log_probs)))
        gathered.append(log_probs)
        start += len(log_probs)
        if start >= _SHARD_FRAMES:
            _write_shard(out, shard, gathered)
            gathered, shard, start = [], shard + 1, 0
    if gathered:
        _write_shard(out, shard, gathered)
    return entries


def _write_shard(out: Path, number: int, gathered: Sequence[LogProbs]) -> None:
    with atomic_open(out / f"emissions-{number:05d}.npy", "wb") as stream:
        np.save(stream, np.concatenate(gathered), allow_pickle=False)
