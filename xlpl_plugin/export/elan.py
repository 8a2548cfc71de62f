"""ELAN's eaf, by pympi."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from tempfile import TemporaryDirectory

from xlpl_plugin.export.tiers import tiers
from xlpl_plugin.extras import optional_module
from xlpl_plugin.transcribing.transcript import Transcript


def eaf(transcript: Transcript) -> str:
    """Return an ELAN document with the tiers utterances, words and confidence; the recording is linked."""
    elan = optional_module("pympi.Elan", "linguistics", "--format eaf")
    document = elan.Eaf(author="xlpl")
    document.remove_tier("default")
    for name, intervals in tiers(transcript).items():
        document.add_tier(name)
        for row in intervals:
            document.add_annotation(name, row.start, row.end, row.text)
    if (recording := Path(transcript.name)).exists():
        kind = mimetypes.guess_type(recording.name)[0] or "audio/x-wav"
        document.add_linked_file(recording.absolute().as_uri(), relpath=f"./{recording.name}", mimetype=kind)
    with TemporaryDirectory(prefix="xlpl-") as folder:
        file = Path(folder) / "it.eaf"
        document.to_file(str(file))
        return file.read_text(encoding="utf-8")
