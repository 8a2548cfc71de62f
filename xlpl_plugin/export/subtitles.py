"""SubRip and WebVTT, by pysubs2: words as they fit on a screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xlpl_plugin.extras import optional_module
from xlpl_plugin.transcribing.transcript import Transcript, Word

# what is usual: two lines of 42 letters, seconds that one subtitle stands, and a pause after which a new one begins
_LETTERS, _LONGEST, _PAUSE = 84, 6.0, 1.0


def srt(transcript: Transcript) -> str:
    return _written(transcript, "srt")


def vtt(transcript: Transcript) -> str:
    return _written(transcript, "vtt")


def _written(transcript: Transcript, form: str) -> str:
    pysubs2 = optional_module("pysubs2", "linguistics", f"--format {form}")
    file = pysubs2.SSAFile()
    for words in cues(transcript):
        event = pysubs2.SSAEvent(start=round(1000 * words[0].start), end=round(1000 * words[-1].end))
        event.plaintext = " ".join(word.text for word in words)
        file.append(event)
    written: str = file.to_string(form)
    return written


def cues(transcript: Transcript) -> Iterator[list[Word]]:
    """Yield the words of each subtitle; no subtitle holds words of two pieces."""
    for piece in transcript.utterances:
        cue: list[Word] = []
        for word in piece.words:
            if cue and not _fits(cue, word):
                yield cue
                cue = []
            cue.append(word)
        if cue:
            yield cue


def _fits(cue: Sequence[Word], word: Word) -> bool:
    letters = sum(len(one.text) + 1 for one in cue) + len(word.text)
    return letters <= _LETTERS and word.end - cue[0].start <= _LONGEST and word.start - cue[-1].end < _PAUSE
