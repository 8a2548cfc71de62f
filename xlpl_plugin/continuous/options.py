"""What may be chosen about continuous pseudo-labels. Without torch: a run's configuration is checked by it as well.

The task ``xlpl_continuous`` and the phase of ``xlpl iterate`` take name, type, help and range of these from here.
"""

# no annotations of the future: fairseq asks a field for its type, not for its name
from dataclasses import dataclass

from xlpl_plugin.schema import option

# a batch leaves the cache with a fixed probability, or with that of its labels' change
CONSTANT, CHANGE = REPLACEMENTS = ("constant", "change")
# weights that label: those in training, or their moving average
CURRENT, EMA = TEACHERS = ("current", "ema")


@dataclass
class CacheOptions:
    """The cache of batches with their labels."""

    cache_size: int = option(100, "batches in the cache", least=1)
    replacement: str = option(
        CONSTANT,
        "when a batch of the cache is replaced: constant (with replace_prob), change (the more its labels change)",
        choices=REPLACEMENTS,
    )
    replace_prob: float = option(0.1, "probability that a batch is replaced after an update on it", least=0, most=1)


@dataclass
class ContinuousOptions(CacheOptions):
    """The cache, the order of updates, who labels, and how the model is regularised then."""

    warm_up: int = option(0, "updates on the labelled part alone, before the cache is filled", least=0)
    labelled_updates: int = option(
        1, "labelled updates of a cycle, before unlabelled_updates follow; 0: no labelled part", least=0
    )
    unlabelled_updates: int = option(1, "updates of a cycle that train on the cache", least=0)
    teacher: str = option(
        CURRENT, "who labels: current (the weights as they are), ema (their moving average)", choices=TEACHERS
    )
    dropout_scale: float = option(1.0, "factor of the model's dropout after the warm-up", least=0, most=1)
    layer_drop_scale: float = option(1.0, "factor of the model's layer drop after the warm-up", least=0, most=1)
