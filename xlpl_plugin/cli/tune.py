"""``xlpl tune``."""

from __future__ import annotations

from pathlib import Path

import click

from xlpl_plugin.config import load_config


@click.command("tune")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--config", type=click.Path(path_type=Path), help="YAML file with any of the keys.")
@click.option("--show", default=12, show_default=True, help="Trials to print, the best first.")
@click.option("--force", is_flag=True, help="Overwrite tune.json in out.")
def command(overrides: tuple[str, ...], config: Path | None, show: int, force: bool) -> None:
    """Choose decoder.lm_weight and decoder.word_score without a single label; write out/tune.json.

    A sample of the split is decoded with many pairs of weights (a small beam suffices). Each pair is judged by how
    far its text is from the acoustic model's greedy output (UER) and by how likely a language model finds it:

    \b
    edits_and_lm   UER + LM nats a letter / 4 (default; did best on weak acoustic models)
    wav2vec_u      ln(LM perplexity a word) * UER
    lm_per_letter  LM nats a letter * UER
    channel        LM nats and nats of the greedy output as a noisy copy, a letter

    The judging LM should not be the decoder's own, which a large weight deceives: give one over letters
    (search.judge=.../letters/lm.bin search.judge_level=units; `xlpl lm` builds it). Guards refuse
    weights that leave speech out, whatever the criterion says.

    \b
    am, data, split, emissions, workers, device, max_seconds, decoder.*   as for `xlpl label`
    search.*   criterion, sample, trials, local_trials, lm_weight, word_score, beam, judge, judge_level,
               text, letters_ratio, max_empty, max_word_length_ratio, seed

    \b
    xlpl tune am=runs/source/checkpoint_best.pt data=data/it emissions=runs/it/em out=runs/it/tune workers=2 \\
        decoder.lexicon=data/it/lexicon.txt decoder.lm=data/it/lm.bin
    """
    from xlpl_plugin.cli.labelling import describe_tuning
    from xlpl_plugin.labels.tuning import TuneConfig, tune

    click.echo(describe_tuning(tune(load_config(TuneConfig, config, overrides), force=force), show))
