"""Write log-probs whose units are as frequent as in text: a source AM hears its own languages' shares of units.

EMISSIONS holds a folder of log-probs for each split, as `round-0/emissions` of a run does. How often the AM hears each
unit is counted over `train`, how often the target has it over the text, as the lexicon spells it. The log of the ratio,
times the strength, is added to the unit's log-probs, but not to the blank's and the word boundary's. No label is read.
OUT/SPLIT are emissions for `xlpl tune`, `xlpl label` and `xlpl score`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from scipy.special import log_softmax  # type: ignore[import-untyped]

from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.data.units import BLANK_INDEX, WORD_BOUNDARY
from xlpl_plugin.decoding import LogProbs
from xlpl_plugin.emissions.stored import SUFFIX, EmissionFacts, Emissions, write_shard
from xlpl_plugin.files import iter_lines
from xlpl_plugin.monitoring.unit_histograms import Histogram, text_histogram
from xlpl_plugin.shards.store import ShardStore, divide
from xlpl_plugin.text.spelling.lexicon import count_words, read_lexicon
from xlpl_plugin.text.spelling.respelling import fit_lexicon

# share below which a unit counts as never heard: what neither has is left as it is
_LEAST = 1e-4


def shifts(heard: Emissions, text: Histogram) -> LogProbs:
    """Return for each unit the log of its share in text over its share in what was heard; 0 for blank and boundary."""
    sums = sum(np.exp(log_probs).sum(axis=0) for log_probs in heard)
    counts = np.array([text.get(unit, 0) for unit in heard.units], np.float64)
    rest = np.array([unit != WORD_BOUNDARY for unit in heard.units])
    rest[BLANK_INDEX] = False
    shares = [np.maximum(each / each[rest].sum(), _LEAST) for each in (counts, sums)]
    return np.where(rest, np.log(shares[0] / shares[1]), 0)


def write_moved(split: Path, out: Path, shift: LogProbs) -> None:
    stored, source = Emissions(split), ShardStore.existing(split, EmissionFacts, suffix=SUFFIX)
    manifest = read_manifest(source.facts.data, source.settings["split"], labels=False)
    shards = divide(manifest.utterances, source.settings["shard_size"])
    settings = {**source.settings, "shifts": [round(float(value), 6) for value in shift]}
    target = ShardStore.open(out, settings, len(shards), source.facts, suffix=SUFFIX)
    for number, utterances in enumerate(shards):
        stream = stored.stream_shards(manifest.root, [utterances])
        moved = (emission._replace(log_probs=log_softmax(emission.log_probs + shift, axis=1)) for emission in stream)
        write_shard(target, number, moved, len(utterances))


def told(units: Sequence[str], shift: LogProbs) -> str:
    order = np.argsort(shift)
    return " ".join(f"{units[row]} {shift[row]:+.2f}" for row in order if shift[row])


@click.command(help=__doc__)
@click.argument("emissions", type=click.Path(path_type=Path))
@click.option("--lexicon", type=click.Path(path_type=Path), required=True)
@click.option("--text", type=click.Path(path_type=Path), required=True, help="as `xlpl prepare text` wrote it")
@click.option("--strength", default=0.6, show_default=True, help="0: as they are; 1: as frequent as in text")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(emissions: Path, lexicon: Path, text: Path, strength: float, out: Path) -> None:
    heard = Emissions(emissions / "train")
    fitted = fit_lexicon(read_lexicon(lexicon), heard.units).lexicon
    shift = strength * shifts(heard, text_histogram(count_words(iter_lines(text), fitted.spellings), fitted))
    for split in sorted(folder for folder in emissions.iterdir() if folder.is_dir()):
        write_moved(split, out / split.name, shift)
    click.echo(told(heard.units, shift))


if __name__ == "__main__":
    main()
