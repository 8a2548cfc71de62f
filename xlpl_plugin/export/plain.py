"""Text, JSON and NIST's CTM."""

from __future__ import annotations

import json
from dataclasses import asdict

from xlpl_plugin.labelling.join_pieces import ctm_line
from xlpl_plugin.transcribing.transcript import Transcript


def text(transcript: Transcript) -> str:
    """Return a line for each piece in which something is said."""
    return "".join(f"{piece.text}\n" for piece in transcript.utterances if piece.text)


def as_json(transcript: Transcript) -> str:
    """Return all that the transcript holds; a line, so that those of several recordings are JSON lines."""
    return (
        json.dumps({"name": transcript.name, "text": transcript.text, **asdict(transcript)}, ensure_ascii=False) + "\n"
    )


def ctm(transcript: Transcript) -> str:
    """Return a line for each word: recording channel start duration word confidence."""
    return "".join(f"{ctm_line(transcript.name, word)}\n" for word in transcript.words)
