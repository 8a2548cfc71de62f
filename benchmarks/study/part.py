"""Parts of a prepared folder, a text or a word list, drawn at random; and a unigram LM, which KenLM lacks."""

from __future__ import annotations

import itertools
import math
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click
from unigrams import write_unigrams

from xlpl_plugin.data.corpora.synthetic import phrases as draw_phrases
from xlpl_plugin.data.manifest import Manifest, read_manifest, write_manifest
from xlpl_plugin.data.summary import REPORT, PrepareReport, part_report
from xlpl_plugin.data.utterances import UtteranceColumns
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import copy_file, iter_lines, new_output, write_lines
from xlpl_plugin.text.spelling.lexicon import count_words, rank_words

PATH = click.Path(path_type=Path)
TRAIN, UNITS = "train", "dict.ltr.txt"


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command()
@click.argument("data", type=PATH)
@click.option("--minutes", type=float, default=0.0, help="Of the train part; 0: as --share says.")
@click.option("--share", type=float, default=1.0)
@click.option("--seed", default=1, show_default=True)
@click.option("--out", type=PATH, required=True)
def audio(data: Path, minutes: float, share: float, seed: int, out: Path) -> None:
    """Write a prepared folder with a part of DATA's train part; the other parts are whole.

    With one seed a smaller part is within a larger one. The audio stays where it is.
    """
    whole = read_manifest(data, TRAIN)
    rows = draw_rows([one.seconds for one in whole.utterances], 60 * minutes or share * whole.seconds, seed)
    manifests = {TRAIN: Manifest(whole.root, UtteranceColumns.of(whole.utterances).take(rows))}
    for file in sorted(data.glob("*.tsv")):
        manifests.setdefault(file.stem, read_manifest(data, file.stem))
    for split, manifest in manifests.items():
        write_manifest(out, split, manifest)
    copy_file(data / UNITS, out / UNITS)
    report = PrepareReport.read(data / REPORT)
    sizes = (part_report(split, manifest) for split, manifest in manifests.items())
    replace(report, parts=tuple(sizes)).write(out / REPORT)


def draw_rows(seconds: Sequence[float], wanted: float, seed: int) -> list[int]:
    """Return rows, in their order, of so many seconds: as many as come nearest to it.

    Raises:
        XlplError: there are not so many.
    """
    if wanted > sum(seconds) + 30:
        raise XlplError(f"{wanted / 60:.1f} minutes of {sum(seconds) / 60:.1f}", expected="no more than there is")
    order = list(range(len(seconds)))
    random.Random(f"part {seed}").shuffle(order)
    total, taken = 0.0, list[int]()
    for row in order:
        if taken and abs(total + seconds[row] - wanted) > abs(total - wanted):
            break
        taken.append(row)
        total += seconds[row]
    return sorted(taken)


@main.command()
@click.argument("text", type=PATH)
@click.option("--lines", "number", type=int, required=True)
@click.option("--words", type=(int, int), default=(1, 1_000_000), help="Least and most words of a line.")
@click.option("--seed", default=1, show_default=True)
@click.option("--out", type=PATH, required=True)
def lines(text: Path, number: int, words: tuple[int, int], seed: int, out: Path) -> None:
    """Write so many lines of TEXT, in their order; with one seed fewer lines are within more."""
    least, most = words
    whole = [line for line in iter_lines(text) if least <= len(line.split()) <= most]
    if number > len(whole):
        raise XlplError(f"{number} lines of {len(whole)}", file=text, expected="no more than there are")
    order = list(range(len(whole)))
    random.Random(f"lines {seed}").shuffle(order)
    write_lines(new_output(out), (whole[row] for row in sorted(order[:number])))


@main.command()
@click.argument("language")
@click.option("--lines", "number", type=int, required=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--out", type=PATH, required=True)
def phrases(language: str, number: int, seed: int, out: Path) -> None:
    """Write so many phrases of the frequent words of LANGUAGE."""
    write_lines(new_output(out), itertools.islice(draw_phrases(language, seed), number))


@main.command()
@click.argument("texts", type=PATH, nargs=-1, required=True)
@click.option("--vocabulary", type=int, default=0, help="The commonest words alone; 0: all.")
@click.option("--out", type=PATH, required=True)
def unigrams(texts: Sequence[Path], vocabulary: int, out: Path) -> None:
    """Write the relative frequencies of the words of TEXTS as an n-gram model that looks at one word alone."""
    counts = count_words(_all_lines(texts))
    words = rank_words(counts, max_words=vocabulary or None)
    total = sum(counts[word] for word in words)
    write_unigrams(new_output(out), {word: math.log10(counts[word] / total) for word in words})


def _all_lines(texts: Iterable[Path]) -> Iterator[str]:
    for text in texts:
        yield from iter_lines(text)


if __name__ == "__main__":
    try:
        main()
    except XlplError as error:
        sys.exit(str(error))
