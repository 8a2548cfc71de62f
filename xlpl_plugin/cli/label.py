"""``xlpl label``."""

from __future__ import annotations

from pathlib import Path

import click

from xlpl_plugin.config import load_config


@click.command("label")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--config", type=click.Path(path_type=Path), help="YAML file with any of the keys.")
@click.option("--shard", metavar="I/N", help="Do part I of N only; `xlpl labels merge` finishes.")
@click.option("--force", is_flag=True, help="Start over, whatever is in out.")
def command(overrides: tuple[str, ...], config: Path | None, shard: str | None, force: bool) -> None:
    """Write pseudo-labels for one split of a prepared folder.

    \b
    am            checkpoint of the acoustic model (any CTC model of fairseq)
    data, split   what to label; transcripts there are not read
    out           labels.jsonl (every id, with scores and the reason where not kept), and of those kept
                  {split}.tsv/.wrd/.ltr with dict.ltr.txt, ready for fairseq-hydra-train
    emissions     folder of log-probs, read if it is there, else computed once and kept
    decoder.*     lexicon, lm, lm_weight, word_score, blank_penalty, beam, beam_token, beam_threshold,
                  collapse_blank, nbest, log_add (without a lexicon: by letters if the lm is over letters,
                  greedy if there is none)
    filter.*      which labels are kept, and what each counts
    shard_size    utterances that are written together
    workers, device, max_seconds (of audio in a batch), window_seconds

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
