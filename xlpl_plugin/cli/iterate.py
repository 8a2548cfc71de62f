"""``xlpl iterate``."""

from __future__ import annotations

from pathlib import Path

import click

from xlpl_plugin.config import load_config
from xlpl_plugin.rounds.driver import describe, iterate
from xlpl_plugin.rounds.options import IterateConfig


@click.command("iterate")
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--dry-run", is_flag=True, help="Print the steps and the training commands; write nothing.")
@click.option("--force", is_flag=True, help="Accept a changed configuration: do again what the change touches.")
def command(config: Path, overrides: tuple[str, ...], dry_run: bool, force: bool) -> None:
    """Run rounds: the source AM labels the target's audio, a student learns from that and labels it, and so on.

    CONFIG is a YAML file. The same command goes on where an earlier one stopped. Each training is a
    fairseq-hydra-train command, printed and stored as round-K/training/command.txt. No key takes references: score
    afterwards, with 'xlpl score --run'.

    \b
    out: runs/it
    rounds: 3
    source: {checkpoint: runs/source/checkpoint_best.pt}   # or data: and training: to train it here
    target: {data: data/it, eval_splits: [test]}
    decoder: {lexicon: data/it/lexicon.txt, lm: data/it/lm.bin}
    student:
      config_dir: config
      config_name: student
      init: source
      mix: [data/en]
      mix_weights: [0.5]
    changes:
      - {round: 1, overrides: [optimization.max_update=2000]}

    \b
    xlpl iterate it.yaml --dry-run
    xlpl iterate it.yaml
    xlpl iterate it.yaml rounds=5 --force
    xlpl score --run runs/it --references data/it
    """
    options = load_config(IterateConfig, config, overrides)
    if dry_run:
        click.echo("\n".join(describe(options)))
    else:
        iterate(options, force=force)
