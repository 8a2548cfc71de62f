"""Which greedy output should labels be compared with: the plain one, or one made longer by a penalty of the blank?

For a run of `xlpl iterate` with references of its train and test splits. *Weights*: each round is tuned anew by either
score, with several seeds; the word error rates of what they choose are compared with the oracle's. *Rounds*: the labels
of the valid split are scored both ways; the round that a run would take (stop.tolerance) is compared with
the truly best one. Intervals are 95 % of resampled utterances.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from omegaconf import OmegaConf
from scipy.stats import spearmanr

from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.decoding import DecoderConfig, Hypothesis, Weights
from xlpl_plugin.decoding.greedy import GreedyDecoder
from xlpl_plugin.decoding.hypothesis import NOTHING
from xlpl_plugin.decoding.pool import DecoderPool, Task
from xlpl_plugin.emissions.compute import Emissions
from xlpl_plugin.evaluation.counting import bootstrap_rates, count_words
from xlpl_plugin.evaluation.texts import read_references
from xlpl_plugin.files import write_json
from xlpl_plugin.labelling.records import LABELS_FILE, LabelRecord, iter_labels
from xlpl_plugin.monitoring.best_round import earliest_near
from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.layout import RunLayout, labelled_stages
from xlpl_plugin.stage import Stage
from xlpl_plugin.text_table import render
from xlpl_plugin.tuning.criteria import CRITERIA, SampleCounts, ScoringLM, measure_outcome
from xlpl_plugin.tuning.sample import Decoding, Sample
from xlpl_plugin.tuning.tune import TuneConfig, TuningObjective, read_tuning
from xlpl_plugin.tuning.weight_search import SearchConfig, Trial, scoring_lm, search_weights, steady_choice

# the greedy output that labels are compared with: without a penalty, as in the label-free score of a round, or of the
# length that the source AM expects, as in the tuning score
PLAIN, LENGTHENED = "plain", "lengthened"
RESAMPLES = 2000
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """Weights that one score chose for a round; word errors of each utterance of the test split.

    Attributes:
        wer: on the sample that was tuned on, a fraction.
        rho: Spearman correlation of score and WER over the trials that the guards passed.
    """

    weights: Weights
    wer: float
    rho: float
    test_errors: Counts


@dataclass(frozen=True)
class Tuned:
    """One round tuned with one seed. ``oracle``: the least WER of any trial of any search on the same sample."""

    round: int
    seed: int
    choices: Mapping[str, Choice]
    oracle: float


class Run:
    """A finished run, its configuration, and what was truly said."""

    def __init__(self, run: Path, references: Path) -> None:
        told = OmegaConf.merge(OmegaConf.structured(IterateConfig), OmegaConf.load(RunLayout(run).config))
        config: Any = OmegaConf.to_object(told)
        assert isinstance(config, IterateConfig)
        self.config, self.layout, self.references = config, RunLayout(run), references
        self.split, self.valid = config.target.train_split, config.target.valid_split
        self.test = config.target.eval_splits[0]
        self.rounds = [stage.number for stage in labelled_stages(run, self.test) if stage.is_round]
        self.decoder: DecoderConfig = config.decoder
        self.truth = {name: read_references(references, name).native for name in (self.split, self.valid, self.test)}

    def search(self, number: int) -> SearchConfig:
        """Return how round ``number`` was tuned: students are held to the length that round 0 expected."""
        search = self.config.tuning.search
        if not number or search.units_per_second:
            return search
        return replace(search, units_per_second=read_tuning(self.layout.tuning(Stage.round(0))).units_per_second)

    def errors(self, split: str, texts: Mapping[str, str]) -> tuple[Counts, Counts]:
        """Return (N,) word errors and (N,) words of the references of a split, in the references' order."""
        truth = self.truth[split]
        counts = count_words(list(truth.values()), [texts.get(name, "") for name in truth])
        return counts.errors, counts.length

    def labels(self, number: int, split: str) -> list[LabelRecord]:
        return list(iter_labels(self.layout.labels(Stage.round(number), split) / LABELS_FILE))

    def label_rate(self, number: int, split: str) -> float:
        errors, words = self.errors(split, {record.id: record.text for record in self.labels(number, split)})
        return float(errors.sum() / words.sum())


class RecallingSample(Sample):
    """A sample that is not decoded again with weights of ``known``: the searches have most trials in common."""

    known: dict[tuple[Weights, str], Hypothesis]

    def decode(self, pool: DecoderPool, batch: Sequence[Weights]) -> Iterator[Decoding]:
        new = [weights for weights in batch if any((weights, name) not in self.known for name in self.ids)]
        for decoding in super().decode(pool, new):
            self.known.update({(decoding.weights, i): h for i, h in zip(self.ids, decoding.hypotheses, strict=True)})
        for weights in batch:
            yield Decoding(weights, [self.known[weights, name] for name in self.ids], 0.0)


def draw(run: Run, number: int, kind: str, search: SearchConfig) -> RecallingSample:
    """Draw a round's sample for tuning, with one of the two greedy outputs."""
    lowest, highest = search.blank_penalty
    return RecallingSample(
        Emissions(run.layout.emissions(Stage.round(number), run.split)),
        read_manifest(run.config.target.data, run.split, labels=False),
        size=search.sample,
        seed=search.seed,
        blank_penalty=(lowest, highest) if kind == LENGTHENED else (0.0, 0.0),
        units_per_second=search.units_per_second,
    )


# weights


def tune_round(run: Run, number: int, seed: int, workers: int) -> Tuned:
    """Search the weights of a round by either score and by the truth, with the same sample and first trials."""
    search = replace(run.search(number), seed=seed)
    given = TuneConfig(data=run.config.target.data, split=run.split, out="", decoder=run.decoder, search=search)
    ground = TuningObjective(replace(given, emissions=str(run.layout.emissions(Stage.round(number), run.split))))
    known: dict[tuple[Weights, str], Hypothesis] = {}
    rates: dict[Weights, float] = {}

    def rate(weights: Weights, hypotheses: Sequence[Hypothesis]) -> float:
        truth = [run.truth[run.split][name] for name in ground.sample.ids]
        counts = count_words(truth, [" ".join(hypothesis.words) for hypothesis in hypotheses])
        rates[weights] = float(counts.errors.sum() / counts.length.sum())
        return rates[weights]

    def judged(weights: Weights, hypotheses: Sequence[Hypothesis]) -> Trial:
        rate(weights, hypotheses)
        return ground.score(weights, hypotheses)

    def true(weights: Weights, hypotheses: Sequence[Hypothesis]) -> Trial:
        return replace(ground.score(weights, hypotheses), value=rate(weights, hypotheses), refused="")

    choices = {}
    with DecoderPool(replace(run.decoder, beam=search.beam, nbest=1), ground.sample.units, workers) as pool:
        for kind in (LENGTHENED, PLAIN):
            ground.sample = sample = draw(run, number, kind, search)
            sample.known = known
            if kind == LENGTHENED:  # in which more utterances are heard
                search_weights(pool, sample, search, true)
            trials = search_weights(pool, sample, search, judged)
            weights = steady_choice(trials)
            [decoding] = sample.decode(pool, [weights])
            passed = [trial for trial in trials if not trial.refused] or trials
            rho = _rho([trial.value for trial in passed], [rates[trial.weights] for trial in passed])
            errors = _decode_test(run, number, pool, weights)
            choices[kind] = Choice(weights, rate(weights, decoding.hypotheses), rho, errors)
    return Tuned(number, seed, choices, min(rates.values()))


def _decode_test(run: Run, number: int, pool: DecoderPool, weights: Weights) -> Counts:
    stored = Emissions(run.layout.emissions(Stage.round(number), run.test))
    decoded = pool.decode(Task(name, stored[name], weights) for name in stored.ids)
    texts = {found.id: " ".join(found.hypotheses[0].words) for found in decoded if found.hypotheses}
    return run.errors(run.test, texts)[0]


def weight_rows(run: Run, tuned: Sequence[Tuned]) -> list[dict[str, str]]:
    """Return a row for each round and one for all, means over the seeds; a negative difference speaks for PLAIN."""
    words = run.errors(run.test, {})[1]
    groups = {str(number): [one for one in tuned if one.round == number] for number in run.rounds}
    rows = []
    for name, group in {**groups, "all": list(tuned)}.items():
        row = {"round": name, "oracle": f"{100 * fmean(one.oracle for one in group):.1f}"}
        errors = {}
        for kind in (LENGTHENED, PLAIN):
            chosen = [one.choices[kind] for one in group]
            errors[kind] = np.sum([choice.test_errors for choice in chosen], axis=0)
            row[f"{kind}: regret"] = f"{100 * fmean(one.choices[kind].wer - one.oracle for one in group):.2f}"
            row[f"{kind}: rho"] = f"{fmean(choice.rho for choice in chosen):+.2f}"
            row[f"{kind}: test WER"] = f"{100 * errors[kind].sum() / (len(group) * words.sum()):.1f}"
        tables = np.stack([errors[PLAIN], errors[LENGTHENED]]), np.stack([len(group) * words] * 2)
        drawn = bootstrap_rates(*tables, resamples=RESAMPLES, seed=1)
        gain = 100 * (tables[0][0].sum() - tables[0][1].sum()) / tables[1][0].sum()
        row["plain - lengthened, test"] = f"{gain:+.2f} {_interval(100 * (drawn[0] - drawn[1]))}"
        rows.append(row)
    return rows


# rounds


def utterance_outcomes(run: Run, number: int, split: str, kind: str, lm: ScoringLM) -> list[SampleCounts]:
    """Measure each label of a split against one of the two greedy outputs, in the order of their ids."""
    stored = Emissions(run.layout.emissions(Stage.round(number), split))
    greedy = GreedyDecoder(stored.units, draw(run, number, kind, run.search(number)).greedy_penalty)
    found = []
    for record in sorted(run.labels(number, split), key=lambda record: record.id):
        label = Hypothesis(record.words, tuple(record.units.split()), 0.0, 0.0, 0.0, ())
        path = greedy.decode(stored[record.id])[0] if record.frames else NOTHING
        found.append(measure_outcome([label], [path], lm))
    return found


def score_of(outcomes: Sequence[SampleCounts], criterion: Callable[[SampleCounts], float]) -> float:
    """Apply a criterion to the sum of single outcomes (a channel table's is only about the same as that of all)."""
    totals = {field.name: sum(getattr(outcome, field.name) for outcome in outcomes) for field in fields(SampleCounts)}
    return criterion(SampleCounts(**totals))


@dataclass(frozen=True)
class Scored:
    """Scores of all rounds' labels of the valid split by one greedy output, and what follows from them.

    Attributes:
        scores: (rounds,) of all utterances.
        drawn: (resamples, rounds) of the resampled ones.
        train_rho: Spearman correlation over the rounds of score and WER of the train split.
    """

    scores: list[float]
    drawn: Floats
    train_rho: float


def score_rounds(run: Run, kind: str, resamples: int) -> Scored:
    lm = ScoringLM(*scoring_lm(run.config.tuning.search, run.decoder))
    criterion = CRITERIA[run.config.tuning.search.criterion]
    outcomes = [utterance_outcomes(run, number, run.valid, kind, lm) for number in run.rounds]
    rng, size = np.random.default_rng(1), len(outcomes[0])
    draws = rng.integers(0, size, (resamples, size))
    drawn = [[score_of([found[index] for index in draw], criterion) for found in outcomes] for draw in draws]
    train = [score_of(utterance_outcomes(run, number, run.split, kind, lm), criterion) for number in run.rounds]
    truth = [run.label_rate(number, run.split) for number in run.rounds]
    return Scored([score_of(found, criterion) for found in outcomes], np.array(drawn), _rho(train, truth))


def round_rows(run: Run, found: Mapping[str, Scored]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return a row for each round, and one for each greedy output: which round it takes, and what that costs."""
    rates = [run.label_rate(number, run.test) for number in run.rounds]
    best, tolerance = min(rates), run.config.stop.tolerance

    def taken(scores: Sequence[float]) -> int:
        """Apply the run's rule but for the alarms, which do not look at the score."""
        return earliest_near(dict(enumerate(scores)), tolerance)

    rounds = [
        {
            "round": str(number),
            **{kind: f"{scored.scores[place]:.3f}" for kind, scored in found.items()},
            "train WER": f"{100 * run.label_rate(number, run.split):.1f}",
            "valid WER": f"{100 * run.label_rate(number, run.valid):.1f}",
            "test WER": f"{100 * rates[place]:.1f}",
        }
        for place, number in enumerate(run.rounds)
    ]
    rules = []
    for kind, scored in found.items():
        choices = [taken(scores) for scores in scored.drawn]
        often = ", ".join(
            f"{run.rounds[number]}: {count / len(choices):.0%}" for number, count in sorted(Counter(choices).items())
        )
        rules.append(
            {
                "greedy output": kind,
                "round taken": str(run.rounds[taken(scored.scores)]),
                "regret, test WER": f"{100 * (rates[taken(scored.scores)] - best):.1f}",
                "resampled: rounds taken": often,
                "mean regret": f"{100 * fmean(rates[number] - best for number in choices):.2f}",
                "rho, valid score and test WER": f"{_rho(scored.scores, rates):+.2f}",
                "resampled": _interval(np.array([_rho(scores, rates) for scores in scored.drawn])),
                "rho, train": f"{scored.train_rho:+.2f}",
            }
        )
    return rounds, rules


def _rho(one: Sequence[float], other: Sequence[float]) -> float:
    """Return Spearman's correlation; 0 where one of the two is constant."""
    return float(spearmanr(one, other).statistic) if len(set(one)) > 1 and len(set(other)) > 1 else 0.0


def _interval(values: Floats) -> str:
    low, high = np.quantile(values, [0.025, 0.975])
    return f"[{low:+.2f}, {high:+.2f}]"


@click.command(help=__doc__)
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.option("--references", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--seeds", default=3, show_default=True, help="Of tuning: samples and trials.")
@click.option("--resamples", default=500, show_default=True, help="Of the valid split.")
@click.option("--workers", default=1, show_default=True)
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write all rows here.")
def main(run: Path, references: Path, seeds: int, resamples: int, workers: int, file: Path | None) -> None:
    made = Run(run, references)
    rounds, rules = round_rows(made, {kind: score_rounds(made, kind, resamples) for kind in (LENGTHENED, PLAIN)})
    click.echo(f"{render(rounds, 'markdown')}\n\n{render(rules, 'markdown')}\n")
    tuned = [tune_round(made, number, seed, workers) for number in made.rounds for seed in range(1, seeds + 1)]
    weights = weight_rows(made, tuned)
    click.echo(render(weights, "markdown"))
    if file:
        write_json(file, {"rounds": rounds, "rules": rules, "weights": weights, "tuned": [_told(one) for one in tuned]})


def _told(tuned: Tuned) -> dict[str, Any]:
    choices = {kind: {**asdict(one), "test_errors": one.test_errors.tolist()} for kind, one in tuned.choices.items()}
    return {"round": tuned.round, "seed": tuned.seed, "oracle": tuned.oracle, "choices": choices}


if __name__ == "__main__":
    main()
