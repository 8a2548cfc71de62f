"""Where log-probs come from: what stored ones and those of a running model have in common."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from xlpl_plugin.data.manifest import Manifest
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.decoding import LogProbs


class Window(NamedTuple):
    """A stretch of a recording that went through the acoustic model by itself.

    Its frame ``f`` of ``frames`` begins ``start + f * seconds / frames`` seconds into the recording.
    """

    frames: int
    start: float
    seconds: float


class Emission(NamedTuple):
    """Log-probs of one utterance, (frames, units), and the windows that they come from, in order.

    ``frames`` may be 0 for a very short recording, and is where there are none; then ``error`` says why.
    """

    utterance: Utterance
    log_probs: LogProbs
    windows: tuple[Window, ...]
    error: str = ""


class EmissionSource(Protocol):
    """Gives log-probs of utterances.

    Attributes:
        am_sha256: hash of the acoustic model's checkpoint.
        units: the columns of the log-probs, the blank first.
    """

    am_sha256: str
    units: tuple[str, ...]

    def stream(self, manifest: Manifest) -> Iterator[Emission]:
        """Yield an emission for every utterance, in any order; what cannot be had comes with an ``error``."""

    def stream_shards(self, root: Path, shards: Iterable[Sequence[Utterance]]) -> Generator[Emission, None, None]:
        """Stream one shard after the other; an emission does not depend on what is in other shards."""
