"""An acoustic model's log-probs, computed once and stored, or computed as they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING
from tqdm import tqdm

from xlpl_plugin.data.manifest import Manifest, manifest_digest, read_manifest
from xlpl_plugin.emissions.source import Emission, EmissionSource, Window
from xlpl_plugin.emissions.stored import SUFFIX, EmissionFacts, Emissions, write_shard
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import sha256
from xlpl_plugin.schema import check_options, option
from xlpl_plugin.shards.store import PROVENANCE_FILE, WHOLE, Part, Shards, ShardStore, divide

if TYPE_CHECKING:
    from xlpl_plugin.emissions.forward import ModelEmissions

__all__ = ["Emission", "EmissionSource", "Emissions", "EmitConfig", "InputConfig", "Window", "emit", "open_source"]

# keys of a store's settings that decide log-probs, beside the model
OF_LOG_PROBS = ("window_seconds", "bf16")


@dataclass
class EmitConfig:
    """What to compute log-probs of, to be stored in a folder."""

    am: str = option(MISSING, "checkpoint of the acoustic model", file="a checkpoint of an acoustic model")
    data: str = option(MISSING, "prepared folder")
    split: str = option("train", "split of `data`")
    out: str = option(
        MISSING, "folder for the log-probs; one that holds unfinished ones of the same options is gone on with"
    )
    max_seconds: float = option(120.0, "seconds of audio in a batch, padding counted", above=0)
    device: str = option("auto", "auto (a GPU where there is one), cpu, cuda, cuda:1")
    bf16: bool = option(False, "compute the acoustic model in bfloat16: faster on a GPU, log-probs of less precision")
    window_seconds: float = option(
        30.0, "recordings longer than this are cut into windows where they are quietest", least=1
    )
    shard_size: int = option(500, "utterances that are written, and done, together", least=1)


@dataclass
class InputConfig:
    """What a verb that needs log-probs reads."""

    am: str = option(
        "",
        "checkpoint of the acoustic model; not needed where `emissions` holds its log-probs",
        file="a checkpoint of an acoustic model",
    )
    emissions: str = option(
        "", "folder of log-probs of this split: read if it is there, else computed once and kept; empty: not kept"
    )
    data: str = option(MISSING, "prepared folder; its transcripts, if it has any, are not read")
    split: str = option("train", "split of `data`")
    max_seconds: float = option(120.0, "seconds of audio in a batch of the acoustic model, padding counted", above=0)
    device: str = option("auto", "device of the acoustic model: auto (a GPU where there is one), cpu, cuda, cuda:1")
    bf16: bool = option(False, "compute the acoustic model in bfloat16: faster on a GPU, log-probs of less precision")
    workers: int = option(1, "decoding processes", least=1)
    window_seconds: float = option(
        30.0,
        "recordings longer than this are cut into windows where they are quietest, when log-probs are computed",
        least=1,
    )

    def require_source(self) -> None:
        """Raise ``XlplError`` where there is nothing that log-probs could come from."""
        if not self.am and not self.emissions:
            raise XlplError("neither am nor emissions is given", expected="a checkpoint, or a folder of emissions")


def open_source(config: InputConfig) -> EmissionSource:
    """Open stored emissions, compute and store them where they are wanted, or open the model that computes them.

    Raises:
        XlplError: neither emissions nor a model, emissions of another model than ``config.am``, or as ``emit``.
    """
    config.require_source()
    if not config.emissions:
        return _open_model(config, read_manifest(config.data, config.split, labels=False))
    if config.am and not _is_finished(config.emissions):
        wanted = EmitConfig(am=config.am, data=config.data, split=config.split, out=config.emissions)
        wanted.max_seconds, wanted.window_seconds = config.max_seconds, config.window_seconds
        wanted.device, wanted.bf16 = config.device, config.bf16
        return emit(wanted)
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
    """Compute and store the log-probs of one split; goes on where a run with the same options was interrupted.

    A recording that cannot be read, or that does not fit in the device's memory, has no frames and says why.

    Raises:
        XlplError: the folder holds emissions of other options, or something else (without ``force``); an option that is
            out of range; most of the
            recordings cannot be read; a broken checkpoint; no space is left.
    """
    store = _compute_part(config, WHOLE, force)
    store.sweep()
    return Emissions(config.out)


def emit_part(config: EmitConfig, part: Part) -> None:
    """Compute and store the shards of one part; goes on as ``emit`` does. Do no part twice at a time.

    Raises:
        XlplError: as ``emit``.
    """
    _compute_part(config, part)


def join_emissions(config: EmitConfig) -> Emissions:
    """Open what ``emit_part`` has stored, all parts of it; reads no log-probs.

    Raises:
        XlplError: shards are missing.
    """
    found = Emissions(config.out)
    ShardStore.existing(config.out, EmissionFacts, suffix=SUFFIX).sweep()
    return found


def _compute_part(config: EmitConfig, part: Part, force: bool = False) -> ShardStore[EmissionFacts]:
    check_options(config)
    manifest = read_manifest(config.data, config.split, labels=False)
    shards = divide(manifest.utterances, config.shard_size)
    settings, facts = _settings(config, manifest), EmissionFacts(config.am, config.data)
    store = ShardStore.open(config.out, settings, len(shards), facts, suffix=SUFFIX, force=force)
    missing = store.missing(part)
    store.sweep(part)
    if missing or store.facts.units is None:
        _compute(config, store, manifest, shards, missing, part)
    return store


def of_log_probs(config: EmitConfig | InputConfig) -> dict[str, Any]:
    """Return the options that decide log-probs. What is off does not count: what was stored before it came stays."""
    return {"window_seconds": config.window_seconds, **({"bf16": True} if config.bf16 else {})}  # as OF_LOG_PROBS


def _settings(config: EmitConfig, manifest: Manifest) -> dict[str, Any]:
    """Return all that decides what is stored. Device and size of batches do so in the last digits only."""
    return {
        "xlpl": version("xlpl"),
        "am": sha256(config.am),
        **of_log_probs(config),
        "split": config.split,
        "manifest": manifest_digest(manifest),
        "shard_size": config.shard_size,
    }


def _compute(
    config: EmitConfig,
    store: ShardStore[EmissionFacts],
    manifest: Manifest,
    shards: Shards,
    numbers: Sequence[int],
    part: Part,
) -> None:
    source = _open_model(config, manifest)
    if source.am_sha256 != store.settings["am"]:
        raise XlplError("was replaced while it was in use", file=config.am, remedy="run the same command again")
    store.note(units=tuple(source.units))
    total = sum(map(shards.utterances, numbers))
    with closing(source.stream_shards(manifest.root, map(shards.__getitem__, numbers))) as stream:
        emissions = iter(tqdm(stream, total=total, desc="emissions", unit="utt", smoothing=0))
        for number in numbers:
            count = shards.utterances(number)
            write_shard(store, number, islice(emissions, count), count, part=part)


def _open_model(config: EmitConfig | InputConfig, manifest: Manifest) -> ModelEmissions:
    from xlpl_plugin.emissions.forward import ModelEmissions, refuse_unreadable  # stored emissions need no torch

    refuse_unreadable(manifest)
    return ModelEmissions(
        config.am,
        max_seconds=config.max_seconds,
        window_seconds=config.window_seconds,
        device=config.device,
        bf16=config.bf16,
    )


def _is_finished(folder: str | Path) -> bool:
    if not (Path(folder) / PROVENANCE_FILE).exists():
        return False
    store = ShardStore.existing(folder, EmissionFacts, suffix=SUFFIX)
    return store.facts.units is not None and all(map(store.done, range(store.shards)))
