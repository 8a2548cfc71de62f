"""Recordings, with or without transcripts, to a prepared folder: audio/, manifests, dict.ltr.txt, prepare.json."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import numpy as np

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import read_audio, write_audio
from xlpl_plugin.concurrency import parallel_map
from xlpl_plugin.data.items import Item
from xlpl_plugin.data.manifest import Manifest, Utterance, write_manifest
from xlpl_plugin.data.split import PARTS, split_by_sentence
from xlpl_plugin.data.summary import Dropped, PrepareReport, part_report
from xlpl_plugin.data.transcriber import Labels, Transcriber, dictionary, make_transcriber
from xlpl_plugin.data.units import write_units
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import make_folder, must_exist, new_output
from xlpl_plugin.schema import check_options, join, option
from xlpl_plugin.text.speller import SPELLERS

# full scale = 0 dB; below this a recording holds nothing but the noise of the converter
SILENCE_DB = -60.0
REPORT = "prepare.json"


@dataclass
class PrepareOptions:
    """How recordings become a prepared folder."""

    language: str = option("en", "two-letter code: picks the rules of the normaliser")
    speller: str = option("unidecode", "how words become units", choices=SPELLERS)
    pieces: str = option("", "sentencepiece model (xlpl prepare units) that cuts spellings into pieces; empty: letters")
    test: float = option(0.2, "expected share of the text that goes to the test part", least=0, below=1)
    valid: float = option(0.05, "expected share of the text that goes to the valid part", least=0, below=1)
    seed: int = option(1, "another seed gives another division into parts")
    min_seconds: float = option(0.3, "shorter recordings are dropped", least=0)
    min_rate: float = option(2.0, "transcripts with fewer letters a second are dropped as wrong", least=0)
    max_rate: float = option(30.0, "transcripts with more letters a second are dropped as wrong", above=0)
    skip_unreadable: bool = option(False, "drop files that cannot be read, with the reason, instead of stopping")
    references: str = option("", "folder for all transcripts; the prepared folder itself gets none")
    workers: int = option(0, "parallel processes; 0: one for each core", least=0)

    def check_together(self, key: str) -> None:
        """Raise ``XlplError`` where nothing would be left for train."""
        if self.valid + self.test >= 1:
            raise XlplError(
                f"{join(key, 'valid')}={self.valid} {join(key, 'test')}={self.test}",
                expected="shares that leave something for train",
            )


@dataclass(frozen=True)
class _AudioJob:
    source: Path
    target: Path
    letters: int | None
    options: PrepareOptions = field(repr=False)


def prepare(
    items: Sequence[Item],
    out: str | Path,
    options: PrepareOptions,
    *,
    skipped: Mapping[str, str] = MappingProxyType({}),
    force: bool = False,
) -> PrepareReport:
    """Write the prepared folder ``out`` (and ``options.references``) and return what was kept and dropped.

    The folders appear only when they are complete. ``skipped`` (id -> reason) joins the report.

    Raises:
        XlplError: a duplicate id, unreadable audio (unless ``skip_unreadable``), nothing left, an occupied output.
    """
    check_options(options)
    _check_ids(items)
    out = _replaceable(out, force)
    references = _replaceable(options.references, force) if options.references else None
    if references is not None and (references in out.parents or references == out or out in references.parents):
        raise XlplError("inside the prepared folder, or around it", file=references, expected="a folder apart from it")
    transcriber = make_transcriber(options.language, options.speller, options.pieces)
    dropped = [Dropped(name, reason) for name, reason in skipped.items()]
    labels = _transcribe(items, transcriber, dropped)
    units = dictionary((label.units for label in labels.values() if label.units), options.pieces)
    make_folder(out.parent)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as work:
        kept = _convert([item for item in items if item.id in labels], labels, Path(work) / "new", options, dropped)
        parts = _parts(kept, labels, out, options)
        report = _report(options, len(items) + len(skipped), parts, dropped, transcriber)
        if references is not None:
            _write(Path(work) / "references", parts, units, report)
            _publish(Path(work) / "references", references)
            parts = {name: _without_labels(manifest) for name, manifest in parts.items()}
        _write(Path(work) / "new", parts, units, report)
        _publish(Path(work) / "new", out)
    return report


def _check_ids(items: Sequence[Item]) -> None:
    repeated = [name for name, count in Counter(item.id for item in items).items() if count > 1]
    if repeated:
        raise XlplError(
            f"{len(repeated)} duplicate ids, such as {repeated[0]!r}",
            expected="every id once",
            remedy="rename or remove one",
        )
    for item in items:
        parts = PurePosixPath(item.id).parts
        if not parts or item.id.startswith("/") or ".." in parts or "\t" in item.id or "\n" in item.id:
            raise XlplError(
                f"unusable id {item.id!r}", file=item.audio, expected="a relative path without '..' and tabs"
            )


def _replaceable(path: str | Path, force: bool) -> Path:
    """With ``force``, only a folder that an earlier run prepared may be replaced: never a home folder by a slip."""
    path = new_output(path, force=force).absolute()
    if path.exists() and (not path.is_dir() or (any(path.iterdir()) and not (path / REPORT).exists())):
        raise XlplError(
            "exists and is not a prepared folder",
            file=path,
            expected=f"a new folder, or one with {REPORT} to replace",
            remedy="choose another output",
        )
    return path


def _transcribe(items: Sequence[Item], transcriber: Transcriber, dropped: list[Dropped]) -> dict[str, Labels]:
    """Return the labels of the usable items; all None where no item has a transcript."""
    if all(item.text is None for item in items):
        return {item.id: Labels() for item in items}
    labels: dict[str, Labels] = {}
    for item in items:
        if item.text is None or not item.text.strip():
            dropped.append(Dropped(item.id, "no transcript"))
            continue
        label = transcriber(item.text)
        if label.problem:
            dropped.append(Dropped(item.id, label.problem))
        else:
            labels[item.id] = label
    return labels


def _convert(
    items: Sequence[Item], labels: dict[str, Labels], folder: Path, options: PrepareOptions, dropped: list[Dropped]
) -> list[tuple[Item, int]]:
    """Write the FLAC files; return the kept items with their numbers of samples."""
    jobs = [
        _AudioJob(
            must_exist(item.audio, "an audio file"),
            folder / "audio" / f"{item.id}.flac",
            labels[item.id].letters,
            options,
        )
        for item in items
    ]
    kept = []
    results = parallel_map(_convert_one, jobs, workers=options.workers, title="audio")
    for item, result in zip(items, results, strict=True):
        if isinstance(result, str):
            dropped.append(Dropped(item.id, result))
        else:
            kept.append((item, result))
    if not kept:
        reasons = Counter(drop.reason for drop in dropped)
        raise XlplError(f"no recording is left: {dict(reasons)}", expected="usable recordings")
    return kept


def _convert_one(job: _AudioJob) -> int | str:
    """Return the number of samples written, or the reason why the recording is of no use."""
    try:
        waveform = read_audio(job.source)
    except XlplError as error:
        if job.options.skip_unreadable:
            return f"unreadable: {error.problem}"
        raise
    seconds = waveform.size / SAMPLE_RATE
    if seconds < job.options.min_seconds:
        return "too short"
    if float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))) < 10 ** (SILENCE_DB / 20):
        return "silent"
    if job.letters is not None and not job.options.min_rate <= job.letters / seconds <= job.options.max_rate:
        return "implausible letters a second"
    write_audio(job.target, waveform)
    return int(waveform.size)


def _parts(
    kept: Sequence[tuple[Item, int]], labels: dict[str, Labels], out: Path, options: PrepareOptions
) -> dict[str, Manifest]:
    sentences = {item.id: labels[item.id].sentences or (item.id,) for item, _ in kept}
    fixed = {item.id: item.part for item, _ in kept if item.part}
    part_of = split_by_sentence(sentences, valid=options.valid, test=options.test, seed=options.seed, fixed=fixed)
    rows: dict[str, list[Utterance]] = {part: [] for part in PARTS}
    for item, samples in sorted(kept, key=lambda pair: pair[0].id):
        label = labels[item.id]
        rows[part_of[item.id]].append(Utterance(f"{item.id}.flac", samples, label.words, label.units))
    wanted = {"train": 1.0, "valid": options.valid, "test": options.test}
    empty = [part for part in PARTS if wanted[part] > 0 and not rows[part]]
    if empty:
        raise XlplError(
            f"the {empty[0]} part would be empty ({len(kept)} utterances are usable)",
            expected="something in each part whose share is not 0",
            remedy="give that part a larger share, 0, or take another seed",
        )
    return {part: Manifest(out / "audio", tuple(rows[part])) for part in PARTS if wanted[part] > 0}


def _report(
    options: PrepareOptions, items: int, parts: Mapping[str, Manifest], dropped: list[Dropped], transcriber: Transcriber
) -> PrepareReport:
    return PrepareReport(
        language=options.language,
        speller=options.speller,
        seed=options.seed,
        items=items,
        parts=tuple(part_report(name, manifest) for name, manifest in parts.items()),
        dropped=tuple(sorted(dropped, key=lambda drop: (drop.reason, drop.id))),
        dropped_characters=dict(transcriber.normalizer.dropped.most_common()),
        removed_notes=dict(transcriber.normalizer.removed.most_common()),
    )


def _write(folder: Path, parts: Mapping[str, Manifest], units: Sequence[str], report: PrepareReport) -> None:
    for part, manifest in parts.items():
        write_manifest(folder, part, manifest)
    write_units(folder, units)
    report.write(folder / REPORT)


def _without_labels(manifest: Manifest) -> Manifest:
    return Manifest(manifest.root, tuple(Utterance(u.path, u.num_samples) for u in manifest.utterances))


def _publish(folder: Path, target: Path) -> None:
    if target.exists():
        shutil.rmtree(target)
    make_folder(target.parent)
    shutil.move(folder, target)
