"""``xlpl transcribe``."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from xlpl_plugin.cli.declared import flags
from xlpl_plugin.schema import check_options
from xlpl_plugin.transcribing.transcribe_options import TranscribeOptions

if TYPE_CHECKING:
    from xlpl_plugin.export.placing import Put
    from xlpl_plugin.transcribing.recogniser import Recogniser
    from xlpl_plugin.transcribing.sources import AskedRecording


@click.command("transcribe")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("audio", nargs=-1, required=True)
@click.option(
    "-f",
    "--format",
    "forms",
    multiple=True,
    metavar="FORM",
    default=("txt",),
    show_default=True,
    help="txt, json, srt, vtt, ctm, TextGrid or eaf; may be given several times where files are written.",
)
@click.option("--beside", is_flag=True, help="Write x.txt beside x.wav, not to the screen.")
@click.option("--out", type=click.Path(path_type=Path), help="Write into this folder, not to the screen.")
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
@flags(TranscribeOptions, "device", "workers", "nbest")
def command(
    model: Path,
    audio: tuple[str, ...],
    forms: tuple[str, ...],
    beside: bool,
    out: Path | None,
    force: bool,
    **rest: Any,
) -> None:
    """Write what is said in recordings.

    MODEL is a run of `xlpl iterate`, whose best model, lexicon, LM and weights are taken, a bundle of `xlpl bundle`, or
    a checkpoint, which is decoded greedily. AUDIO are files of any form and length, folders with such files, or - for
    standard input. Recordings of more than 30 seconds are cut where they hold speech.

    A recording that cannot be read is named, and the others go on; the exit status is 1 then.

    \b
    xlpl transcribe runs/it interview.mp3
    xlpl transcribe runs/it recordings/ --out transcripts -f TextGrid -f json
    ffmpeg -i film.mkv -f wav - | xlpl transcribe runs/it - -f srt > film.srt
    """
    if beside and out:
        raise click.UsageError("--beside and --out are two places: give one of them")
    options = TranscribeOptions(**rest)
    check_options(options)
    from xlpl_plugin.export.placing import to_files, to_screen
    from xlpl_plugin.export.writers import writer
    from xlpl_plugin.transcribing.recogniser import load_recogniser
    from xlpl_plugin.transcribing.sources import find_sources

    with TemporaryDirectory(prefix="xlpl-") as folder:
        writers = {form: writer(form) for form in forms}
        recordings = find_sources(audio, sys.stdin.buffer, Path(folder))
        if beside or out:
            put = to_files(writers, recordings, out, force=force)
        else:
            put = to_screen(writers, recordings, partial(click.echo, nl=False))
        device, workers, nbest = options.device, options.workers, options.nbest or None
        with load_recogniser(model, device=device, workers=workers, nbest=nbest) as recogniser:
            failed = _transcribe(recogniser, recordings, put)
    sys.exit(1 if failed else 0)


def _transcribe(recogniser: Recogniser, recordings: Sequence[AskedRecording], put: Put) -> int:
    """Return how many recordings lack something."""
    from tqdm import tqdm

    failed, seconds, started = 0, 0.0, time.monotonic()
    stream = recogniser.stream(recording.file for recording in recordings)
    with tqdm(total=len(recordings), desc="transcribe", unit="recording", disable=sys.stdout.isatty()) as bar:
        for recording, transcript in zip(recordings, stream, strict=True):
            seconds += transcript.seconds
            if transcript.error:
                failed += 1
                bar.write(f"xlpl: {_named(transcript.error, recording)}", file=sys.stderr)
            if transcript.utterances or not transcript.error:
                put(recording, replace(transcript, name=recording.name))
            bar.update()
    spent = time.monotonic() - started
    factor = f": real-time factor {spent / seconds:.3f}" if seconds else ""
    lost = f", {failed} not, or not wholly, transcribed" if failed else ""
    counted = f"{len(recordings)} recording{'s' * (len(recordings) > 1)}"
    click.echo(f"{counted}{lost}, {seconds:.1f} s of audio in {spent:.1f} s{factor}", err=True)
    return failed


def _named(error: str, recording: AskedRecording) -> str:
    """Return an error that names the recording as the user knows it."""
    told = error.replace(str(recording.file), recording.name)
    return told if told.startswith(recording.name) else f"{recording.name}: {told}"
