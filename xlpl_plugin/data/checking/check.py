"""Verifying a prepared folder: everything that is wrong with it, not only the first thing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import audio_info, read_audio
from xlpl_plugin.concurrency import parallel_map
from xlpl_plugin.data.checking.check_parts import FolderFault, check_parts
from xlpl_plugin.data.checking.check_text import FRAME_SECONDS, Remark, check_transcripts
from xlpl_plugin.data.manifest import Manifest, read_manifest
from xlpl_plugin.data.segments import Speakers
from xlpl_plugin.data.summary import REPORT, PrepareReport
from xlpl_plugin.data.units import WORD_BOUNDARY, frames_needed, read_units
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist


@dataclass(frozen=True)
class CheckReport:
    """What was found. Remarks need not be wrong.

    Attributes:
        splits: name -> (utterances, seconds) of each part that could be read.
        speakers: name -> how many people are known to speak in it; empty where nobody is known.
    """

    splits: dict[str, tuple[int, float]]
    speakers: dict[str, int]
    findings: list[FolderFault]
    remarks: list[Remark]


def check_folder(
    folder: str | Path,
    *,
    decode: bool = True,
    workers: int = 0,
    frame_seconds: float = FRAME_SECONDS,
    text: Path | None = None,
    lexicon: Path | None = None,
) -> CheckReport:
    """Check files, lengths, rates, alignment, symbols, ids and the separation of the parts.

    Args:
        decode: decode every recording, which finds damage inside a file; otherwise only its header is read.
        workers: processes that read audio; 0 = one for each core.
        frame_seconds: of the acoustic model that is to learn from the labels.
        text: normalised text that the transcripts are compared with.
        lexicon: lexicon whose spellings' units are looked for in the transcripts.

    Raises:
        XlplError: there is no such folder, or no manifest in it.
    """
    folder = must_exist(folder, "a prepared folder")
    names = sorted(path.stem for path in folder.glob("*.tsv"))
    if not names:
        raise XlplError("no .tsv", file=folder, expected="a prepared folder", remedy="prepare it: xlpl prepare --help")
    findings: list[FolderFault] = []
    units = _units(folder, findings)
    splits: dict[str, Manifest] = {}
    for name in names:
        manifest = _manifest(folder, name, findings)
        if manifest is not None:
            splits[name] = manifest
            findings += _label_findings(folder / name, manifest, units, frame_seconds)
            findings += _audio_findings(folder / f"{name}.tsv", manifest, decode, workers)
    report = PrepareReport.read_if_there(folder / REPORT)
    speakers = _speakers(folder, findings)
    leaks, remarks = check_parts(folder, splits, speakers, report.divided_by if report else "")
    remarks += check_transcripts(splits, report.language, text=text, lexicon=lexicon) if report else []
    return CheckReport(
        {name: (len(m.utterances), round(m.seconds, 2)) for name, m in splits.items()},
        {name: _count_speakers(manifest, speakers) for name, manifest in splits.items()} if speakers else {},
        findings + leaks,
        remarks,
    )


def _finding(kind: str, error: XlplError) -> FolderFault:
    return FolderFault(kind, str(error.file), error.line or 0, error.problem)


def _units(folder: Path, findings: list[FolderFault]) -> frozenset[str]:
    try:
        return frozenset(read_units(folder / "dict.ltr.txt"))
    except XlplError as error:
        findings.append(_finding("dictionary", error))
        return frozenset()


def _count_speakers(manifest: Manifest, speakers: Mapping[str, str]) -> int:
    return len({speakers.get(utterance.id) for utterance in manifest.utterances} - {None})


def _speakers(folder: Path, findings: list[FolderFault]) -> Mapping[str, str]:
    try:
        return Speakers.read(folder).of
    except XlplError as error:
        findings.append(_finding("speakers", error))
        return {}


def _manifest(folder: Path, name: str, findings: list[FolderFault]) -> Manifest | None:
    """Return the split with its labels, or without them where they do not fit, or None."""
    for labels in (True, False):
        try:
            return read_manifest(folder, name, labels=labels)
        except XlplError as error:
            found = _finding("manifest", error)
            if found not in findings:
                findings.append(found)
    return None


def _label_findings(
    stem: Path, manifest: Manifest, units: frozenset[str], frame_seconds: float
) -> Iterator[FolderFault]:
    for line, utterance in enumerate(manifest.utterances, start=1):
        if utterance.words is not None and not utterance.words.strip():
            yield FolderFault("empty label", f"{stem}.wrd", line, f"{utterance.id} has no words")
        if utterance.units is None:
            continue
        symbols = utterance.units.split()
        unknown = sorted(set(symbols) - units) if units else []
        if unknown:
            yield FolderFault("unknown symbol", f"{stem}.ltr", line, f"not in dict.ltr.txt: {' '.join(unknown)}")
        frames = int(utterance.seconds / frame_seconds)
        if frames_needed(symbols) > frames:
            problem = f"{len(symbols)} units, but the audio has {frames} frames of {1000 * frame_seconds:g} ms"
            yield FolderFault("label too long", f"{stem}.ltr", line, problem)
        words = 0 if utterance.words is None else len(utterance.words.split())
        if words and WORD_BOUNDARY in symbols and symbols.count(WORD_BOUNDARY) != words:
            problem = f"{symbols.count(WORD_BOUNDARY)} words here, {words} in the .wrd"
            yield FolderFault("misaligned", f"{stem}.ltr", line, problem)


def _audio_findings(tsv: Path, manifest: Manifest, decode: bool, workers: int) -> list[FolderFault]:
    jobs = ((manifest.root / u.path, u.num_samples, decode) for u in manifest.utterances)
    problems = parallel_map(_audio_problem, jobs, workers=workers, title=tsv.stem, total=len(manifest.utterances))
    return [FolderFault("audio", str(tsv), line, problem) for line, problem in enumerate(problems, start=2) if problem]


def _audio_problem(job: tuple[Path, int, bool]) -> str:
    path, num_samples, decode = job
    try:
        info = audio_info(path)
        if (info.rate, info.channels) != (SAMPLE_RATE, 1):
            return f"{path}: {info.rate} Hz, {info.channels} channels; expected {SAMPLE_RATE} Hz mono"
        samples = read_audio(path).size if decode or info.frames is None else info.frames
    except XlplError as error:
        return f"{path}: {error.problem}"
    return "" if samples == num_samples else f"{path}: {samples} samples, but the .tsv says {num_samples}"
