"""What may be chosen about the cache and its labels. Without torch: a run's configuration is checked by it as well."""

from __future__ import annotations

from dataclasses import dataclass

from xlpl_plugin.errors import XlplError

# a batch leaves the cache with a fixed probability, or with that of its labels' change
CONSTANT, CHANGE = REPLACEMENTS = ("constant", "change")
# weights that label: those in training, or their moving average
CURRENT, EMA = TEACHERS = ("current", "ema")


@dataclass(frozen=True)
class CacheOptions:
    """``size`` batches; ``probability`` is that of a replacement after a visit, where ``replacement`` is constant."""

    size: int
    replacement: str
    probability: float

    def check(self) -> None:
        """Raise ``XlplError`` for values out of range."""
        if self.size < 1:
            raise XlplError(f"task.cache_size={self.size}", expected="a whole number of at least 1")
        if self.replacement not in REPLACEMENTS:
            raise XlplError(f"task.replacement={self.replacement!r}", expected=f"one of {', '.join(REPLACEMENTS)}")
        if not 0 <= self.probability <= 1:
            raise XlplError(f"task.replace_prob={self.probability}", expected="a probability, 0 to 1")
