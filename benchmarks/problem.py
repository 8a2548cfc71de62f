"""What all systems of one benchmark are given: the same log-probs, LM, lexicon, weights and beam."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from xlpl_plugin.config import load_config
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.decoding import DecoderConfig, LogProbs
from xlpl_plugin.decoding.blank import penalize_blank
from xlpl_plugin.emissions.compute import Emissions


@dataclass(frozen=True)
class Problem:
    """One split of stored log-probs and how to decode it.

    Attributes:
        settings: further options of our decoder, ``key=value``; other systems do not have them.
        first: take only so many utterances, drawn at random but always the same; 0: all.
        limit_seconds: a system that is slow stops after so much time; 0: never.
    """

    data: str
    split: str
    emissions: str
    lexicon: str
    lm: str
    lm_weight: float
    word_score: float
    blank_penalty: float
    beam: int
    settings: tuple[str, ...] = ()
    first: int = 0
    limit_seconds: float = 0.0

    def save(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self)))

    @staticmethod
    def load(file: Path) -> Problem:
        fields = json.loads(file.read_text())
        return Problem(**{**fields, "settings": tuple(fields["settings"])})

    def decoder(self) -> DecoderConfig:
        """Return our options: the package's defaults where the problem sets nothing."""
        given = {name: getattr(self, name) for name in ("lexicon", "lm", "lm_weight", "word_score", "blank_penalty")}
        pairs = [f"{name}={value}" for name, value in {**given, "beam": self.beam}.items()]
        return load_config(DecoderConfig, None, [*pairs, *self.settings])

    def units(self) -> tuple[str, ...]:
        return Emissions(self.emissions).units

    def log_probs(self, *, penalized: bool) -> Iterator[tuple[str, float, LogProbs]]:
        """Yield id, seconds and (frames, units) of each utterance that has frames, in a mixed order.

        ``penalized`` makes the blank less probable beforehand, for systems that cannot do it themselves.
        """
        manifest = read_manifest(self.data, self.split, labels=False)
        found = [emission for emission in Emissions(self.emissions).stream(manifest) if len(emission.log_probs)]
        random.Random(1).shuffle(found)
        for emission in found[: self.first or None]:
            array = emission.log_probs
            yield (
                emission.utterance.id,
                emission.utterance.seconds,
                penalize_blank(array, self.blank_penalty) if penalized else array,
            )
