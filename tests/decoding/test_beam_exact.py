"""The beam search against a search of every alignment, on problems small enough for that."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from pathlib import Path

import kenlm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xlpl_plugin.decoding import DecoderConfig, build_decoder

UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "a", "b")
USED = (0, 4, 5, 6)  # the special symbols but the blank are shut
LEXICON = [("A", "a |"), ("À", "a |"), ("Ba", "b a |"), ("Aa", "a a |"), ("B", "b |"), ("Bab", "b a b |")]
ARPA = """\\data\\
ngram 1=9
ngram 2=6

\\1-grams:
-99\t<s>\t-0.3
-1.2\t</s>
-2.5\t<unk>
-0.9\tA\t-0.2
-1.3\tÀ\t-0.5
-1.0\tBa\t-0.1
-1.7\tAa\t-0.4
-0.8\tB\t-0.6
-1.5\tC\t-0.6

\\2-grams:
-0.5\t<s> À
-1.9\t<s> A
-0.2\tÀ B
-0.3\tB </s>
-0.4\tBa A
-0.6\tA A

\\end\\
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("decoder")
    lexicon, lm = folder / "lexicon.txt", folder / "lm.arpa"
    lexicon.write_text("".join(f"{word}\t{spelling}\n" for word, spelling in LEXICON), encoding="utf-8")
    lm.write_text(ARPA, encoding="utf-8")
    return lexicon, lm


def random_log_probs(seed: int, frames: int, sharpness: float) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(size=(frames, len(UNITS))) * sharpness
    logits[:, 1:4] = -1e9
    return (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)


def string_scores(log_probs: np.ndarray, log_add: bool) -> dict[str, float]:
    """Score of each letter string: best alignment, or the sum of all; boundaries that end no word do not count."""
    scores: dict[str, float] = defaultdict(lambda: -math.inf)
    for path in itertools.product(USED, repeat=len(log_probs)):
        string = ""
        for unit, _ in itertools.groupby(path):
            if unit != 0 and not (UNITS[unit] == "|" and (not string or string.endswith("|"))):
                string += UNITS[unit]
        score = float(sum(log_probs[frame, unit] for frame, unit in enumerate(path)))
        scores[string] = float(np.logaddexp(scores[string], score)) if log_add else max(scores[string], score)
    return scores


Scored = tuple[float, tuple[str, ...]]


def brute_force(log_probs: np.ndarray, config: DecoderConfig, lm: kenlm.Model | None) -> list[Scored]:
    """Return (total, words) of every word sequence that an alignment can spell, best first.

    Without an LM nothing tells homographs apart, and the first of the lexicon stands for them.
    """
    readings = defaultdict(list)
    for word, spelling in LEXICON:
        if lm or not readings[spelling.replace(" ", "")]:
            readings[spelling.replace(" ", "")].append(word)
    found = []
    for string, am_score in string_scores(log_probs, config.log_add).items():
        if string and not string.endswith("|"):
            continue
        for words in itertools.product(*(readings[f"{spelled}|"] for spelled in string.split("|")[:-1])):
            lm_score = lm.score(" ".join(words)) if lm else 0.0
            found.append((am_score + config.lm_weight * lm_score + config.word_score * len(words), words))
    return sorted(found, reverse=True)


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    frames=st.integers(1, 7),
    sharpness=st.floats(0.2, 4.0),
    lm_weight=st.floats(0.0, 4.0),
    word_score=st.floats(-3.0, 3.0),
    with_lm=st.booleans(),
    log_add=st.booleans(),
)
def test_beam_finds_the_best_words_and_their_score(
    files: tuple[Path, Path], seed: int, frames: int, sharpness: float, lm_weight: float, word_score: float,
    with_lm: bool, log_add: bool,
) -> None:  # fmt: skip
    lexicon, lm = files
    config = DecoderConfig(
        lexicon=str(lexicon), lm=str(lm) if with_lm else "", lm_weight=lm_weight, word_score=word_score,
        beam=10_000, beam_token=len(UNITS), beam_threshold=1e5, nbest=3, log_add=log_add,
    )  # fmt: skip
    log_probs = random_log_probs(seed, frames, sharpness)
    expected = brute_force(log_probs, config, kenlm.Model(str(lm)) if with_lm else None)

    found = build_decoder(config, UNITS).decode(log_probs)

    assert [hypothesis.score for hypothesis in found] == pytest.approx([total for total, _ in expected[:3]], abs=1e-3)
    # readings that differ by rounding alone may come in either order
    assert found[0].words in {words for total, words in expected if total > expected[0][0] - 1e-3}


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), frames=st.integers(1, 7))
def test_score_parts_are_those_of_the_words(files: tuple[Path, Path], seed: int, frames: int) -> None:
    lexicon, lm = files
    config = DecoderConfig(
        lexicon=str(lexicon), lm=str(lm), lm_weight=1.5, word_score=0.7, beam=10_000, beam_token=7, beam_threshold=1e5
    )
    log_probs = random_log_probs(seed, frames, 2.0)

    best = build_decoder(config, UNITS).decode(log_probs)[0]

    assert best.lm_score == pytest.approx(kenlm.Model(str(lm)).score(" ".join(best.words)), abs=1e-4)
    assert best.am_score == pytest.approx(string_scores(log_probs, False)["".join(best.units)], abs=1e-4)
    assert best.score == pytest.approx(best.am_score + 1.5 * best.lm_score + 0.7 * len(best.words), abs=1e-4)
    spellings = defaultdict(set)
    for word, spelling in LEXICON:
        spellings[word].add(spelling)
    assert " ".join(best.units) == " ".join(spelling for word in best.words for spelling in spellings[word])
    assert list(best.frames) == sorted(set(best.frames))
    assert all(0 <= frame < frames for frame in best.frames)
