"""The stages of a run: source, round 0 and on, continuous."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering
from typing import Literal

from xlpl_plugin.errors import XlplError

Kind = Literal["source", "round", "continuous"]
_ORDER: tuple[Kind, ...] = ("source", "round", "continuous")
_TEXT = re.compile(r"(?:round[- ])?(\d+)")


@total_ordering
@dataclass(frozen=True)
class Stage:
    """One stage of a run; stages are ordered as a run goes through them.

    ``source`` trains the source AMs, ``round`` 0 labels with them, each later round trains a student that labels next,
    ``continuous`` is the phase after the rounds. Only rounds have a number.

    >>> str(Stage.round(3)), Stage.round(3).folder, str(CONTINUOUS), SOURCE < Stage.round(0) < CONTINUOUS
    ('round 3', 'round-3', 'continuous', True)
    """

    kind: Kind
    number: int = 0

    @classmethod
    def round(cls, number: int) -> Stage:
        return cls("round", number)

    @classmethod
    def parse(cls, text: str) -> Stage:
        """Read what ``folder`` or ``str`` gives, or a round's number alone.

        >>> Stage.parse("round-3") == Stage.parse("round 3") == Stage.parse("3")
        True

        Raises:
            XlplError: the text names no stage.
        """
        for stage in (SOURCE, CONTINUOUS):
            if text == stage.kind:
                return stage
        if found := _TEXT.fullmatch(text):
            return cls.round(int(found[1]))
        raise XlplError(f"{text!r} is no stage of a run", expected="a round's number, such as 3, or continuous")

    @property
    def folder(self) -> str:
        """Name of the stage's folder in a run; files name stages by it too."""
        return f"round-{self.number}" if self.is_round else self.kind

    @property
    def is_round(self) -> bool:
        return self.kind == "round"

    def __str__(self) -> str:
        return f"round {self.number}" if self.is_round else self.kind

    def __lt__(self, other: Stage) -> bool:
        return (_ORDER.index(self.kind), self.number) < (_ORDER.index(other.kind), other.number)


SOURCE, CONTINUOUS = Stage("source"), Stage("continuous")
