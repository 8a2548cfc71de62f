"""``xlpl start``."""

from __future__ import annotations

from pathlib import Path

import click

from xlpl_plugin.text.spelling.speller import SPELLERS


@click.command("start")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--language", required=True, help="ISO 639 code or name of the target language.")
@click.option(
    "--audio", required=True, type=click.Path(path_type=Path), help="Its recordings: a folder, or any corpus."
)
@click.option("--text", required=True, multiple=True, type=click.Path(path_type=Path),
              help="Text in it: files or folders; may be repeated.")  # fmt: skip
@click.option("--source", "sources", multiple=True, type=click.Path(path_type=Path),
              help="Labelled prepared folder of another language; may be repeated.")  # fmt: skip
@click.option("--source-model", type=click.Path(path_type=Path), help="A trained source AM, in place of training one.")
@click.option("--references", type=click.Path(path_type=Path),
              help="Some of its recordings with transcripts (a table, any corpus), to score with.")  # fmt: skip
@click.option("--speller", type=click.Choice(SPELLERS), default="unidecode", show_default=True,
              help="How words become units; as the sources were prepared.")  # fmt: skip
@click.option("--rules", type=click.Path(path_type=Path), help="Normaliser rules of your own (YAML).")
def command(
    run: Path,
    language: str,
    audio: Path,
    text: tuple[Path, ...],
    sources: tuple[Path, ...],
    source_model: Path | None,
    references: Path | None,
    speller: str,
    rules: Path | None,
) -> None:
    """Prepare everything for a run of rounds in the folder RUN, and write RUN/run.yaml for `xlpl iterate`.

    Recordings become manifests (long ones are cut where nobody speaks), text becomes a lexicon and two LMs, and model
    and trainings get sizes that suit the hours of audio and this machine; the reasons are printed and stand in
    run.yaml. What is there already stays: the same command goes on where it stopped. Transcripts of AUDIO are not read.

    \b
    Example:
      xlpl start runs/sw --language sw --audio recordings/ --text books/ --source data/en --source data/es
    """
    from xlpl_plugin.start.inputs import Inputs
    from xlpl_plugin.start.prepare_run import prepare_run

    inputs = Inputs(language, audio, text, sources, source_model, references, speller, rules)
    file = prepare_run(run, inputs, click.echo)
    rounds = run / "rounds"
    click.echo(f"\nNext:\n  xlpl iterate {file} --dry-run   # steps, and the hours that they take here")
    click.echo(f"  xlpl iterate {file}\n  xlpl report {rounds}")
    if references is not None:
        click.echo(f"  xlpl score --run {rounds} --references {run / 'data' / 'references'}")
