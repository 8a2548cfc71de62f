"""Write what a student learns from hypotheses drawn from the n best instead of from the best alone.

LABELS is a folder of `xlpl label ... decoder.nbest=10`. Each recording stands in OUT several times, every time with a
hypothesis drawn by its share of the n best: softmax of the scores over the temperature. So a student of as many updates
hears the same audio, at the same cost, and sees how sure the decoder is. Its training is any `fairseq-hydra-train` with
task.data=OUT.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from scipy.special import softmax  # type: ignore[import-untyped]

from xlpl_plugin.data.manifest import Manifest, read_manifest, write_manifest
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.labelling.records import LABELS_FILE, LabelRecord, iter_labels
from xlpl_plugin.text.spelling.lexicon import Lexicon, read_lexicon


def units_of(text: str, lexicon: Lexicon) -> str:
    """Spell a hypothesis that lacks its units; a word by the likeliest of its spellings."""
    return " ".join(" ".join(lexicon.spellings[word][0]) for word in text.split())


def drawn(
    manifest: Manifest, records: dict[str, LabelRecord], lexicon: Lexicon, draws: int, temperature: float
) -> Iterator[Utterance]:
    """Yield each utterance ``draws`` times: a row's id is told from the others' by a sample that its stretch lacks."""
    generator = np.random.default_rng(1)
    for utterance in manifest.utterances:
        record = records[utterance.id]
        texts, scores = zip((record.text, record.score), *record.alternatives, strict=True)
        shares = softmax(np.array(scores) / temperature)
        for number, choice in enumerate(generator.choice(len(texts), draws, p=shares)):
            units = utterance.units if choice == 0 else units_of(texts[choice], lexicon)
            stretch = (0, utterance.num_samples - number - 1)
            yield Utterance(utterance.path, utterance.num_samples, texts[choice], units, utterance.weight, stretch)


@click.command(help=__doc__)
@click.argument("labels", type=click.Path(path_type=Path))
@click.option("--lexicon", type=click.Path(path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--split", default="train", show_default=True)
@click.option("--draws", default=8, show_default=True)
@click.option("--temperature", default=1.0, show_default=True)
def main(labels: Path, lexicon: Path, out: Path, split: str, draws: int, temperature: float) -> None:
    manifest = read_manifest(labels, split)
    records = {record.id: record for record in iter_labels(labels / LABELS_FILE)}
    rows = list(drawn(manifest, records, read_lexicon(lexicon), draws, temperature))
    out.mkdir(parents=True)
    write_manifest(out, split, Manifest(manifest.root, rows))
    shutil.copy(labels / "dict.ltr.txt", out)
    best = sum(row.words == records[row.path.rpartition(".")[0]].text for row in rows)
    click.echo(f"{len(rows)} rows of {len(manifest.utterances)} recordings; {best / len(rows):.0%} have the best")


if __name__ == "__main__":
    main()
