"""Weights without labels: criteria, guards and the search."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from omegaconf import OmegaConf

from xlpl_plugin.cli.labelling import describe_tuning
from xlpl_plugin.cli.tune import command
from xlpl_plugin.data.manifest import Manifest, Utterance, write_manifest
from xlpl_plugin.decoding import DecoderConfig, Hypothesis, Weights
from xlpl_plugin.errors import XlplError
from xlpl_plugin.labels.criteria import CRITERIA, JudgingLM, Outcome, channel_cost, letters_per_word, measure_outcome
from xlpl_plugin.labels.tuning import SearchConfig, TuneConfig, judge_trial, tune, tuned

UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "a", "b", "c")
WORDS = {"Ab": "ab", "Ba": "ba", "Cab": "cab", "A": "a", "Bacab": "bacab"}
ARPA = """\\data\\
ngram 1=8
ngram 2=6

\\1-grams:
-99\t<s>\t0
-0.8\t</s>
-4\t<unk>
-0.7\tAb\t0
-0.7\tBa\t0
-0.8\tCab\t0
-1.2\tA\t0
-1.2\tBacab\t0

\\2-grams:
-0.3\tAb Cab
-0.3\tCab Ba
-0.3\tBa Bacab
-0.3\tBacab Ab
-0.3\t<s> Ab
-0.3\t<s> Cab

\\end\\
"""


def heard(text: str) -> Hypothesis:
    words = tuple(text.split())
    units = tuple(unit for word in words for unit in (*WORDS[word], "|"))
    return Hypothesis(words, units, -1.0, 0.0, -1.0, tuple(range(len(units))))


@pytest.fixture
def config(tmp_path: Path) -> TuneConfig:
    """Noisy emissions of 24 sentences that the LM likes, with the true words beside them for no one to read."""
    rng = np.random.default_rng(2)
    (tmp_path / "em").mkdir()
    entries, shards, utterances, start = [], [], [], 0
    for number in range(24):
        words = ["Ab", "Cab", "Ba", "Bacab"] * 2
        words = words[number % 4 : number % 4 + 4]
        logits = []
        for unit in heard(" ".join(words)).units:
            for index in (UNITS.index(unit), 0):
                logit = rng.normal(size=len(UNITS)) * 1.2
                logit[index] += 2.5
                logit[1:4] = -20
                logits.append(logit)
        array = np.array(logits)
        shards.append((array - np.logaddexp.reduce(array, axis=1, keepdims=True)).astype(np.float32))
        utterances.append(Utterance(f"u{number:02}.flac", 640 * len(array)))
        place = {"shard": 0, "start": start, "frames": len(array)}
        entries.append({"id": f"u{number:02}", "num_samples": 640 * len(array), **place})
        start += len(array)
    np.save(tmp_path / "em/emissions-00000.npy", np.concatenate(shards))
    (tmp_path / "em/index.json").write_text(json.dumps({"am_sha256": "x", "units": UNITS, "utterances": entries}))
    write_manifest(tmp_path, "train", Manifest(tmp_path, tuple(utterances)))
    (tmp_path / "lexicon.txt").write_text("".join(f"{word}\t{' '.join(s)} |\n" for word, s in WORDS.items()))
    (tmp_path / "lm.arpa").write_text(ARPA)
    return TuneConfig(
        emissions=str(tmp_path / "em"),
        data=str(tmp_path),
        out=str(tmp_path / "tune"),
        decoder=DecoderConfig(lexicon=str(tmp_path / "lexicon.txt"), lm=str(tmp_path / "lm.arpa")),
        search=SearchConfig(trials=10, local_trials=6, lm_weight=[0.0, 20.0], word_score=[-20.0, 20.0], beam=20),
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"criterion": "wer"}, "edits_and_lm"),
        ({"judge_level": "syllables"}, "words or units"),
        ({"judge_level": "units"}, "search.judge is empty"),
        ({"lm_weight": [3.0, 1.0]}, r"lm_weight=\[3.0, 1.0\]"),
        ({"trials": 0}, "trials=0"),
        ({"text": "none.txt"}, "none.txt"),
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
    file = Path(config.emissions) / "emissions-00000.npy"
    silence = np.log(np.array([[0.93] + [0.01] * 7] * len(np.load(file)), np.float32))
    np.save(file, silence)
    with pytest.raises(XlplError, match="no unit"):
        tune(config)


def test_search_finds_weights_that_read_the_noise(config: TuneConfig) -> None:
    config.search.blank_penalty = [0.0, 0.0]  # this noise leaves nothing out
    tuning = tune(config)
    best = tuning.trials[0]
    assert tuning.trusted
    assert tuning.best == best.weights
    assert len(tuning.trials) == 16
    # four words a sentence; extreme weights write far too many or too few
    assert best.outcome.words == pytest.approx(24 * 4, rel=0.15)
    assert any(trial.refused for trial in tuning.trials)
    refused = [bool(trial.refused) for trial in tuning.trials]
    assert refused == sorted(refused)
    chosen = tuned(config.decoder, config.out)
    assert Weights(chosen.lm_weight, chosen.word_score, chosen.blank_penalty) == best.weights
    with pytest.raises(XlplError, match="already holds results"):
        tune(config)


def test_weights_are_read_only_from_a_tuning(tmp_path: Path) -> None:
    with pytest.raises(XlplError, match="no such file"):
        tuned(DecoderConfig(), tmp_path)
    (tmp_path / "tune.json").write_text('{"best": {"weight": 1}}')
    with pytest.raises(XlplError, match=r"tune\.json: no weights"):
        tuned(DecoderConfig(), tmp_path)
    (tmp_path / "tune.json").write_text("{}")
    with pytest.raises(XlplError, match="no 'best'"):
        tuned(DecoderConfig(), tmp_path)


def test_same_seed_same_choice_for_any_number_of_workers(config: TuneConfig) -> None:
    config.search.trials = config.search.local_trials = 3
    first = tune(config)
    config.workers = 2
    assert tune(config, force=True) == first
    config.search.seed = 2
    assert tune(config, force=True).trials != first.trials


def test_guards_refused_everything(config: TuneConfig, caplog: pytest.LogCaptureFixture) -> None:
    config.search.letters_ratio, config.search.trials, config.search.local_trials = [5.0, 6.0], 4, 0
    tuning = tune(config)
    assert not tuning.trusted
    assert "refused every trial" in caplog.text
    # the criterion still counts, and so does the distance from greedy's length
    badness = [t.value + abs(math.log(t.outcome.letters_ratio)) for t in tuning.trials if t.outcome.letters]
    assert badness == sorted(badness)
    *_, caution, choice = describe_tuning(tuning, 1).splitlines()
    assert caution.startswith("careful")
    assert choice.startswith(f"decoder.lm_weight={tuning.best.lm_weight} ")  # scripts read the last line


GOOD = Outcome(100, 0, 400, 2000, 2100, 500, 2500, 2600.0, 500, 3000.0)


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
def test_guards(outcome: Outcome, reason: str) -> None:
    trial = judge_trial(Weights(2.0, 0.0), outcome, SearchConfig(), word_length=5.0)
    assert trial.refused.startswith(reason)
    assert bool(trial.refused) == bool(reason)


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


def test_outcome_counts(tmp_path: Path) -> None:
    (tmp_path / "lm.arpa").write_text(ARPA)
    greedy = [heard("Ab Ba"), heard("A")]
    outcome = measure_outcome([heard("Ab Cab"), heard("")], greedy, JudgingLM(tmp_path / "lm.arpa", "words"))
    # "Ab Cab": -0.3 -0.3 -0.8; "": -0.8
    assert outcome.lm_nats == pytest.approx(2.2 * math.log(10), abs=1e-4)
    assert outcome.lm_tokens == 4
    assert (outcome.utterances, outcome.empty, outcome.words) == (2, 1, 2)
    assert (outcome.letters, outcome.greedy_letters, outcome.greedy_units) == (5, 5, 8)
    # a b | c a b | -> a b | b a |: delete c, insert b ... two edits; and two missing of "a |"
    assert outcome.edits == 4


def test_regular_mistakes_cost_less_than_random_ones() -> None:
    rng = np.random.default_rng(0)
    texts = [rng.choice(list("abcdefgh"), 40).tolist() for _ in range(20)]
    regular = [[unit if unit != "c" else "h" for unit in text] for text in texts]
    random = [[unit if rng.random() > 0.125 else str(rng.choice(list("abcdefgh"))) for unit in t] for t in texts]
    exact = channel_cost(zip(texts, texts, strict=True))
    assert channel_cost(zip(texts, regular, strict=True)) == pytest.approx(exact)
    assert channel_cost(zip(texts, random, strict=True)) > 10 * exact


def test_word_length_is_that_of_the_text(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Ab Ab Bacab\nunknown Ab\n")
    spellings = {word: [(*spelling, "|")] for word, spelling in WORDS.items()}
    assert letters_per_word(text, spellings) == pytest.approx((2 + 2 + 5 + 2) / 4)
    text.write_text("unknown\n")
    with pytest.raises(XlplError, match="no word of the text"):
        letters_per_word(text, spellings)


def test_verb_prints_trials_and_choice(config: TuneConfig, tmp_path: Path) -> None:
    OmegaConf.save(OmegaConf.structured(config), tmp_path / "tune.yaml")
    arguments = ["--config", str(tmp_path / "tune.yaml"), "--show", "3", "search.criterion=wav2vec_u"]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    best = tuned(config.decoder, config.out)
    lines = result.stdout.splitlines()
    assert lines[-1] == (
        f"decoder.lm_weight={best.lm_weight} decoder.word_score={best.word_score} "
        f"decoder.blank_penalty={best.blank_penalty}"
    )
    [heading] = [number for number, line in enumerate(lines) if "wav2vec_u" in line]
    trials = [line.split() for line in lines[heading + 2 : -2]]
    assert len(trials) == 3
    assert [float(cell) for cell in trials[0][:2]] == [best.lm_weight, best.word_score]
