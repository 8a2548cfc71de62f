"""Transcripts by a person: read, normalised, checked against the parts of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xlpl_plugin.data.corpora.tables import iter_rows
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.data.summary import REPORT, PrepareReport
from xlpl_plugin.errors import XlplError
from xlpl_plugin.picking.table import NOTHING_SAID, read_corrections
from xlpl_plugin.run.config import CorrectionsConfig, IterateConfig, TargetConfig
from xlpl_plugin.text.normalizer import Normalizer

# of several rows that are wrong, so many lines are named
_NAMED = 10


@dataclass(frozen=True)
class HumanTranscript:
    """What a person says is spoken in an utterance, normalised ('' where nothing is), and the table that says so."""

    words: str
    told_by: CorrectionsConfig


def check_corrections(config: IterateConfig) -> None:
    """Refuse corrections that cannot be used, before anything is written.

    Raises:
        XlplError: a round that there is not, a table that cannot be read, an utterance of a test part or of no part,
            a transcript that cannot be normalised.
    """
    for number, entry in enumerate(config.corrections):
        if entry.from_round > config.rounds:
            raise XlplError(
                f"corrections[{number}].from_round={entry.from_round}, but rounds={config.rounds}",
                expected=f"a round from 1 to {config.rounds}",
                remedy="raise rounds: a run that has ended goes on with the rounds after its last one",
            )
    if config.corrections:
        transcripts = read_transcripts(config.corrections, config.target.data)
        _check_parts(config.corrections, transcripts, config.target)


def read_transcripts(corrections: Sequence[CorrectionsConfig], data: str) -> dict[str, HumanTranscript]:
    """Return id -> transcript; a later table's takes the place of an earlier one's.

    Args:
        data: the prepared folder of the recordings.

    Raises:
        XlplError: a table that cannot be read, or that holds no transcript; one that cannot be normalised.
    """
    found: dict[str, HumanTranscript] = {}
    for entry in corrections:
        normalizer = Normalizer(language_of(entry, data), Path(entry.rules) if entry.rules else None)
        found |= _read_table(entry, normalizer)
    return found


def _read_table(entry: CorrectionsConfig, normalizer: Normalizer) -> dict[str, HumanTranscript]:
    found, problems = {}, {}
    for name, correction in read_corrections(entry.file).items():
        spoken = normalizer.spoken(" ".join(correction.words))
        found[name] = HumanTranscript(spoken.words, entry)
        if correction.words and spoken.problem:
            problems[name] = spoken.problem
    refuse_rows(
        entry.file,
        problems,
        expected=f"words as they are spoken, in {normalizer.language.name}",
        remedy=f"write out in words what is said there; {NOTHING_SAID!r} where nothing is",
    )
    if not found:
        raise XlplError(
            "holds no transcript",
            file=entry.file,
            expected="what is said, in the column 'transcript' of some rows at least",
            remedy="fill it in, or take the table out of corrections",
        )
    return found


def language_of(entry: CorrectionsConfig, data: str) -> str:
    """Return the language of a table's transcripts; where it does not say so, that of the prepared folder ``data``.

    Raises:
        XlplError: neither says it.
    """
    if entry.language:
        return entry.language
    report = PrepareReport.read_if_there(Path(data) / REPORT)
    if report is None:
        raise XlplError(
            f"the language of its transcripts is not known, since {data} has no {REPORT}",
            file=entry.file,
            expected="language: an ISO 639 code such as sw, beside file: in corrections",
        )
    return report.language


def _check_parts(
    entries: Sequence[CorrectionsConfig], transcripts: Mapping[str, HumanTranscript], target: TargetConfig
) -> None:
    learned = [target.train_split, target.valid_split]
    part_of = {name: split for split in (*learned, *target.eval_splits) for name in _ids(target.data, split)}
    for entry in entries:
        own = [name for name, one in transcripts.items() if one.told_by is entry]
        tested = {name: part_of[name] for name in own if part_of.get(name) in target.eval_splits}
        refuse_rows(
            entry.file,
            {name: f"it stands in the test part {part!r}" for name, part in tested.items()},
            expected=f"utterances of {' and '.join(learned)}: a result on what was learned would not be honest",
            remedy="take the rows out of the table, or the part out of target.eval_splits",
        )
        refuse_rows(
            entry.file,
            {name: "there is no such utterance" for name in own if name not in part_of},
            expected=f"ids that stand in {' or '.join(f'{split}.tsv' for split in learned)} of {target.data}",
            remedy="give the table that 'xlpl pick' wrote for this run, with its column id as it was",
        )


def _ids(data: str, split: str) -> Iterable[str]:
    return read_manifest(data, split, labels=False).ids


def refuse_rows(file: str, problems: Mapping[str, str], *, expected: str, remedy: str) -> None:
    """Raise ``XlplError`` for rows of a table of corrections, if there are any: id -> what is wrong with it."""
    if not problems:
        return
    lines = {row["id"]: line for line, row in iter_rows(Path(file)) if row["id"] in problems}
    first, *others = sorted(problems, key=lambda name: lines[name])
    more = ", ".join(str(lines[name]) for name in others[:_NAMED]) + (", ..." if len(others) > _NAMED else "")
    raise XlplError(
        f"the transcript of {first!r} cannot be used: {problems[first]}"
        + (f" (and {len(others)} more, in line {more})" if others else ""),
        file=file,
        line=lines[first],
        expected=expected,
        remedy=remedy,
    )
