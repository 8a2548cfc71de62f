"""Where transcripts go: to the screen, beside their recordings, or into a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from xlpl_plugin.errors import XlplError
from xlpl_plugin.export.writers import NAMED, Writer
from xlpl_plugin.files import new_output, write_text
from xlpl_plugin.transcribing.sources import STDIN, AskedRecording, without_suffix
from xlpl_plugin.transcribing.transcript import Transcript

Put = Callable[[AskedRecording, Transcript], None]


def to_screen(writers: Mapping[str, Writer], recordings: Sequence[AskedRecording], echo: Callable[[str], None]) -> Put:
    """Return what prints transcripts; among several each has its name above it, where the form has none.

    Raises:
        XlplError: several forms.
    """
    if len(writers) != 1:
        raise XlplError(
            f"{len(writers)} formats for the screen",
            expected="one",
            remedy="add --beside or --out FOLDER, which make a file of each format",
        )
    [(form, write)] = writers.items()

    def put(recording: AskedRecording, transcript: Transcript) -> None:
        if len(recordings) > 1 and form not in NAMED:
            echo(f"==> {recording.name} <==\n")
        echo(write(transcript))

    return put


def to_files(
    writers: Mapping[str, Writer], recordings: Sequence[AskedRecording], out: Path | None, *, force: bool
) -> Put:
    """Return what writes transcripts below ``out``, or where that is None beside their recordings.

    Raises:
        XlplError: a file is there already (without ``force``), two recordings would share one, or standard input has
            no place beside it.
    """
    owners: dict[Path, str] = {}
    for recording in recordings:
        for form in writers:
            file = _file(recording, form, out)
            if file in owners:
                raise XlplError(
                    f"would be written for {owners[file]} and for {recording.name}",
                    file=file,
                    expected="recordings of different names",
                    remedy="transcribe them in two calls, with two --out folders",
                )
            owners[new_output(file, force=force)] = recording.name

    def put(recording: AskedRecording, transcript: Transcript) -> None:
        for form, write in writers.items():
            write_text(_file(recording, form, out), write(transcript), sync=False)

    return put


def _file(recording: AskedRecording, form: str, out: Path | None) -> Path:
    if out is None and recording.name == STDIN:
        raise XlplError("--beside standard input", expected="--out FOLDER, or the screen")
    stem = without_suffix(recording.file) if out is None else out / recording.place
    return stem.with_name(f"{stem.name}.{form}")
