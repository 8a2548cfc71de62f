"""``xlpl label``."""

from __future__ import annotations

from pathlib import Path

import click

from xlpl_plugin.cli.keys import KeyedCommand
from xlpl_plugin.config import load_config


def _schema() -> type:
    from xlpl_plugin.labelling.label_split import LabelConfig

    return LabelConfig


@click.command("label", cls=KeyedCommand, schema=_schema)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--config", type=click.Path(path_type=Path), help="YAML file with any of the keys.")
@click.option("--shard", metavar="I/N", help="Do part I of N only; `xlpl labels merge` finishes.")
@click.option("--force", is_flag=True, help="Start over, whatever is in out.")
def command(overrides: tuple[str, ...], config: Path | None, shard: str | None, force: bool) -> None:
    """Write pseudo-labels for one split of a prepared folder.

    The acoustic model is any CTC model of fairseq. Its log-probs are decoded with lexicon and LM; without a lexicon
    by letters if the LM is over letters, greedily if there is none. Into out go labels.jsonl (every id, with scores,
    and the reason where it is not kept), and of the labels kept {split}.tsv/.wrd/.ltr with dict.ltr.txt, ready for
    fairseq-hydra-train. Transcripts beside data are not read.

    A run that was killed goes on with the same command; out/shards holds what is done, out/provenance.json the
    options and hashes that made it. Other options are refused there, other filters are not: they are applied
    to what was decoded. Find decoder.lm_weight and decoder.word_score with `xlpl tune`.

    \b
    xlpl label am=runs/source/checkpoint_best.pt data=data/it split=train out=labels/it workers=2 \\
        decoder.lexicon=data/it/lexicon.txt decoder.lm=data/it/lm.bin decoder.lm_weight=2.5

    With several machines, each does a part: --shard 1/8 on the first, --shard 2/8 on the second, into one folder on
    a shared disk or each into its own. Do not run one part twice at a time.
    """
    from xlpl_plugin.cli.describe_labels import describe_labels, describe_part
    from xlpl_plugin.labelling.label_split import LabelConfig, label, label_part
    from xlpl_plugin.shards.store import Part

    options = load_config(LabelConfig, config, overrides)
    if shard is None:
        click.echo(describe_labels(label(options, force=force)))
        return
    if force:
        raise click.UsageError("--force with --shard would throw away the other parts; remove the folder yourself")
    part = Part.parse(shard)
    click.echo(describe_part(label_part(options, part), part, options.out))
