"""``xlpl rank``."""

from __future__ import annotations

from pathlib import Path

import click

from xlpl_plugin.cli.keys import KeyedCommand
from xlpl_plugin.config import load_config


def _schema() -> type:
    from xlpl_plugin.tuning.rank_sources import RankConfig

    return RankConfig


@click.command("rank", cls=KeyedCommand, schema=_schema)
@click.argument("words", nargs=-1, metavar="[AM]... [KEY=VALUE]...")
@click.option("--config", type=click.Path(path_type=Path), help="YAML file with any of the keys.")
@click.option("--force", is_flag=True, help="Start over, whatever is in out.")
def command(words: tuple[str, ...], config: Path | None, force: bool) -> None:
    """Rank acoustic models by how well they recognise a target language, without a single label.

    AM are checkpoints, named by what differs in their paths; ams.NAME=CHECKPOINT names one yourself. Each is tuned on
    a sample of the target's audio (`xlpl tune --help`), into out/NAME; then the sample is decoded as it is, and again
    cut at the units and spliced at random, which leaves sounds and pairs of sounds but no words.

    \b
    evidence   by how many nats a unit the decoder's score of the audio is better than of the spliced one, with its
               standard error; 0: no better than spliced audio. It ranks the models.
    go         0.35 or more: start rounds from the first in the table
    doubtful   between: look at labels first; more source languages, or training, will pay more than rounds
    no         less than 0.15, or less than two standard errors, or a single word is over a quarter of all:
               rounds would teach noise

    It is meant for source AMs. A student of pseudo-labels has evidence from its labels, true or not.

    The tuning score stands in the table, but does not rank: a model that babbles can do better by it than one
    that hears. Differences of less than two standard errors decide nothing; these are 0.08 on average with 60
    utterances, 0.06 with 150.

    Models may have other units than the lexicon, and than each other: another script, other letters, pieces. Words are
    then spelled in each model's units, by sound; out/NAME/respelled-lexicon.txt is that lexicon, and
    out/NAME/unspelled-words.txt names what the units cannot write. Evidence is counted in units of the lexicon given.
    Do not compare letters with pieces by it, which come out too low; nor tuning scores and units/s of unlike units.

    A model that was ranked is not tuned again: the same command goes on where it was stopped. out/rank.json holds the
    table.

    \b
    xlpl rank runs/en/checkpoint_best.pt runs/es/checkpoint_best.pt data=data/it out=runs/rank-it workers=2 \\
        decoder.lexicon=data/it-text/lexicon.txt decoder.lm=data/it-text/lm/lm.bin search.text=data/it-text/text.txt
    """
    from xlpl_plugin.cli.describe_tuning import describe_ranking
    from xlpl_plugin.tuning.rank_sources import RANK_FILE, RankConfig, names_of, rank

    settings = load_config(RankConfig, config, [word for word in words if "=" in word])
    settings.ams = {**settings.ams, **names_of([word for word in words if "=" not in word])}
    click.echo(describe_ranking(rank(settings, force=force)))
    click.echo(f"\nwritten: {Path(settings.out) / RANK_FILE}, and the weights of each: {settings.out}/NAME/tune.json")
