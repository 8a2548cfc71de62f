"""What each measure of a label knows about its errors: ranks, and error rates of the audio that a filter would keep.

Labels are sorted by each measure, the good end first. For each share of the audio the table gives WER / CER of those
kept; Spearman's correlation is that with the CER of single labels (-1: the measure sorts them perfectly).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import click
import numpy as np

from xlpl_plugin.evaluation.counting import EditCounts, count_characters, count_words
from xlpl_plugin.evaluation.texts import read_references
from xlpl_plugin.labelling.filtering.filter_columns import Column, Measurer, Traits
from xlpl_plugin.labelling.filtering.other_labels import OtherLabels, letter_nats
from xlpl_plugin.labelling.records import LABELS_FILE, LabelRecord, iter_labels
from xlpl_plugin.text_table import render

SHARES = (0.9, 0.8, 0.6, 0.5)
# sizes, which say nothing about a label's quality, and measures of which high values are bad
SIZES, BAD = ("seconds", "frames", "frames_needed", "words", "letters"), ("repeats", "greedy_gap", "letter_nats")


def joint_score(record: LabelRecord) -> float:
    """Return ln p of alignment and words together, a unit."""
    return (record.am_score + math.log(10) * record.lm_score) / max(1, len(record.units.split()))


def rank(values: Column) -> Column:
    """Return ranks from 0; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts + 1) / 2)[inverse]


def measures(traits: Traits) -> dict[str, Column]:
    """Return the columns, the higher the better, with sums of ranks and chance as a yardstick."""
    good = {name: -column if name in BAD else column for name, column in traits.columns.items() if name not in SIZES}
    sums = {
        f"confidence + {name} (ranks)": rank(good["confidence"]) + rank(good[name])
        for name in good
        if "agreement" in name
    }
    return {**good, **sums, "random": np.random.default_rng(1).random(len(traits))}


def row(name: str, values: Column, seconds: Column, words: EditCounts, letters: EditCounts) -> dict[str, str]:
    order = np.argsort(-values, kind="stable")
    audio = np.cumsum(seconds[order]) / seconds.sum()
    kept = {share: order[: int(np.searchsorted(audio, share)) + 1] for share in SHARES}
    errors = letters.errors / letters.length
    correlation = np.corrcoef(rank(values), rank(errors))[0, 1] if np.ptp(values) and np.ptp(errors) else 0.0
    cells = {
        f"{share:.0%}": " / ".join(f"{100 * c.errors[rows].sum() / c.length[rows].sum():.1f}" for c in (words, letters))
        for share, rows in kept.items()
    }
    return {"measure": name, "correlation": f"{correlation:+.2f}", **cells}


@click.command(help=__doc__)
@click.argument("labels", type=click.Path(path_type=Path))
@click.option("--references", type=click.Path(path_type=Path), required=True)
@click.option("--split", default="train", show_default=True)
@click.option("--letters-lm", help="N-gram model over units.")
@click.option("--other", multiple=True, metavar="NAME=LABELS", help="Other labels of the same utterances.")
def main(labels: Path, references: Path, split: str, letters_lm: str | None, other: tuple[str, ...]) -> None:
    truth = read_references(references, split).native
    records = [record for record in iter_labels(labels / LABELS_FILE) if record.words]
    extra: dict[str, Measurer] = {"joint_score": joint_score}
    if letters_lm:
        extra["letter_nats"] = letter_nats(letters_lm)
    named: Mapping[str, str] = dict(entry.split("=", 1) for entry in other)
    extra |= {f"agreement with {name}": OtherLabels(path).agreement for name, path in named.items()}
    traits = Traits.gather(records, extra)
    pairs = [truth[name] for name in traits.ids], [record.text for record in records]
    words, letters = count_words(*pairs), count_characters(*pairs)
    found = {**measures(traits), "oracle: CER": -letters.errors / letters.length}
    rows = [row(name, values, traits["seconds"], words, letters) for name, values in found.items()]
    rows.sort(key=lambda cells: float(cells["correlation"]))
    total = [f"{100 * counts.errors.sum() / counts.length.sum():.1f}" for counts in (words, letters)]
    click.echo(f"{len(records)} labels, {traits['seconds'].sum() / 60:.1f} minutes, WER {total[0]}, CER {total[1]}\n")
    click.echo(render(rows, "markdown"))


if __name__ == "__main__":
    main()
