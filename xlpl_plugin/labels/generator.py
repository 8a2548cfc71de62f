"""The label generator: log-probs of a split through the decoder's worker processes to records and a manifest."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from omegaconf import MISSING
from tqdm import tqdm

from xlpl_plugin.data.manifest import Manifest, read_manifest, write_manifest
from xlpl_plugin.data.units import SPECIAL_SYMBOLS, write_units
from xlpl_plugin.decoding import DecoderConfig
from xlpl_plugin.decoding.pool import DecoderPool, Task
from xlpl_plugin.files import new_output, sha256, write_json
from xlpl_plugin.labels.emissions import EmissionSource, InputConfig, open_source
from xlpl_plugin.labels.filters import FilterConfig, FilterRow, choose, gather
from xlpl_plugin.labels.records import LABELS_FILE, LabelRecord, make_record, write_labels

logger = logging.getLogger(__name__)

PROVENANCE_FILE = "provenance.json"


@dataclass
class LabelConfig(InputConfig):
    """What to label, with what, and where to."""

    # new folder for labels.jsonl, {split}.tsv/.wrd/.ltr, dict.ltr.txt and provenance.json
    out: str = MISSING
    # lexicon, LM, weights and beam; without a lexicon the labels are greedy
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    # which labels a student learns from
    filter: FilterConfig = field(default_factory=FilterConfig)


@dataclass(frozen=True)
class LabelSummary:
    """What ``label`` did: utterances, those kept, and what each filter removed."""

    utterances: int
    kept: int
    seconds: float
    kept_seconds: float
    words: int
    filters: tuple[FilterRow, ...]


def label(config: LabelConfig, *, force: bool = False) -> LabelSummary:
    """Label one split. Every id of its manifest gets a record, with the reason where it is not kept.

    Raises:
        XlplError: results are there already (without ``force``), broken input, or options that do not fit together.
    """
    out = new_output(config.out, force=force)
    config.filter.check()
    manifest = read_manifest(config.data, config.split, labels=False)
    source = open_source(config)
    with DecoderPool(config.decoder, source.units, config.workers) as pool:
        found = {record.id: record for record in _records(manifest, source, pool)}
    records = [found[name] for name in manifest.ids]
    choice = choose(gather(iter(records), config.filter), config.filter)
    records = [
        replace(record, kept=row not in choice.reasons, reason=choice.reasons.get(row, ""))
        for row, record in enumerate(records)
    ]
    kept = [record for record in records if record.kept]
    summary = LabelSummary(
        utterances=len(records),
        kept=len(kept),
        seconds=round(manifest.seconds, 2),
        kept_seconds=round(sum(record.seconds for record in kept), 2),
        words=sum(len(record.words) for record in kept),
        filters=tuple(choice.rows),
    )
    if not kept:
        logger.warning("none of the %d labels of %s is kept: nothing to learn from", len(records), out)
    _write(out, config, manifest, source, records, choice.weights.tolist())
    write_json(out / PROVENANCE_FILE, _provenance(config, source.am_sha256, records, summary))
    return summary


def _records(manifest: Manifest, source: EmissionSource, pool: DecoderPool) -> Iterator[LabelRecord]:
    """Yield a record for every utterance, in the order in which they are decoded."""
    waiting: dict[str, tuple[float, int]] = {}
    frameless: list[LabelRecord] = []

    def tasks() -> Iterator[Task]:
        for emission in source.stream(manifest):
            name, seconds = emission.utterance.id, emission.utterance.seconds
            if not len(emission.log_probs):
                frameless.append(make_record(name, seconds, 0, None, None))
                continue
            waiting[name] = (seconds, len(emission.log_probs))
            yield Task(name, emission.log_probs, greedy=True)

    with tqdm(total=len(manifest.utterances), desc="label", unit="utt", smoothing=0) as bar:
        for decoded in pool.decode(tasks()):
            seconds, frames = waiting.pop(decoded.id)
            best = decoded.hypotheses[0] if decoded.hypotheses else None
            yield make_record(decoded.id, seconds, frames, best, decoded.greedy)
            bar.update()
        yield from frameless
        bar.update(len(frameless))


def _write(
    out: Path,
    config: LabelConfig,
    manifest: Manifest,
    source: EmissionSource,
    records: list[LabelRecord],
    weights: list[float],
) -> None:
    for suffix in ("tsv", "wrd", "ltr", "weight"):
        (out / f"{config.split}.{suffix}").unlink(missing_ok=True)  # of an earlier run, with --force
    write_labels(out / LABELS_FILE, records)
    write_units(out, source.units[len(SPECIAL_SYMBOLS) :])
    kept = tuple(
        replace(utterance, words=record.text, units=record.units, weight=weight)
        for utterance, record, weight in zip(manifest.utterances, records, weights, strict=True)
        if record.kept
    )
    write_manifest(out, config.split, Manifest(manifest.root, kept))


def _provenance(
    config: LabelConfig, am_sha256: str, records: list[LabelRecord], summary: LabelSummary
) -> dict[str, object]:
    """Return what made these labels, so that a person can tell two folders of labels apart."""
    files = {"lexicon": config.decoder.lexicon, "lm": config.decoder.lm}
    return {
        "config": asdict(config),
        "am_sha256": am_sha256,
        "decoder_sha256": {name: sha256(path) for name, path in files.items() if path},
        "summary": summary,
        "reasons": dict(Counter(record.reason.partition(":")[0] for record in records if not record.kept)),
    }
