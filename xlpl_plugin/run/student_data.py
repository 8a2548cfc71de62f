"""What a round works on: a share of the target's recordings, and labels put together as one prepared folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from random import Random

from xlpl_plugin.data.manifest import Manifest, read_manifest, write_manifest
from xlpl_plugin.data.split import Folds
from xlpl_plugin.data.units import SPECIAL_SYMBOLS, read_units, write_units
from xlpl_plugin.data.utterances import UtteranceColumns, utterance_id
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import copy_file
from xlpl_plugin.labelling.filtering.unsure_words import SureLabels, drop_unsure_words
from xlpl_plugin.labelling.records import LABELS_FILE
from xlpl_plugin.run.corrected_data import CORRECTIONS_FILE, CorrectionsRecord, make_corrector
from xlpl_plugin.run.plan.steps import Collect, CollectCorrected, Divide, DrawSample
from xlpl_plugin.stage import CONTINUOUS, Stage


@dataclass(frozen=True)
class Fold:
    """How many recordings a student labels, and how many labels teach it."""

    labelled: int
    taught: int


def collect_labels(step: Collect) -> SureLabels | None:
    """Write train.* and valid.* of the kept labels, and the dictionary, to ``step.out``; return what was dropped.

    Raises:
        XlplError: no label of one of the splits was kept.
    """
    return _collect(step, lambda labels, split: labels)


def collect_corrected(step: CollectCorrected) -> CorrectionsRecord:
    """Do the same with transcripts by a person in place of labels, and write what they are to corrections.json.

    In validation a transcript counts as a label does, so that losses of rounds compare.

    Raises:
        XlplError: nothing to learn from is left, or a transcript cannot be used.
    """
    corrector = make_corrector(step, _units(step))

    def correct(labels: Manifest, split: str) -> Manifest:
        recordings = read_manifest(step.data, split, labels=False)
        return corrector.correct(labels, recordings, weighted=split == step.train_split)

    _collect(step, correct)
    record = corrector.record()
    record.write(Path(step.out) / CORRECTIONS_FILE)
    return record


def _units(step: Collect) -> tuple[str, ...]:
    return read_units(Path(step.train) / "dict.ltr.txt")


def _collect(step: Collect, change: Callable[[Manifest, str], Manifest]) -> SureLabels | None:
    sure = None
    for split, folder, name in (("train", step.train, step.train_split), ("valid", step.valid, step.valid_split)):
        labels = read_manifest(folder, name)
        if split == "train" and step.drop_unsure_words:
            file = Path(folder) / LABELS_FILE
            sure = drop_unsure_words(labels, file, step.drop_unsure_words, step.unsure_below)
            labels = sure.labels
        labels = change(labels, name)
        if not labels.utterances:
            raise XlplError(
                "no label was kept: there is nothing to learn from",
                file=Path(folder) / f"{name}.tsv",
                expected="at least one utterance with a label",
                remedy="labels.jsonl beside it gives the reason for each utterance; loosen filter.*, or, where labels "
                "are empty, lower decoder.lm_weight, raise decoder.word_score or find a better source AM",
            )
        write_manifest(step.out, split, labels)
    write_units(step.out, _units(step)[len(SPECIAL_SYMBOLS) :])
    return sure


def draw_sample(step: DrawSample) -> None:
    """Write the manifest of a share of the recordings to ``step.out``, others in each round.

    Raises:
        XlplError: the split has no recording.
    """
    manifest = read_manifest(step.data, step.split, labels=False)
    count = ceil(step.share * len(manifest.utterances))
    if not count:
        raise XlplError(
            "no recordings to label", file=Path(step.data) / f"{step.split}.tsv", expected="at least one recording"
        )
    rows = sorted(Random(_seed(step.stage)).sample(range(len(manifest.utterances)), count))
    write_manifest(step.out, step.split, replace(manifest, utterances=tuple(manifest.utterances[row] for row in rows)))


def _seed(stage: Stage) -> int:
    """Each stage draws other recordings: a round by its number."""
    return 1_000_000 if stage == CONTINUOUS else stage.number


def divide_folds(step: Divide) -> list[Fold]:
    """Write for each student the manifest that it labels and the data that it learns from.

    In validation all have the same: nobody trains on that.

    Raises:
        XlplError: a student has nothing to label, or nothing to learn from.
    """
    folds = Folds(step.data, step.split, step.folds)
    return [_write_fold(step, folds, number) for number in range(1, step.folds + 1)]


def _write_fold(step: Divide, folds: Folds, number: int) -> Fold:
    audio, labels = read_manifest(step.audio, step.split, labels=False), read_manifest(step.labels, "train")
    audio_rows, label_rows = UtteranceColumns.of(audio.utterances), UtteranceColumns.of(labels.utterances)
    own, _ = folds.rows(audio.ids, number)
    # all stretches of a recording are in its fold
    _, others = folds.rows(map(utterance_id, label_rows.paths), number)
    for rows, source, what in ((own, step.audio, "to label"), (others, step.labels, "to learn from")):
        if not rows:
            raise XlplError(
                f"student {number} of {step.folds} has nothing {what}",
                file=source,
                expected="recordings in every fold",
                remedy="ask for fewer folds, or, where target.share is below 1, for a larger share",
            )
    write_manifest(step.audio_of(number), step.split, replace(audio, utterances=audio_rows.take(own)))
    write_manifest(step.data_of(number), "train", replace(labels, utterances=label_rows.take(others)))
    for file in (*sorted(Path(step.labels).glob("valid.*")), Path(step.labels) / "dict.ltr.txt"):
        copy_file(file, step.data_of(number) / file.name)
    return Fold(len(own), len(others))
