"""The two estimators, lmplz and kaldingram, on one corpus: where they agree, and how exactly they differ.

Both are Kneser-Ney over the same n-grams and counts. With c(h w) the count of an n-gram and c(h) that of its history:

* lmplz (modified, interpolated):  p(w|h) = (c(h w) - D_min(c,3)) / c(h) + bow(h) p(w|h')   three discounts an order
* kaldingram (original, back-off): p(w|h) = (c(h w) - D) / c(h), and bow(h) p(w|h') only for unseen n-grams

So single n-grams of one may differ by some tenths in log10, and that is inherent. What must not differ is all that
the formulas share; and on unseen text the two must predict nearly alike.
"""

from __future__ import annotations

import itertools
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xlpl_plugin.files import read_lines, write_lines
from xlpl_plugin.text.kenlm_tools import find_tool
from xlpl_plugin.text.lm import LmOptions, LmReport, build_lm
from xlpl_plugin.text.perplexity import load_lm

pytestmark = pytest.mark.skipif(find_tool("lmplz") is None, reason="no lmplz: run scripts/build_kenlm.sh")

# ARPA files hold log10 rounded to about 6 digits
ROUNDING = 1e-3
Grams = dict[tuple[str, ...], tuple[float, float]]


def zipfian(sentences: int, seed: int) -> list[str]:
    """Return sentences with frequent words, many words seen once, and some dependence of a word on the last one."""
    draw = random.Random(seed)
    lines = []
    for _ in range(sentences):
        words = [0]
        for _ in range(draw.randint(2, 12)):
            words.append(int(draw.paretovariate(0.8)) + 3 * (words[-1] % 4))
        lines.append(" ".join(f"w{word}" for word in words[1:]))
    return lines


TRAIN, HELDOUT = zipfian(3000, seed=1), zipfian(300, seed=2)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_lines(folder / "train.txt", TRAIN)
    write_lines(folder / "heldout.txt", HELDOUT)
    return folder


def both(corpus: Path, out: Path, options: LmOptions) -> tuple[LmReport, LmReport]:
    """Build ``out``/lmplz and, with KenLM's programs out of sight, ``out``/kaldingram."""
    texts, heldout = [corpus / "train.txt"], corpus / "heldout.txt"
    first = build_lm(texts, out / "lmplz", options, heldout=heldout)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PATH", "XLPL_KENLM_BIN"):
            patch.setenv(name, str(out / "nowhere"))
        patch.setattr(sys, "prefix", str(out / "nowhere"))
        second = build_lm(texts, out / "kaldingram", options, heldout=heldout)
    assert (first.estimator, first.discounts) == ("lmplz", "estimated")
    assert second.estimator == "kaldingram"
    return first, second


def read_arpa(file: Path) -> Grams:
    """Return n-gram -> (probability, back-off weight), not their logarithms."""
    columns = [line.split("\t") for line in read_lines(file)]
    rows = [row for row in columns if len(row) > 1]
    return {
        tuple(row[1].split()): (10.0 ** float(row[0]), 10.0 ** float(row[2]) if len(row) > 2 else 1.0) for row in rows
    }


def count_bigrams() -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for line in TRAIN:
        words = ["<s>", *line.split(), "</s>"]
        counts.update(itertools.pairwise(words))
    return counts


def test_bigrams_follow_both_formulas_from_the_same_counts(corpus: Path, tmp_path: Path) -> None:
    both(corpus, tmp_path, LmOptions(order=2))
    modified, original = (read_arpa(tmp_path / name / "lm.arpa") for name in ("lmplz", "kaldingram"))
    counts = count_bigrams()
    assert {gram for gram in modified if len(gram) == 2} == {gram for gram in original if len(gram) == 2} == set(counts)

    # Chen and Goodman's discounts, from the numbers of n-grams seen once, twice, three and four times
    n1, n2, n3, n4 = (sum(count == times for count in counts.values()) for times in (1, 2, 3, 4))
    single = n1 / (n1 + 2 * n2)
    three = {1: 1 - 2 * single * n2 / n1, 2: 2 - 3 * single * n3 / n2, 3: 3 - 4 * single * n4 / n3}
    history: Counter[str] = Counter()
    for (first, _), count in counts.items():
        history[first] += count
    for (first, second), count in counts.items():
        interpolated = modified[first,][1] * modified[second,][0]
        expected = (count - three[min(count, 3)]) / history[first] + interpolated
        assert modified[first, second][0] == pytest.approx(expected, rel=ROUNDING)
        assert original[first, second][0] == pytest.approx((count - single) / history[first], rel=ROUNDING)


@pytest.mark.parametrize("prune", [(), (0, 0, 1)], ids=["whole", "pruned"])
@pytest.mark.parametrize("order", [3, 4])
def test_both_predict_unseen_text_alike(corpus: Path, tmp_path: Path, order: int, prune: tuple[int, ...]) -> None:
    first, second = both(corpus, tmp_path, LmOptions(order=order, prune=prune))
    assert first.heldout is not None
    assert second.heldout is not None
    assert read_arpa(tmp_path / "lmplz" / "lm.arpa").keys() == read_arpa(tmp_path / "kaldingram" / "lm.arpa").keys()
    assert first.heldout.oov == second.heldout.oov > 0
    assert second.heldout.perplexity == pytest.approx(first.heldout.perplexity, rel=0.15)

    scores = [word_scores(load_lm(tmp_path / name / "lm.arpa")) for name in ("lmplz", "kaldingram")]
    assert np.abs(scores[0] - scores[1]).mean() < 0.2
    assert np.corrcoef(*scores)[0, 1] > 0.95


def word_scores(model: Any) -> np.ndarray:
    """Return log10 probabilities of all held-out words and sentence ends."""
    return np.array([score for line in HELDOUT for score, _, _ in model.full_scores(line)])


@pytest.mark.parametrize("name", ["lmplz", "kaldingram"])
def test_probabilities_sum_to_one_in_any_context(corpus: Path, tmp_path: Path, name: str) -> None:
    both(corpus, tmp_path, LmOptions(order=3))
    model = load_lm(tmp_path / name / "lm.arpa")
    vocabulary = sorted({word for line in TRAIN for word in line.split()} | {"</s>", "<unk>"})
    for context in ("", "w1", "w1 w2", "w7 w8", "w1999"):
        total = sum(10.0 ** probability_after(model, context, word) for word in vocabulary)
        assert total == pytest.approx(1.0, abs=ROUNDING)


def probability_after(model: Any, context: str, word: str) -> float:
    """Return log10 p(word | <s> context)."""
    import kenlm

    state, after = kenlm.State(), kenlm.State()
    model.BeginSentenceWrite(state)
    for known in context.split():
        model.BaseScore(state, known, after)
        state, after = after, state
    return float(model.BaseScore(state, word, after))
