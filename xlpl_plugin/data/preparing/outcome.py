"""What became of the items, gathered while recordings are converted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from xlpl_plugin.data.preparing.convert import Converted
from xlpl_plugin.data.preparing.kept import KeptColumns
from xlpl_plugin.data.preparing.reasons import Dropped, LeftOut
from xlpl_plugin.errors import XlplError


@dataclass
class Outcome:
    """What is known so far; ``notes`` are for the reader of the report."""

    dropped: list[Dropped]
    notes: list[str] = field(default_factory=list)
    kept: KeptColumns = field(default_factory=KeptColumns)
    cut: int = 0
    _seconds: dict[str, float] = field(default_factory=dict)
    _stretches: Counter[str] = field(default_factory=Counter)

    def add(self, converted: Converted) -> None:
        self.kept.extend(converted.kept)
        self.dropped += converted.dropped
        self.cut += converted.cut
        for one in converted.left_out:
            self._seconds[one.reason] = self._seconds.get(one.reason, 0.0) + one.seconds
            self._stretches[one.reason] += one.stretches

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        found = sorted(self._seconds.items())
        return tuple(LeftOut(reason, self._stretches[reason], round(seconds, 3)) for reason, seconds in found)

    def refuse_nothing(self) -> None:
        """Raise ``XlplError`` where no recording is kept."""
        if not self.kept:
            reasons = Counter(str(drop.reason) for drop in self.dropped)
            counts = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
            raise XlplError(
                f"no recording is left: {counts or 'there was none'}",
                expected="usable recordings",
                remedy="see docs/recordings.md, 'What cannot be used', for what the reasons mean",
            )
