"""What pruning saves and costs: CPU time inside the search, error rate and changed texts, for many settings at once.

All settings decode each utterance in turn within one process, over one trie and LM, so that other work on the machine
slows all of them alike; what counts are ratios of CPU time. The first row is the search that nothing is cut from but
by the beam: all units tried, torchaudio's threshold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import click
from machine import about

from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.decoding import DecoderConfig
from xlpl_plugin.decoding.beam import BeamDecoder
from xlpl_plugin.decoding.trie import build_search_space
from xlpl_plugin.emissions.compute import Emissions
from xlpl_plugin.evaluation.counting import count_words
from xlpl_plugin.files import write_json
from xlpl_plugin.text.spelling.lexicon import read_lexicon
from xlpl_plugin.text_table import render

TOKENS, THRESHOLDS = (5, 8, 10, 15, 32), (8.0, 12.0, 15.0, 20.0, 25.0, 50.0)
BEAMS, COLLAPSES = (50, 100, 200), (0.9, 0.99, 0.999)
UNPRUNED: dict[str, Any] = {"beam_token": 1000, "beam_threshold": 50.0}


@dataclass
class Row:
    """One setting: what it changes, and what came of it."""

    options: dict[str, Any]
    seconds: float = 0.0
    texts: list[str] = field(default_factory=list)

    def summary(self, base: Row, references: list[str]) -> dict[str, Any]:
        """Return the figures; times and texts are compared with ``base``."""
        counts = count_words(references, self.texts)
        return {
            **self.options,
            "relative_time": round(self.seconds / base.seconds, 3),
            "changed_texts": sum(mine != other for mine, other in zip(self.texts, base.texts, strict=True)),
            "wer": round(100 * float(counts.errors.sum() / counts.length.sum()), 2),
        }


def settings(tokens: tuple[int, ...], thresholds: tuple[float, ...]) -> Iterator[dict[str, Any]]:
    """Yield the unpruned search, a grid of tokens and thresholds, and beams and collapsed blanks at the defaults."""
    yield UNPRUNED
    for token, threshold in product(tokens, thresholds):
        yield {"beam_token": token, "beam_threshold": threshold}
    given = {"beam_token": DecoderConfig.beam_token, "beam_threshold": DecoderConfig.beam_threshold}
    for beam in BEAMS:
        yield {**given, "beam": beam}
    for collapse_blank in COLLAPSES:
        yield {**given, "collapse_blank": collapse_blank}


@click.command()
@click.option("--emissions", required=True, type=click.Path(path_type=Path), help="Folder of stored log-probs.")
@click.option("--references", required=True, type=click.Path(path_type=Path), help="Prepared folder with the .wrd.")
@click.option("--split", default="test", show_default=True)
@click.option("--lexicon", required=True)
@click.option("--lm", required=True)
@click.option("--lm-weight", type=float, required=True, help="Of this acoustic model: see its tune.json.")
@click.option("--word-score", type=float, required=True)
@click.option("--blank-penalty", type=float, required=True)
@click.option("--beam", default=500, show_default=True)
@click.option("--tokens", multiple=True, type=int, default=TOKENS, show_default=True, help="Values of beam_token.")
@click.option("--thresholds", multiple=True, type=float, default=THRESHOLDS, show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), help="Also write the table here.")
def main(
    emissions: Path, references: Path, split: str, tokens: tuple[int, ...], thresholds: tuple[float, ...],
    out: Path | None, **options: Any,
) -> None:  # fmt: skip
    """Measure what pruning saves and costs on stored log-probs of one split."""
    machine = about()
    click.echo("\n".join(f"{name}: {value}" for name, value in machine.items()))
    config = DecoderConfig(**options)
    stored = Emissions(emissions)
    space = build_search_space(read_lexicon(config.lexicon, stored.units).entries(), stored.units, config.lm)
    rows = [Row({"beam": config.beam, "collapse_blank": 1.0} | options) for options in settings(tokens, thresholds)]
    decoders = [BeamDecoder(replace(config, **row.options), stored.units, space) for row in rows]
    texts = []
    for emission in stored.stream(read_manifest(references, split)):
        texts.append(emission.utterance.words or "")
        for row, decoder in zip(rows, decoders, strict=True):
            heard = decoder.decode(emission.log_probs)[0].words if len(emission.log_probs) else ()
            row.texts.append(" ".join(heard))
    for row, decoder in zip(rows, decoders, strict=True):
        row.seconds = decoder.search_seconds
    table = [row.summary(rows[0], texts) for row in rows]
    columns = {column: None for line in table for column in line}
    click.echo(render([{column: str(line.get(column, "")) for column in columns} for line in table]))
    if out:
        write_json(
            out, {"machine": machine, "config": asdict(config), "search_seconds": rows[0].seconds, "rows": table}
        )


if __name__ == "__main__":
    main()
