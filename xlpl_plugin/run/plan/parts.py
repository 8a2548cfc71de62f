"""What steps are put together from: audio, acoustic models, the start of the continuous phase."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from xlpl_plugin.monitoring.signals import DecoderWeights


class Start(NamedTuple):
    """Where the continuous phase begins: a round, and the decoder's weights there (see ``phase_recipe``)."""

    round: int
    weights: DecoderWeights


class Audio(NamedTuple):
    """A split of a prepared folder, and the step that makes it ('' where it was given)."""

    folder: str
    split: str
    step: str = ""

    @property
    def manifest(self) -> str:
        return str(Path(self.folder) / f"{self.split}.tsv")

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.step,) if self.step else ()

    @property
    def inputs(self) -> tuple[str, ...]:
        return () if self.step else (self.manifest,)


@dataclass(frozen=True)
class Model:
    """An acoustic model: its checkpoint, the step that makes it ('' where it was given), and its training's log."""

    checkpoint: str
    step: str = ""
    log: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.step,) if self.step else ()

    @property
    def inputs(self) -> tuple[str, ...]:
        return () if self.step or not self.checkpoint else (self.checkpoint,)
