"""The label generator: a split through acoustic model and decoder to a store of shards, and from there to labels."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from xlpl_plugin.data.manifest import manifest_digest, read_manifest
from xlpl_plugin.decoding import DecoderConfig
from xlpl_plugin.decoding.pool import DecoderPool
from xlpl_plugin.emissions.compute import OF_LOG_PROBS, InputConfig, of_log_probs, open_source
from xlpl_plugin.emissions.stored import SUFFIX, EmissionFacts, Emissions
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import write_lines
from xlpl_plugin.labelling.decode_shards import ShardsUnderWay, decode_shards
from xlpl_plugin.labelling.filtering.filters import FilterConfig
from xlpl_plugin.labelling.provenance import LabelFacts, LabelSummary
from xlpl_plugin.labelling.write_manifests import finish, finished, remove_results
from xlpl_plugin.schema import check_options, option
from xlpl_plugin.shards.input_files import InputFiles
from xlpl_plugin.shards.store import PROVENANCE_FILE, WHOLE, Part, ShardStore, divide
from xlpl_plugin.tuning.tune import read_tuning

logger = logging.getLogger(__name__)

# words that the acoustic model's units cannot write, and those that the decoder has no room for, since likelier ones
# are spelled alike
LEFT_OUT_FILE = "left-out-words.txt"


@dataclass
class LabelConfig(InputConfig):
    """What to label, with what, and where to."""

    out: str = option(
        MISSING,
        "folder for labels.jsonl, {split}.tsv/.wrd/.ltr, dict.ltr.txt and provenance.json; one that holds the "
        "unfinished labels of the same options is gone on with",
    )
    decoder: DecoderConfig = option(
        DecoderConfig(), "lexicon, LM, weights and beam; without a lexicon the labels are greedy"
    )
    tuning: str = option(
        "", "folder of a tuning (tune.json), whose weights and beam are taken instead of the decoder's; empty: none"
    )
    filter: FilterConfig = option(FilterConfig(), "which labels a student learns from")
    shard_size: int = option(500, "utterances that are written, and done, together", least=1)


@dataclass(frozen=True)
class PartSummary:
    """What ``label_part`` did: shards and utterances of the part, those of the shards that were there, and failures."""

    shards: int
    utterances: int
    found: int


def label(config: LabelConfig, *, force: bool = False) -> LabelSummary:
    """Label one split. Every id of its manifest gets a record, with the reason where it is not kept.

    Goes on where a run with the same options was interrupted. Where all is done, the filters are applied anew if they
    are others than before, else the summary is returned as it stands. With ``force`` nothing is reused.

    Raises:
        XlplError: the folder holds labels of other options, or something else (without ``force``); broken input;
            options that do not fit together; a disk that is full; a lexicon, LM or model that changes meanwhile.
    """
    job = _LabelRun(config, force=force)
    done = finished(job.store, config.split, config.filter)
    if done:
        logger.info("%s: all labels are there, with these filters", config.out)
        return done
    job.decode(WHOLE)
    return finish(job.store, job.manifest, config.split, config.filter, config=asdict(job.config))


def label_part(config: LabelConfig, part: Part) -> PartSummary:
    """Make the shards of one part; ``merge`` finishes when all parts are there. Goes on as ``label`` does.

    Raises:
        XlplError: as ``label``; also where stored emissions are asked for that are not finished.
    """
    if config.emissions:
        Emissions(config.emissions)  # refuses unfinished ones: each part would compute those of all parts
    job = _LabelRun(config)
    numbers = part.numbers(job.store.shards)
    found = job.decode(part)
    return PartSummary(len(numbers), sum(map(job.shards.utterances, numbers)), found)


class _LabelRun:
    """A run over one store."""

    def __init__(self, config: LabelConfig, *, force: bool = False) -> None:
        if config.tuning:
            config = replace(config, decoder=read_tuning(config.tuning).apply(config.decoder), tuning="")
        check_options(config)
        self.config = config
        self.manifest = read_manifest(config.data, config.split, labels=False)
        self.shards = divide(self.manifest.utterances, config.shard_size)
        files = {"am": config.am, "decoder.lexicon": config.decoder.lexicon, "decoder.lm": config.decoder.lm}
        self.files = InputFiles({name: path for name, path in files.items() if path})
        self.store = ShardStore.open(
            config.out, self._settings(), len(self.shards), LabelFacts(asdict(config)), force=force
        )
        if force:
            remove_results(self.store.folder, config.split)

    def _settings(self) -> dict[str, Any]:
        """Return all that decides what is in the shards. Filters, workers, device and where files lie do not."""
        config, hashes = self.config, self.files.sha256
        hashed = {key: hashes.get(f"decoder.{key}", "") for key in ("lexicon", "lm")}
        return {
            "xlpl": version("xlpl"),
            **_of_log_probs(config, hashes.get("am")),
            "split": config.split,
            "manifest": manifest_digest(self.manifest),
            "shard_size": config.shard_size,
            "decoder": {**asdict(config.decoder), **hashed},
        }

    def decode(self, part: Part) -> int:
        """Make the shards of ``part`` that are missing; return how many were there."""
        missing = self.store.missing(part)
        self.store.sweep(part)
        if missing or self.store.facts.units is None:
            source = open_source(self.config)
            if source.am_sha256 != self.store.settings["am"]:
                raise XlplError("was replaced while it was read", file=self.config.am, remedy="run the command again")
            with DecoderPool(self.config.decoder, source.units, self.config.workers) as pool:
                self.store.note(units=tuple(source.units), words_left_out=len(pool.dropped))
                (self.store.folder / LEFT_OUT_FILE).unlink(missing_ok=True)  # of an earlier run, with --force
                if pool.dropped:
                    write_lines(self.store.folder / LEFT_OUT_FILE, pool.dropped)
                under_way = ShardsUnderWay(self.store, part, self.files.check)
                decode_shards(self.shards, missing, self.manifest.root, source, pool, under_way)
        return len(part.numbers(self.store.shards)) - len(missing)


def _of_log_probs(config: LabelConfig, am_sha256: str | None) -> dict[str, Any]:
    """Return what decides the log-probs; stored ones were made with options of their own."""
    config.require_source()
    stored = Path(config.emissions) / PROVENANCE_FILE
    if config.emissions and (stored.exists() or not am_sha256):
        made = ShardStore.existing(config.emissions, EmissionFacts, suffix=SUFFIX).settings
        return {"am": am_sha256 or made["am"], **{key: made[key] for key in OF_LOG_PROBS if key in made}}
    return {"am": am_sha256, **of_log_probs(config)}
