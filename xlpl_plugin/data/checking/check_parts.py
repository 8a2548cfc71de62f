"""Train, valid and test apart: ids, sentences and speakers that stand in two of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xlpl_plugin.data.checking.check_text import Remark
from xlpl_plugin.data.columns import text_hashes
from xlpl_plugin.data.manifest import Manifest
from xlpl_plugin.data.summary import BY_CORPUS, BY_SENTENCE
from xlpl_plugin.data.utterances import Utterance

# trait -> kinds of division that cannot keep it apart, so that prepare said so and a check need only repeat it
_GIVEN_UP = {"id": (), "sentence": (BY_CORPUS,), "speaker": (BY_CORPUS, BY_SENTENCE)}


@dataclass(frozen=True)
class FolderFault:
    """Something wrong: ``file:line`` (line 0 = the whole file) and what."""

    kind: str
    file: str
    line: int
    problem: str


def check_parts(
    folder: Path, splits: Mapping[str, Manifest], speakers: Mapping[str, str], divided_by: str
) -> tuple[list[FolderFault], list[Remark]]:
    """Look for the same id, sentence or speaker in two parts.

    It is a remark where the corpus's own division is so, or speakers were too few to keep them apart.

    Args:
        speakers: utterance -> who speaks, where that is known.
        divided_by: see ``PrepareReport``.
    """
    findings: list[FolderFault] = []
    remarks = list(_few_speakers(splits, speakers))
    for trait, given_up in _GIVEN_UP.items():
        total, found = _in_two_parts(folder, trait, splits, speakers)
        if divided_by not in given_up:
            findings += found
        elif found:
            why = "the corpus divides so" if divided_by == BY_CORPUS else "the division is by sentence"
            text = f"{len(found)} of {total} {trait}s stand in two parts ({why}): {found[0].problem}"
            remarks.append(Remark(f"{trait} in two parts", text))
    return findings, remarks


def _few_speakers(splits: Mapping[str, Manifest], speakers: Mapping[str, str]) -> Iterator[Remark]:
    utterances = splits["train"].utterances if "train" in splits else ()
    known = {speakers.get(utterance.id, "") for utterance in utterances}
    if len(known) == 1 and "" not in known:
        yield Remark("speakers", f"{known.pop()!r} speaks all of train: what learns from it has heard one voice")


def _in_two_parts(
    folder: Path, trait: str, splits: Mapping[str, Manifest], speakers: Mapping[str, str]
) -> tuple[int, list[FolderFault]]:
    """Return how many different values the trait has, and a fault for each that is in two parts or more."""
    suffix = ".wrd" if trait == "sentence" else ".tsv"
    # the root stands on line 1 of a .tsv
    first = 2 if suffix == ".tsv" else 1
    total, doubtful = _common_hashes(
        filter(None, (_value(trait, utterance, speakers) for utterance in manifest.utterances))
        for manifest in splits.values()
    )
    where: dict[str, dict[str, int]] = defaultdict(dict)
    for name, manifest in splits.items():
        for line, utterance in enumerate(manifest.utterances if doubtful else (), start=first):
            if (value := _value(trait, utterance, speakers)) and hash(value) in doubtful:
                where[value][name] = line
    faults = []
    for value, parts in where.items():
        if len(parts) > 1:
            name, line = list(parts.items())[-1]
            problem = f"{value[:60]!r} is in {' and '.join(sorted(parts))}"
            faults.append(FolderFault(f"{trait} in two parts", str(folder / f"{name}{suffix}"), line, problem))
    return total, faults


def _common_hashes(parts: Iterable[Iterable[str]]) -> tuple[int, frozenset[int]]:
    """Return how many different values there are, and the hashes of those that more than one part may have."""
    hashes = [np.unique(text_hashes(values)) for values in parts]
    different, counts = np.unique(np.concatenate(hashes), return_counts=True)
    return len(different), frozenset(different[counts > 1].tolist())


def _value(trait: str, utterance: Utterance, speakers: Mapping[str, str]) -> str | None:
    if trait == "id":
        return utterance.id
    return utterance.words if trait == "sentence" else speakers.get(utterance.id)
