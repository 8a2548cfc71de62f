"""``xlpl import huggingface``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("huggingface")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Checkpoint to write.")
@click.option("--adapter", metavar="LANGUAGE|FILE", help="The adapter to use, of a model with one for each language.")
@click.option("--encoder", is_flag=True, help="Leave out the output layer of a model for CTC, to train another.")
@click.option("--force", is_flag=True, help="Overwrite an earlier checkpoint.")
def command(folder: Path, out: Path, adapter: str | None, encoder: bool, force: bool) -> None:
    """Write the wav2vec 2.0 in FOLDER, as transformers keeps it, as a checkpoint of fairseq.

    FOLDER holds config.json, model.safetensors (or its parts with their index, or pytorch_model.bin),
    preprocessor_config.json and, for a model fine-tuned for CTC, vocab.json. Such a model is an acoustic model for
    every verb; another is an encoder to fine-tune: model=wav2vec_ctc model.w2v_path=OUT. Nothing is downloaded.

    A model with adapters (mms-1b-all) also needs the file of the language, adapter.LANGUAGE.safetensors or .bin.

    \b
    Example:
      xlpl import huggingface models/wav2vec2-large-xlsr-53-italian --out it.pt
      xlpl label am=it.pt data=data/it split=train out=labels/it
      xlpl import huggingface models/mms-1b-all --adapter swh --out sw.pt
    """
    from xlpl_plugin.models.huggingface.importing import import_huggingface
    from xlpl_plugin.text.symbols import SPECIAL_SYMBOLS

    model = import_huggingface(folder, out, adapter=adapter, encoder_only=encoder, force=force)
    for note in model.notes:
        click.echo(note)
    if model.units:
        units = model.units[len(SPECIAL_SYMBOLS) :]
        click.echo(f"{out}: an acoustic model with {len(units)} units: {' '.join(units)}")
    else:
        click.echo(f"{out}: an encoder; model=wav2vec_ctc model.w2v_path={out} {model.training}")
