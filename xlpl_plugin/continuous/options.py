"""What may be chosen about continuous pseudo-labels. Without torch: a run's configuration is checked by it as well.

The task ``xlpl_continuous`` and the phase of ``xlpl iterate`` take name, type, help and range of these from here.
"""

# no annotations of the future: fairseq asks a field for its type, not for its name
from dataclasses import dataclass

from xlpl_plugin.errors import XlplError
from xlpl_plugin.schema import join, option

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

    def check_together(self, key: str) -> None:
        """Raise ``XlplError`` for numbers of updates that leave nothing to train on, or no warm-up."""
        labelled, warm_up = join(key, "labelled_updates"), join(key, "warm_up")
        if not self.labelled_updates + self.unlabelled_updates:
            raise XlplError(
                f"{labelled}=0 and {join(key, 'unlabelled_updates')}=0: there is nothing to train on",
                expected="the ratio of labelled to unlabelled updates, such as 1 and 1",
            )
        if self.warm_up and not self.labelled_updates:
            raise XlplError(
                f"{warm_up}={self.warm_up} with {labelled}=0",
                expected="no warm-up, since it would train on the labelled part",
                remedy=f"set {warm_up}=0, or {labelled}=1",
            )


@dataclass
class GuardOptions:
    """When labels have collapsed. Factors are of what a signal was when the cache was filled."""

    no_guard: bool = option(False, "go on also when the labels collapse: signals are counted, nothing is stopped")
    guard_window: int = option(
        10, "batches of fresh labels judged together; the first so many are what later ones are compared with", least=1
    )
    guard_silent: float = option(0.2, "collapsed: fewer units a second, whatever they were", above=0)
    guard_shorter: float = option(0.3, "collapsed: units a second fall below this factor", least=0, below=1)
    guard_longer: float = option(
        2.0, "collapsed: units a second rise above this factor, or above that of guard_usual_length", above=1
    )
    guard_usual_length: float = option(
        10.0, "units a second of usual speech (about 12 letters): quieter labels may grow to it freely", above=0
    )
    guard_voiced: float = option(
        0.2, "collapsed: the share of frames that are not blank falls below this factor", least=0, below=1
    )
    guard_letters: float = option(
        0.5, "collapsed: the effective number of different units falls below this factor", least=0, below=1
    )
    guard_churn: float = option(
        0.75,
        "collapsed: of the units of labels, more than this share became others until the labels were replaced "
        "(insertions do not count; two unrelated texts: 0.78)",
        above=0,
    )
    guard_least_units: int = option(50, "variety and churn of fewer units say nothing", least=1)
    guard_suspicion: float = option(
        0.7, "suspect: a third of a window has gone this share of the way to a collapse", above=0, most=1
    )
