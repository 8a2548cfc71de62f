"""What a user may set about transcribing."""

from __future__ import annotations

from dataclasses import dataclass

from xlpl_plugin.schema import option


@dataclass(frozen=True)
class TranscribeOptions:
    """What is computed where; nothing of it changes a word."""

    device: str = option("auto", "device of the acoustic model: auto (a GPU where there is one), cpu, cuda, cuda:1")
    workers: int = option(1, "decoding processes", least=1)
    nbest: int = option(0, "readings of each piece, in json; 0: as many as the run's labels have", least=0)
