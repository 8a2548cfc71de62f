"""The options of a preparation."""

from __future__ import annotations

from dataclasses import dataclass

from xlpl_plugin.audio.speech_activity import CUT_ABOVE
from xlpl_plugin.errors import XlplError
from xlpl_plugin.schema import join, option
from xlpl_plugin.text.spelling.speller import SPELLERS


@dataclass
class PrepareOptions:
    """How recordings become a prepared folder."""

    language: str = option("en", "ISO 639 code or name: picks the rules of the normaliser")
    rules: str = option("", "normaliser rules of your own (YAML), the same as for the text", file="normaliser rules")
    speller: str = option("unidecode", "how words become units", choices=SPELLERS)
    pieces: str = option("", "sentencepiece model (xlpl prepare units) that cuts spellings into pieces; empty: letters")
    test: float = option(0.2, "expected share of the text that goes to the test part", least=0, below=1)
    valid: float = option(0.05, "expected share of the text that goes to the valid part", least=0, below=1)
    seed: int = option(1, "another seed gives another division into parts")
    min_seconds: float = option(0.3, "shorter recordings are dropped", least=0)
    min_rate: float = option(2.0, "transcripts with fewer letters a second are dropped as wrong", least=0)
    max_rate: float = option(30.0, "transcripts with more letters a second are dropped as wrong", above=0)
    cut_above: float = option(
        CUT_ABOVE,
        "seconds: longer recordings without transcripts are cut into utterances where speech pauses; 0: none",
        least=0,
    )
    channels: str = option(
        "mean", "mean of the channels, or split: each channel becomes a recording", choices=("mean", "split")
    )
    keep: bool = option(False, "link to recordings that are 16 kHz mono already instead of writing them again")
    format: str = option("flac", "form of the recordings that are written", choices=("flac", "opus"))
    unusable: str = option(
        "stop",
        "recordings that are missing or cannot be read: stop, or skip them with the reason",
        choices=("stop", "skip"),
    )
    licence: str = option(
        "", "of recordings and transcripts, such as CC-BY-4.0; the card of a bundle passes it on; empty: not known"
    )
    references: str = option("", "folder for all transcripts; the prepared folder itself gets none")
    workers: int = option(0, "parallel processes; 0: one for each core", least=0)

    def check_together(self, key: str) -> None:
        """Raise ``XlplError`` where nothing would be left for train."""
        if self.valid + self.test >= 1:
            raise XlplError(
                f"{join(key, 'valid')}={self.valid} {join(key, 'test')}={self.test}",
                expected="shares that leave something for train",
            )
