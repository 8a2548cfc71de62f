"""``xlpl tune``."""

from __future__ import annotations

from pathlib import Path

import click

from xlpl_plugin.cli.keys import KeyedCommand
from xlpl_plugin.config import load_config


def _schema() -> type:
    from xlpl_plugin.tuning.tune import TuneConfig

    return TuneConfig


@click.command("tune", cls=KeyedCommand, schema=_schema)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--config", type=click.Path(path_type=Path), help="YAML file with any of the keys.")
@click.option("--show", default=12, show_default=True, help="Trials to print, the best first.")
@click.option(
    "--oracle",
    type=click.Path(path_type=Path),
    metavar="REFERENCES",
    help="Prepared folder with the transcripts: choose by word error rate instead, as a yardstick.",
)
@click.option("--force", is_flag=True, help="Overwrite tune.json (or oracle.json) in out.")
def command(overrides: tuple[str, ...], config: Path | None, show: int, oracle: Path | None, force: bool) -> None:
    """Choose the decoder's weights and beam without a single label; write out/tune.json and a picture, tune.png.

    A sample of the split is decoded with many weights (a small beam suffices): trials spread over the ranges, then
    some where the best of these lie. Each is judged by how far its text is from the acoustic model's greedy output
    (UER) and by how likely a language model finds it. That greedy output is first made as long as the model expects,
    by a penalty of the blank, so this tuning score is not the label-free score of a round in `xlpl iterate`:

    \b
    edits_and_lm   UER + LM nats a letter / 4 (default; nearest to the oracle on average)
    wav2vec_u      ln(LM perplexity a word) * UER
    lm_per_letter  LM nats a letter * UER
    channel        LM nats and nats of the greedy output as a noisy copy, a letter

    Where search.text is given, words longer or shorter than the text's make a trial worse (search.word_length).

    The choice is the mean of the trials near the best, since the best itself is an accident of the sample. The
    scoring LM is the decoder's own (one over letters chose worse on average); search.scoring_lm names another. Guards
    refuse weights that leave speech out, whatever the criterion says.

    Then the sample is decoded with each of search.beams below decoder.beam; the smallest whose words are nearly
    those of decoder.beam is chosen. search.beams=[] keeps decoder.beam.

    At the end the sample is decoded once more, and twice spliced at random, which leaves no words: the difference of
    the scores, in nats a unit, is the evidence that the model hears the language at all (`xlpl rank --help`).

    Without decoder.lexicon, decoder.lm is over units, and there is no word score to search.

    With --oracle the same trials are ranked by word error rate against references, into out/oracle.json: how good
    could a choice be? `xlpl iterate` cannot do that. If out holds a tune.json, its choice is compared.

    \b
    xlpl tune am=runs/source/checkpoint_best.pt data=data/it emissions=runs/it/em out=runs/it/tune workers=2 \\
        decoder.lexicon=data/it/lexicon.txt decoder.lm=data/it/lm.bin
    """
    from xlpl_plugin.cli.describe_tuning import describe_oracle, describe_tuning
    from xlpl_plugin.evaluation.oracle import PICTURE_FILE as ORACLE_PICTURE
    from xlpl_plugin.evaluation.oracle import tune_oracle
    from xlpl_plugin.tuning.tune import PICTURE_FILE, TuneConfig, tune

    settings = load_config(TuneConfig, config, overrides)
    if oracle is None:
        tuning = tune(settings, force=force)
        click.echo(f"picture: {Path(settings.out) / PICTURE_FILE}\n{describe_tuning(tuning, show)}")
    else:
        result = tune_oracle(settings, oracle, force=force)
        click.echo(f"picture: {Path(settings.out) / ORACLE_PICTURE}\n{describe_oracle(result, show)}")
