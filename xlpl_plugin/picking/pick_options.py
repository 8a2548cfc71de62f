"""What a user may set about picking."""

from __future__ import annotations

from dataclasses import dataclass

from xlpl_plugin.schema import option


@dataclass
class PickOptions:
    """How much to pick, and how."""

    minutes: float = option(
        30.0, "minutes of audio at most; to correct them takes a native speaker several times as long", above=0
    )
    random: bool = option(False, "draw at random instead: what the choice is to be compared with")
    seed: int = option(0, "with --random: another number draws others", least=0)
    language: str = option(
        "", "of the transcripts: ISO 639 code or name, which ELAN and the browser are told; empty: they are not"
    )
