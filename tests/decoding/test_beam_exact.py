"""The beam searches against a search of every alignment, on random problems small enough for that."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kenlm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xlpl_plugin.decoding import DecoderConfig, build_decoder
from xlpl_plugin.decoding.blank import penalize_blank
from xlpl_plugin.decoding.hypothesis import Hypothesis

UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "a", "b")
USED = (0, 4, 5, 6)  # the special symbols but the blank are shut
# homographs, a word of two spellings, words that begin others, a word that no LM knows
LEXICON = [
    ("A", "a |"), ("À", "a |"), ("Ba", "b a |"), ("Aa", "a a |"), ("B", "b |"), ("B", "b b |"), ("Bab", "b a b |"),
    ("Neu", "a b |"),
]  # fmt: skip
WORDS = ("A", "À", "Ba", "Aa", "B", "Bab", "Other")
LETTERS = ("|", "a", "b")
Scored = tuple[float, tuple[str, ...]]
MakeLm = Callable[[int, tuple[str, ...]], Path]

DRAWN: dict[str, st.SearchStrategy[Any]] = dict(
    seed=st.integers(0, 2**32 - 1),
    lm_seed=st.integers(0, 9),
    frames=st.integers(1, 7),
    sharpness=st.floats(0.2, 4.0),
    lm_weight=st.floats(0.0, 4.0),
    blank_penalty=st.sampled_from([0.0, 0.0, 1.3, -0.7]),
    log_add=st.booleans(),
)


@pytest.fixture(scope="module")
def make_lm(tmp_path_factory: pytest.TempPathFactory) -> MakeLm:
    """Random n-gram models over given words: ARPA files, order 2 or 3."""
    folder = tmp_path_factory.mktemp("lm")

    @cache
    def make(seed: int, words: tuple[str, ...]) -> Path:
        rng = np.random.default_rng(seed)
        before, after = ("<s>", *words), (*words, "</s>")
        orders = [[(word,) for word in ("<s>", "</s>", "<unk>", *words)]]
        orders.append([pair for pair in itertools.product(before, after) if rng.random() < 0.5])
        if seed % 2:
            triples = itertools.product(before, words, after)
            orders.append(
                [(a, b, c) for a, b, c in triples if {(a, b), (b, c)} <= set(orders[1]) and rng.random() < 0.6]
            )
        lines = ["\\data\\", *(f"ngram {n}={len(grams)}" for n, grams in enumerate(orders, 1))]
        for n, grams in enumerate(orders, 1):
            lines += ["", f"\\{n}-grams:"]
            for gram in grams:
                backoff = f"\t{-rng.uniform(0, 1):.3f}" if n < len(orders) and gram[-1] != "</s>" else ""
                lines.append(f"{-rng.uniform(0.1, 3):.3f}\t{' '.join(gram)}{backoff}")
        path = folder / f"{seed}-{len(words)}.arpa"
        path.write_text("\n".join([*lines, "", "\\end\\", ""]), encoding="utf-8")
        return path

    return make


@pytest.fixture(scope="module")
def lexicon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lexicon") / "lexicon.txt"
    path.write_text("".join(f"{word}\t{spelling}\n" for word, spelling in LEXICON), encoding="utf-8")
    return path


def random_log_probs(seed: int, frames: int, sharpness: float) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(size=(frames, len(UNITS))) * sharpness
    logits[:, 1:4] = -1e9
    return (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)


def unpruned(**options: object) -> DecoderConfig:
    return DecoderConfig(beam=20_000, beam_token=len(UNITS), beam_threshold=5e3, **options)  # type: ignore[arg-type]


def string_scores(log_probs: np.ndarray, log_add: bool) -> dict[str, float]:
    """Score of each string of finished words: best alignment, or the sum of all.

    Boundaries that end no word do not count; the recording's end ends a word.
    """
    scores: dict[str, float] = defaultdict(lambda: -math.inf)
    for path in itertools.product(USED, repeat=len(log_probs)):
        said = "".join(UNITS[unit] for unit, _ in itertools.groupby(path) if unit != 0)
        string = "".join(f"{word}|" for word in said.split("|") if word)
        score = float(sum(log_probs[frame, unit] for frame, unit in enumerate(path)))
        scores[string] = float(np.logaddexp(scores[string], score)) if log_add else max(scores[string], score)
    return scores


def word_sequences(string: str, with_lm: bool) -> Iterator[tuple[str, ...]]:
    """All readings; without an LM nothing tells homographs apart, and the first of the lexicon stands for them."""
    readings = defaultdict(list)
    for word, spelling in LEXICON:
        if with_lm or not readings[spelling.replace(" ", "")]:
            readings[spelling.replace(" ", "")].append(word)
    return itertools.product(*(readings[f"{spelled}|"] for spelled in string.split("|")[:-1]))


def best_words(log_probs: np.ndarray, config: DecoderConfig, lm: kenlm.Model | None) -> list[Scored]:
    """Return (total, words) of every word sequence that an alignment can spell, best first."""
    am_scores: dict[tuple[str, ...], float] = defaultdict(lambda: -math.inf)
    merge = np.logaddexp if config.log_add else max
    for string, score in string_scores(penalize_blank(log_probs, config.blank_penalty), config.log_add).items():
        for words in word_sequences(string, lm is not None):
            am_scores[words] = float(merge(am_scores[words], score))
    found = []
    for words, am_score in am_scores.items():
        lm_score = lm.score(" ".join(words)) if lm else 0.0
        found.append((am_score + config.lm_weight * lm_score + config.word_score * len(words), words))
    return sorted(found, reverse=True)


def best_units(log_probs: np.ndarray, config: DecoderConfig, lm: kenlm.Model) -> list[Scored]:
    strings = string_scores(penalize_blank(log_probs, config.blank_penalty), config.log_add)
    found = [
        (score + config.lm_weight * lm.score(" ".join(string)), tuple(string)) for string, score in strings.items()
    ]
    return sorted(found, reverse=True)


def assert_same(found: Iterable[Scored], expected: list[Scored]) -> None:
    """Scores in order are equal; readings whose scores differ by rounding alone may come in either order."""
    found = list(found)
    assert [score for score, _ in found] == pytest.approx([score for score, _ in expected[: len(found)]], abs=1e-3)
    for score, reading in found:
        assert reading in {other for total, other in expected if abs(total - score) < 2e-3}
    assert len({reading for _, reading in found}) == len(found)


@settings(max_examples=150)
@given(**DRAWN, word_score=st.floats(-3.0, 3.0), with_lm=st.booleans())
def test_search_by_lexicon_finds_the_best_words(
    lexicon: Path, make_lm: MakeLm, seed: int, lm_seed: int, frames: int, sharpness: float, lm_weight: float,
    blank_penalty: float, log_add: bool, word_score: float, with_lm: bool,
) -> None:  # fmt: skip
    lm = str(make_lm(lm_seed, WORDS)) if with_lm else ""
    config = unpruned(
        lexicon=str(lexicon), lm=lm, lm_weight=lm_weight, word_score=word_score, nbest=5, log_add=log_add,
        blank_penalty=blank_penalty,
    )  # fmt: skip
    log_probs = random_log_probs(seed, frames, sharpness)
    expected = best_words(log_probs, config, kenlm.Model(lm) if lm else None)
    found = build_decoder(config, UNITS).decode(log_probs)
    assert len(found) == min(5, len(expected))
    assert_same([(hypothesis.score, hypothesis.words) for hypothesis in found], expected)


@settings(max_examples=150)
@given(**DRAWN)
def test_search_by_units_finds_the_best_units(
    make_lm: MakeLm, seed: int, lm_seed: int, frames: int, sharpness: float, lm_weight: float, blank_penalty: float,
    log_add: bool,
) -> None:  # fmt: skip
    lm = str(make_lm(lm_seed, LETTERS))
    config = unpruned(lm=lm, lm_weight=lm_weight, nbest=5, log_add=log_add, blank_penalty=blank_penalty)
    log_probs = random_log_probs(seed, frames, sharpness)
    expected = best_units(log_probs, config, kenlm.Model(lm))
    found = build_decoder(config, UNITS).decode(log_probs)
    assert len(found) == min(5, len(expected))
    assert_same([(hypothesis.score, hypothesis.units) for hypothesis in found], expected)


@settings(max_examples=100)
@given(
    seed=st.integers(0, 2**32 - 1), lm_seed=st.integers(0, 9), frames=st.integers(1, 7), by_lexicon=st.booleans(),
    log_add=st.booleans(), penalty=st.sampled_from([0.0, 1.0]),
)  # fmt: skip
def test_the_parts_of_a_hypothesis_belong_together(
    lexicon: Path, make_lm: MakeLm, seed: int, lm_seed: int, frames: int, by_lexicon: bool, log_add: bool,
    penalty: float,
) -> None:  # fmt: skip
    lm = str(make_lm(lm_seed, WORDS if by_lexicon else LETTERS))
    config = unpruned(lm=lm, lm_weight=1.5, log_add=log_add, blank_penalty=penalty)
    if by_lexicon:
        config.lexicon, config.word_score = str(lexicon), 0.7
    log_probs = random_log_probs(seed, frames, 2.0)

    best = build_decoder(config, UNITS).decode(log_probs)[0]

    tokens = best.words if by_lexicon else best.units
    assert best.lm_score == pytest.approx(kenlm.Model(lm).score(" ".join(tokens)), abs=1e-4)
    strings = string_scores(penalize_blank(log_probs, penalty), log_add=False)
    if not log_add:
        assert best.am_score == pytest.approx(strings["".join(best.units)], abs=1e-4)
        bonus = config.word_score * len(best.words)
        assert best.score == pytest.approx(best.am_score + 1.5 * best.lm_score + bonus, abs=1e-4)
    spelled = "".join(best.units).split("|")[:-1]
    if by_lexicon:
        spellings = {(word, spelling.replace(" ", "")[:-1]) for word, spelling in LEXICON}
        assert set(zip(best.words, spelled, strict=True)) <= spellings
    else:
        assert best.words == tuple(spelled)
    assert_times(best, frames)


def assert_times(best: Hypothesis, frames: int) -> None:
    """Units follow one another; a boundary that the recording's end stands for may share the last frame."""
    assert len(best.frames) == len(best.ends) == len(best.units)
    assert len(best.confidences) == len(best.words)
    assert all(0 <= confidence <= 1 for confidence in best.confidences)
    assert all(0 <= start < end <= frames for start, end in zip(best.frames, best.ends, strict=True))
    inner = len(best.units) - 1
    assert all(end <= start for end, start in zip(best.ends[:inner], best.frames[1:inner], strict=False))
