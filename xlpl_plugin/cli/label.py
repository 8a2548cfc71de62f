"""``xlpl label``."""

from __future__ import annotations

from pathlib import Path

import click

from xlpl_plugin.config import load_config


@click.command("label")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--config", type=click.Path(path_type=Path), help="YAML file with any of the keys.")
@click.option("--force", is_flag=True, help="Overwrite the labels in out.")
def command(overrides: tuple[str, ...], config: Path | None, force: bool) -> None:
    """Write pseudo-labels for one split of a prepared folder.

    \b
    am            checkpoint of the acoustic model (any CTC model of fairseq)
    data, split   what to label; transcripts there are not read
    out           labels.jsonl (every id, with scores and the reason where not kept), and of those kept
                  {split}.tsv/.wrd/.ltr with dict.ltr.txt, ready for fairseq-hydra-train
    emissions     folder of log-probs, read if it is there, else computed once and kept
    decoder.*     lexicon, lm, lm_weight, word_score, beam, beam_token, beam_threshold, nbest, log_add
                  (without a lexicon: greedy)
    filter.*      min_agreement, drop_least_confident, min_letters_per_second, min_letters,
                  student_frame_seconds
    workers, device, max_seconds (of audio in a batch)

    Find decoder.lm_weight and decoder.word_score with `xlpl tune`.

    \b
    xlpl label am=runs/source/checkpoint_best.pt data=data/it split=train out=labels/it workers=2 \\
        decoder.lexicon=data/it/lexicon.txt decoder.lm=data/it/lm.bin decoder.lm_weight=2.5
    """
    from xlpl_plugin.cli.labelling import describe_labels
    from xlpl_plugin.labels.generator import LabelConfig, label

    click.echo(describe_labels(label(load_config(LabelConfig, config, overrides), force=force)))
