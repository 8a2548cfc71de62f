"""Weights without labels: criteria, guards and the search."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from omegaconf import OmegaConf

from xlpl_plugin.cli.describe_tuning import describe_tuning
from xlpl_plugin.cli.tune import command
from xlpl_plugin.decoding import Hypothesis, Weights
from xlpl_plugin.decoding.greedy import GreedyDecoder
from xlpl_plugin.decoding.pool import DecoderPool
from xlpl_plugin.emissions.compute import Emissions
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import write_json, write_lines
from xlpl_plugin.labelling.label_split import LabelConfig, label
from xlpl_plugin.labelling.provenance import LabelFacts
from xlpl_plugin.labelling.records import LABELS_FILE, make_record, record_line
from xlpl_plugin.monitoring.measure import label_free_score
from xlpl_plugin.shards.store import ShardStore
from xlpl_plugin.tuning.beam_size import BeamTrial, smallest_beam
from xlpl_plugin.tuning.criteria import (
    CRITERIA,
    ChannelTable,
    SampleCounts,
    ScoringLM,
    edits_and_lm,
    letters_per_word,
    measure_outcome,
)
from xlpl_plugin.tuning.tune import TuneConfig, TuningObjective, read_tuning, score_trial, tune
from xlpl_plugin.tuning.weight_search import SearchConfig, Trial, _rank, steady_choice

UNITS_ARPA = """\\data\\
ngram 1=7
ngram 2=2

\\1-grams:
-99\t<s>\t0
-1.2\t</s>
-4\t<unk>
-0.5\t|\t0
-0.6\ta\t0
-0.6\tb\t0
-0.7\tc\t0

\\2-grams:
-0.2\t<s> a
-0.3\ta b

\\end\\
"""


Heard = Callable[[str], Hypothesis]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"criterion": "wer"}, "edits_and_lm"),
        ({"scoring_lm_level": "syllables"}, "one of words, units"),
        ({"scoring_lm_level": "units"}, "search.scoring_lm is empty"),
        ({"lm_weight": [3.0, 1.0]}, r"lm_weight=\[3.0, 1.0\]"),
        ({"trials": 0}, "trials=0"),
        ({"text": "none.txt"}, "none.txt"),
        ({"beams": [0, 20]}, r"beams=\[0, 20\]"),
        ({"beam_tolerance": 2.0}, "beam_tolerance=2.0"),
    ],
)
def test_a_search_that_cannot_be_made_is_refused(config: TuneConfig, fields: dict[str, object], message: str) -> None:
    config.search = replace(config.search, **fields)  # type: ignore[arg-type]
    with pytest.raises(XlplError, match=message):
        tune(config)
    assert not Path(config.out).exists()


def test_without_lm_there_is_nothing_to_tune(config: TuneConfig) -> None:
    config.decoder.lm = ""
    with pytest.raises(XlplError, match=r"decoder\.lm is empty"):
        tune(config)


def test_silent_model_is_refused(config: TuneConfig) -> None:
    file = Path(config.emissions) / "shards/00000.f32"
    silence = np.log(np.array([0.93] + [0.01] * 7, np.float32)).tobytes()
    file.write_bytes(silence * (file.stat().st_size // len(silence)))
    with pytest.raises(XlplError, match="no unit"):
        tune(config)


def test_search_finds_weights_that_read_the_noise(config: TuneConfig) -> None:
    config.search.blank_penalty = [0.0, 0.0]  # this noise leaves nothing out
    tuning = tune(config)
    best = tuning.trials[0]
    assert tuning.trusted
    assert tuning.best == steady_choice(tuning.trials)
    assert len(tuning.trials) == 16
    # four words a sentence; extreme weights write far too many or too few
    assert best.outcome.words == pytest.approx(24 * 4, rel=0.15)
    assert any(trial.refused for trial in tuning.trials)
    refused = [bool(trial.refused) for trial in tuning.trials]
    assert refused == sorted(refused)
    chosen = read_tuning(config.out).apply(config.decoder)
    assert Weights(chosen.lm_weight, chosen.word_score, chosen.blank_penalty) == tuning.best
    with pytest.raises(XlplError, match="already holds results"):
        tune(config)


def test_choice_is_a_mean_of_the_trials_near_the_best() -> None:
    def trial(weight: float, value: float, refused: str = "") -> Trial:
        return Trial(Weights(weight, -weight, 1.0), value, GOOD, refused)

    refused = [trial(50, 0.1, "far off")] * 3
    # equals count alike, what is a tenth worse does not count, nor what was refused
    assert steady_choice([trial(1, 0.5), trial(3, 0.5), trial(40, 0.55), *refused]) == Weights(2.0, -2.0, 1.0)
    # worse by 0.75 %: 1/e of the best
    share = 1 / (1 + math.e)
    mean = round(1 + 2 * share, 2)
    assert steady_choice([trial(1, 0.4), trial(3, 0.403)]) == Weights(mean, -mean, 1.0)
    assert steady_choice([trial(3, 1, "far off"), trial(4, 1, "far off")]) == Weights(3.0, -3.0, 1.0)
    assert steady_choice([trial(1, 0.0), trial(3, 0.1)]) == Weights(1.0, -1.0, 1.0)


def test_later_trials_lie_where_the_best_do(config: TuneConfig) -> None:
    config.search = replace(config.search, trials=24, local_trials=0, beams=[])
    before = tune(config)
    config.search.local_trials = 24
    after = tune(config, force=True)
    assert {trial.weights for trial in before.trials} < {trial.weights for trial in after.trials}
    later = [trial for trial in after.trials if trial not in before.trials]
    assert np.mean([trial.value for trial in later]) < np.median([trial.value for trial in before.trials])
    spread = [np.std([trial.weights.lm_weight for trial in trials]) for trials in (before.trials, later)]
    assert spread[1] < 0.7 * spread[0]


def test_tuning_score_and_label_free_score_differ_in_the_greedy_output(config: TuneConfig, tmp_path: Path) -> None:
    """One criterion, two names: tuning compares with greedy output that was made longer, signals with the plain one."""
    config.search.units_per_second = 25.0
    best = tune(config).trials[0]
    ground, emissions = TuningObjective(config), Emissions(config.emissions)
    plain = [GreedyDecoder(emissions.units).decode(emissions[name])[0] for name in ground.sample.ids]
    with DecoderPool(replace(config.decoder, beam=config.search.beam, nbest=1), emissions.units, 1) as pool:
        [decoding] = ground.sample.decode(pool, [best.weights])
    found = zip(ground.sample.ids, decoding.hypotheses, plain, strict=True)
    records = [make_record(name, 1.0, 1, hypothesis, path) for name, hypothesis, path in found]
    write_lines(tmp_path / "labels" / LABELS_FILE, map(record_line, records))

    def score(greedy: Sequence[Hypothesis]) -> float:
        return edits_and_lm(measure_outcome(decoding.hypotheses, greedy, ground.lm))

    assert best.value == pytest.approx(score(ground.sample.greedy))
    assert label_free_score(tmp_path / "labels", config.decoder, config.search) == pytest.approx(score(plain))
    letters = [sum(len(path.units) for path in greedy) for greedy in (ground.sample.greedy, plain)]
    assert letters[0] > 1.1 * letters[1]
    assert ground.sample.greedy_penalty > 0


def test_without_lexicon_no_word_score_is_searched(config: TuneConfig) -> None:
    config.decoder.lexicon = ""
    config.decoder.lm = str(Path(config.data) / "units.arpa")
    Path(config.decoder.lm).write_text(UNITS_ARPA)
    tuning = tune(config)
    assert {trial.weights.word_score for trial in tuning.trials} == {0.0}
    assert len({trial.weights.lm_weight for trial in tuning.trials}) > 8
    assert tuning.best.word_score == 0.0
    # one LM token a unit and one an end: the decoder's own LM judges units
    outcome = tuning.trials[0].outcome
    assert outcome.lm_tokens > outcome.letters


@pytest.mark.parametrize("beam", [1, 3, 40])
def test_beams_below_the_decoders_are_tried(config: TuneConfig, beam: int) -> None:
    config.decoder.beam = beam
    config.search.beams = [2, 3, 20, 100]
    tuning = tune(config)
    tried = [trial.beam for trial in tuning.beams]
    assert tried == sorted({beam, *(other for other in config.search.beams if other < beam)})
    largest = tuning.beams[-1]
    assert (largest.changed_words, largest.changed_texts, largest.worse) == (0, 0, 0)
    assert all(trial.search_seconds > 0 for trial in tuning.beams)
    assert {trial.words for trial in tuning.beams} == {tuning.beams[0].words}
    assert tuning.beams[0].words > 0
    assert read_tuning(config.out).apply(config.decoder).beam == tuning.beam
    assert tuning.beam == smallest_beam(tuning.beams, config.search.beam_tolerance)


def test_smallest_beam_changes_next_to_nothing() -> None:
    def trials(*changed: float, words: int = 100_000) -> list[BeamTrial]:
        return [BeamTrial(10 * 2**i, 1.0, -1.0, 0.0, share, share, words) for i, share in enumerate(changed)]

    assert smallest_beam(trials(0.2, 0.004, 0.0), tolerance=0.005) == 20
    assert smallest_beam(trials(0.2, 0.1, 0.0), tolerance=0.005) == 40
    # 10 agrees by luck: 20 does not
    assert smallest_beam(trials(0.0, 0.1, 0.0), tolerance=0.005) == 40
    # three words of 750 may be more than one in 200; none of 750 cannot, none of 500 may
    assert smallest_beam(trials(0.2, 0.004, 0.0, words=750), tolerance=0.005) == 40
    assert smallest_beam(trials(0.2, 0.0, 0.0, words=750), tolerance=0.005) == 20
    assert smallest_beam(trials(0.2, 0.0, 0.0, words=500), tolerance=0.005) == 40


def test_the_beams_tried_are_told_with_the_most_that_each_may_change(config: TuneConfig) -> None:
    config.search.beams = [5]
    tuning = tune(config)
    trial = tuning.beams[0]
    assert trial.beam == 5
    assert trial.may_change() > trial.changed_words
    [row] = [line.split() for line in describe_tuning(tuning, 1).splitlines() if line.split()[:1] == ["5"]]
    assert row[4:6] == [f"{trial.changed_words:.1%}", f"{trial.may_change():.1%}"]


def test_beam_stays_where_none_is_sought(config: TuneConfig) -> None:
    config.search.beams = []
    tuning = tune(config)
    assert (tuning.beam, tuning.beams) == (None, ())
    assert read_tuning(config.out).apply(config.decoder).beam == config.decoder.beam
    assert "beam" not in describe_tuning(tuning, 3)


def test_weights_are_read_only_from_a_tuning(config: TuneConfig, tmp_path: Path) -> None:
    with pytest.raises(XlplError, match="no such file"):
        read_tuning(tmp_path)
    # an earlier version wrote the weights alone
    write_json(tmp_path / "tune.json", {"best": asdict(Weights(1.0, 2.0, 0.0))})
    with pytest.raises(XlplError, match=r"tune\.json: not the choice of a tuning \(.*beam(.|\n)*make it again"):
        read_tuning(tmp_path)
    (tmp_path / "tune.json").write_text("[]")
    with pytest.raises(XlplError, match=r"tune\.json: not the choice"):
        read_tuning(tmp_path)


def test_same_seed_same_choice_for_any_number_of_workers(config: TuneConfig) -> None:
    config.search.trials = config.search.local_trials = 3
    first = tune(config)
    config.workers = 2
    second = tune(config, force=True)
    assert (second.best, second.beam, second.trials) == (first.best, first.beam, first.trials)
    config.search.seed = 2
    assert tune(config, force=True).trials != first.trials


def test_guards_refused_everything(config: TuneConfig, caplog: pytest.LogCaptureFixture) -> None:
    config.search.letters_ratio, config.search.trials, config.search.local_trials = [5.0, 6.0], 4, 0
    tuning = tune(config)
    assert not tuning.trusted
    assert "refused every trial" in caplog.text
    # the criterion still counts, and so does how far beyond the guard a trial is
    badness = [t.value + math.log(5.0 / t.outcome.letters_ratio) for t in tuning.trials if t.outcome.letters]
    assert badness == sorted(badness)
    *_, caution, _, choice = describe_tuning(tuning, 1).splitlines()
    assert caution.startswith("careful")
    assert choice.startswith(f"decoder.lm_weight={tuning.best.lm_weight} ")  # scripts read the last line


GOOD = SampleCounts(100, 0, 400, 2000, 2100, 500, 2500, 2600.0, 500, 3000.0)


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (GOOD, ""),
        (replace(GOOD, letters=1000), "letters 0.48"),
        (replace(GOOD, letters=4000), "letters 1.90"),
        (replace(GOOD, empty=11), "11 of 100 empty"),
        (replace(GOOD, words=700), "words 0.57 times"),
        (replace(GOOD, words=200), "words 2.00 times"),
    ],
)
def test_guards(outcome: SampleCounts, reason: str) -> None:
    trial = score_trial(Weights(2.0, 0.0), outcome, SearchConfig(), word_length=5.0)
    assert trial.refused.startswith(reason)
    assert bool(trial.refused) == bool(reason)
    assert (trial.excess > 0) == bool(reason)


def test_words_of_another_length_than_the_text_s_are_worse() -> None:
    def value(words: int, text: float | None = 5.0, weight: float = 0.2) -> float:
        return score_trial(Weights(2.0, 0.0), replace(GOOD, words=words), SearchConfig(word_length=weight), text).value

    # 2,000 letters of which the LM has the same to say
    assert value(400) == value(330, text=None) == value(330, weight=0)
    assert value(330) == pytest.approx(value(400) * (1 + 0.2 * math.log(400 / 330)))
    assert value(400) < value(440) < value(500)


def test_of_trials_that_are_all_refused_none_with_words_far_too_short_is_taken() -> None:
    """A weak model's many short words, as many letters as greedy's, were taken before a trial just beyond a guard."""
    short, near = replace(GOOD, words=700), replace(GOOD, letters=1500, words=300)
    trials = [score_trial(Weights(1.0, 0.0), one, SearchConfig(), word_length=5.0) for one in (short, near)]
    assert trials[0].value < trials[1].value
    assert all(trial.refused for trial in trials)
    assert trials[0].excess > 5 * trials[1].excess
    assert sorted(trials, key=_rank)[0].outcome == near


@pytest.mark.parametrize("criterion", CRITERIA)
def test_every_criterion_prefers_likely_text_near_greedy(criterion: str) -> None:
    value = CRITERIA[criterion]
    assert value(GOOD) < value(replace(GOOD, lm_nats=4000.0))
    if criterion == "channel":
        assert value(GOOD) < value(replace(GOOD, channel_nats=4000.0))
    else:
        assert value(GOOD) < value(replace(GOOD, edits=1000))


def test_leaving_words_out_does_not_pay_by_default() -> None:
    # half of the text, each word as likely as before: LM cost a letter is equal, edits are not
    half = replace(GOOD, words=200, letters=1000, edits=1500, lm_nats=1300.0, lm_tokens=250)
    assert CRITERIA["edits_and_lm"](GOOD) < CRITERIA["edits_and_lm"](half)


def test_outcome_counts(config: TuneConfig, heard: Heard) -> None:
    greedy = [heard("Ab Ba"), heard("A")]
    outcome = measure_outcome([heard("Ab Cab"), heard("")], greedy, ScoringLM(config.decoder.lm, "words"))
    # "Ab Cab": -0.3 -0.3 -0.8; "": -0.8
    assert outcome.lm_nats == pytest.approx(2.2 * math.log(10), abs=1e-4)
    assert outcome.lm_tokens == 4
    assert (outcome.utterances, outcome.empty, outcome.words) == (2, 1, 2)
    assert (outcome.letters, outcome.greedy_letters, outcome.greedy_units) == (5, 5, 8)
    # a b | c a b | -> a b | b a |: delete c, insert b ... two edits; and two missing of "a |"
    assert outcome.edits == 4


def channel_nats(texts: list[list[str]], copies: list[list[str]]) -> float:
    table = ChannelTable()
    for text, copy in zip(texts, copies, strict=True):
        table.add(text, copy)
    return table.nats()


def test_regular_mistakes_cost_less_than_random_ones() -> None:
    rng = np.random.default_rng(0)
    texts = [rng.choice(list("abcdefgh"), 40).tolist() for _ in range(20)]
    regular = [[unit if unit != "c" else "h" for unit in text] for text in texts]
    random = [[unit if rng.random() > 0.125 else str(rng.choice(list("abcdefgh"))) for unit in t] for t in texts]
    exact = channel_nats(texts, texts)
    assert channel_nats(texts, regular) == pytest.approx(exact)
    assert channel_nats(texts, random) > 10 * exact


def test_word_length_is_that_of_the_text(tmp_path: Path, words: dict[str, str]) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Ab Ab Bacab\nunknown Ab\n")
    spellings = {word: [(*spelling, "|")] for word, spelling in words.items()}
    assert letters_per_word(text, spellings) == pytest.approx((2 + 2 + 5 + 2) / 4)
    text.write_text("unknown\n")
    with pytest.raises(XlplError, match="no word of the text"):
        letters_per_word(text, spellings)


def test_verb_prints_trials_and_choice(config: TuneConfig, tmp_path: Path) -> None:
    OmegaConf.save(OmegaConf.structured(config), tmp_path / "tune.yaml")
    arguments = ["--config", str(tmp_path / "tune.yaml"), "--show", "3", "search.criterion=wav2vec_u"]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    best = read_tuning(config.out).apply(config.decoder)
    lines = result.stdout.splitlines()
    assert lines[-1] == (
        f"decoder.lm_weight={best.lm_weight} decoder.word_score={best.word_score} "
        f"decoder.blank_penalty={best.blank_penalty} decoder.beam={best.beam}"
    )
    assert lines[0] == f"picture: {config.out}/tune.png"
    [heading] = [number for number, line in enumerate(lines) if "wav2vec_u" in line]
    trials = [line.split() for line in lines[heading + 2 : lines.index("", heading)]]
    assert len(trials) == 3
    stored = json.loads((Path(config.out) / "tune.json").read_text())["trials"][0]["weights"]
    assert [float(cell) for cell in trials[0][:2]] == [stored["lm_weight"], stored["word_score"]]


def test_labels_take_the_weights_and_the_beam_of_a_tuning(config: TuneConfig, tmp_path: Path) -> None:
    config.decoder.beam, config.search.beams = 20, [5]
    tuning = tune(config)
    shared = {"emissions": config.emissions, "data": config.data, "decoder": config.decoder}
    taken = LabelConfig(out=str(tmp_path / "taken"), tuning=config.out, **shared)
    given = LabelConfig(out=str(tmp_path / "given"), **{**shared, "decoder": tuning.apply(config.decoder)})
    assert label(taken) == label(given)
    first, second = (ShardStore.existing(made.out, LabelFacts).settings for made in (taken, given))
    assert first == second
    assert first["decoder"]["lm_weight"] == tuning.best.lm_weight
    assert (tmp_path / "taken" / LABELS_FILE).read_bytes() == (tmp_path / "given" / LABELS_FILE).read_bytes()


def test_output_is_held_to_the_length_that_another_tuning_expected(config: TuneConfig, tmp_path: Path) -> None:
    config.search.units_per_second = 20.0
    longer = tune(replace(config, out=str(tmp_path / "longer")))
    replace(longer, units_per_second=20.0).write(tmp_path / "longer" / "tune.json")
    held = replace(config, out=str(tmp_path / "held"), length_from=str(tmp_path / "longer"))
    held.search.units_per_second = 0.0
    assert tune(held).trials == longer.trials
