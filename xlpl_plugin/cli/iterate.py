"""``xlpl iterate``."""

from __future__ import annotations

from pathlib import Path

import click

from xlpl_plugin.cli.keys import KeyedCommand, describe_keys
from xlpl_plugin.config import load_config
from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.stage import Stage


def _stage(context: click.Context, option: click.Parameter, value: str | None) -> Stage | None:
    """Read the number of a round, or the word for the phase after them."""
    return None if value is None else Stage.parse(value)


def _print_keys(context: click.Context, option: click.Parameter, value: str | None) -> None:
    """Print the keys of a group, or all of them, and end."""
    if value:
        click.echo(describe_keys(IterateConfig, "" if value == "all" else value))
        context.exit()


@click.command("iterate", cls=KeyedCommand, schema=lambda: IterateConfig, nested=False)
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--dry-run", is_flag=True, help="Print rounds, steps, commands and the hours they need; run nothing.")
@click.option("--no-probe", is_flag=True, help="With --dry-run: do not time a few updates of each kind of training.")
@click.option(
    "--from-round",
    callback=_stage,
    metavar="K",
    help="Do round K, all later ones and the continuous phase again; 'continuous': that phase alone.",
)
@click.option(
    "--until-round",
    callback=_stage,
    metavar="K",
    help="End after round K, before the continuous phase too; without it a later call goes on.",
)
@click.option(
    "--keys",
    is_flag=False,
    flag_value="all",
    is_eager=True,
    expose_value=False,
    callback=_print_keys,
    metavar="[GROUP]",
    help="Print every key with its default and what it means, or those of a GROUP such as decoder.",
)
@click.option("--force", is_flag=True, help="Accept a changed configuration: do again what the change touches.")
def command(
    config: Path,
    overrides: tuple[str, ...],
    dry_run: bool,
    no_probe: bool,
    from_round: Stage | None,
    until_round: Stage | None,
    force: bool,
) -> None:
    """Run rounds: the source AM labels the target's audio, a student learns from that and labels it, and so on.

    CONFIG is a YAML file. The same command goes on where an earlier one stopped or was killed. Each training is a
    fairseq-hydra-train command, printed and stored as round-K/training/command.txt; typed by hand it gives the same
    model. No key takes references: score afterwards, with 'xlpl score --run'. A run that has ended goes on where
    rounds is raised, and may learn from a person's corrections from then on; nothing that is done is done again.

    After each round result.json in the run directory names the round whose labels look best, and its model. The run
    ends early when labels hardly change any more or look worse (stop.*). The model of the continuous phase is named
    instead only where its labels look better. Look at it with 'xlpl report'.

    \b
    out: runs/it
    rounds: 3
    source: {checkpoint: runs/source/checkpoint_best.pt}   # or data: and training: to train it here
    target: {data: data/it, eval_splits: [test]}
    decoder: {lexicon: data/it/lexicon.txt, lm: data/it/lm.bin}
    student:
      config_name: train
      init: source            # or previous, scratch
      checkpoint: last        # the next teacher: or best, average, ema, label_free
      max_update: 4000
      lr: 0.0005
      mix: [data/en]          # labelled speech of the source, half of it in each epoch
      mix_weights: [0.5]
    changes:                  # exceptions for single rounds
      - {round: 1, max_update: 2000, tune: false, share: 0.5}
    corrections:              # transcripts by a person ('xlpl pick'), in place of labels from that round on
      - {file: corrected.tsv, from_round: 4}
    continuous:               # after the rounds the best model goes on, labelling batches as it trains
      enabled: true
      max_update: 2000
      lr: 0.0002
    launcher: {kind: torchrun, processes: 4}   # or local, slurm
    labelling: {executor: slurm, parts: 16}    # emissions and labels as arrays of jobs

    \b
    xlpl iterate --keys student
    xlpl iterate it.yaml --dry-run
    xlpl iterate it.yaml
    xlpl iterate it.yaml rounds=5
    xlpl iterate it.yaml --from-round 3
    xlpl score --run runs/it --references data/it-references --json runs/it/score.json
    xlpl report runs/it
    """
    options = load_config(IterateConfig, config, overrides)
    if dry_run:
        from xlpl_plugin.run.dry_run.preview import describe

        click.echo(describe(options, probe=not no_probe))
    else:
        from xlpl_plugin.run.driver import iterate

        iterate(options, force=force, from_stage=from_round, until_stage=until_round)
