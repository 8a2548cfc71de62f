"""The columns that a table of the study may have, by the names that the YAML files give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from study.distances import nearest_source
from study.pool import TOP, ZERO_SHOT, Pick, Pool, best, chosen, stage
from study.records import CHARACTERS, CellRecord
from xlpl_plugin.evaluation.scoring import Interval
from xlpl_plugin.stage import Stage
from xlpl_plugin.tuning.evidence import repeats_one_word

NOTHING = "–"


@dataclass(frozen=True)
class Figure:
    """A cell of a table: a number to draw and to compare, and the text that is shown."""

    value: float | None
    text: str


Column = Callable[[Pool], Figure]
NONE = Figure(None, NOTHING)


def _percent(found: Interval | None) -> Figure:
    if found is None:
        return NONE
    value, low, high = (100 * number for number in (found.value, found.low, found.high))
    return Figure(value, f"{value:.1f} [{low:.1f}, {high:.1f}]")


def _number(value: Callable[[CellRecord], float | None], form: str) -> Column:
    def column(pool: Pool) -> Figure:
        found = pool.mean(value)
        return NONE if found is None else Figure(found, format(found, form))

    return column


def _rate(pick: Pick, *, greedy: bool = False, unit: str = "") -> Column:
    return lambda pool: _percent(pool.interval(pick, greedy=greedy, unit=unit))


def _closed(pick: Pick) -> Column:
    return lambda pool: _percent(pool.closed(pick))


def _name(pick: Pick) -> Column:
    """Which stage it is, for each seed."""

    def column(pool: Pool) -> Figure:
        names = [found.stage.removeprefix("round-") for record in pool.records if (found := pick(record))]
        return Figure(None, ", ".join(names))

    return column


def _evidence(record: CellRecord) -> float | None:
    """What `xlpl rank` orders by: the last are those that say one word to everything."""
    evidence = record.stages[0].evidence
    return evidence.gain - 100 * repeats_one_word(evidence) if evidence else None


def _regret(record: CellRecord) -> float | None:
    taken, least = chosen(record), best(record)
    if not (taken and taken.lm and least and least.lm):
        return None
    return 100 * (taken.lm.score.rate.value - least.lm.score.rate.value)


def _seconds(record: CellRecord) -> float:
    return sum(one.seconds for one in record.stages)


def _own_rate(record: CellRecord) -> float | None:
    rates = [100 * row.cer.value for row in record.sources.values()]
    return sum(rates) / len(rates) if rates else None


def _held_out(record: CellRecord) -> float | None:
    """The LM's perplexity of text like its own, over the words that it knows."""
    built = record.lm.built
    return built.heldout.perplexity if built and built.heldout else None


_FIRST = stage(Stage.round(1).folder)
COLUMNS: Mapping[str, Column] = {
    "zero-shot": _rate(ZERO_SHOT),
    "zero-shot greedy": _rate(ZERO_SHOT, greedy=True),
    "zero-shot CER": _rate(ZERO_SHOT, unit=CHARACTERS),
    "zero-shot greedy CER": _rate(ZERO_SHOT, greedy=True, unit=CHARACTERS),
    "round 1": _rate(_FIRST),
    "chosen": _rate(chosen),
    "chosen greedy": _rate(chosen, greedy=True),
    "chosen CER": _rate(chosen, unit=CHARACTERS),
    "chosen greedy CER": _rate(chosen, greedy=True, unit=CHARACTERS),
    "chosen stage": _name(chosen),
    "best (oracle)": _rate(best),
    "best stage (oracle)": _name(best),
    "regret": _number(_regret, ".1f"),
    "topline": _rate(TOP),
    "topline greedy": _rate(TOP, greedy=True),
    "closed %": _closed(chosen),
    "closed % (oracle)": _closed(best),
    "evidence": _number(_evidence, ".2f"),
    "sources' own greedy CER": _number(_own_rate, ".1f"),
    "minutes": _number(lambda record: record.minutes, ".1f"),
    "LM's words": _number(lambda record: record.lm.built.words if record.lm.built else None, ",.0f"),
    "LM's vocabulary": _number(lambda record: record.lm.built.vocabulary if record.lm.built else None, ",.0f"),
    "perplexity held out": _number(_held_out, ".0f"),
    "perplexity of references": _number(lambda record: record.lm.references.perplexity_with_oov, ".0f"),
    "OOV %": _number(lambda record: 100 * record.lm.references.oov_rate, ".1f"),
    "nearest source's distance": _number(nearest_source, ".2f"),
    "minutes of rounds": _number(lambda record: _seconds(record) / 60, ".0f"),
}
