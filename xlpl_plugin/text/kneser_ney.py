"""Kneser-Ney in pure Python (kaldingram), for machines without lmplz."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from xlpl_plugin.files import atomic_open, iter_lines

UNKNOWN = "<unk>"


def estimate_with_kaldingram(
    text: Path, arpa: Path, *, order: int, prune: Sequence[int], vocabulary: frozenset[str] | None
) -> None:
    """Estimate unmodified Kneser-Ney and write an ARPA file.

    Vocabulary, pruning and ``<unk>`` are treated as lmplz treats them, so that both give models with the same n-grams
    and nearly the same perplexity: discounts come from all n-grams; what is then left out (counts of at most
    ``prune``, words outside ``vocabulary``) gives its mass to the back-off; ``<unk>`` is as probable as a word that was
    seen after one other word.
    """
    from kaldingram.train import NgramCounts

    counts = NgramCounts(order)
    for line in tqdm(iter_lines(text), unit="line", desc="counting n-grams"):
        words = line.split()
        known = words if vocabulary is None else [word if word in vocabulary else UNKNOWN for word in words]
        counts.add_raw_counts_from_line(" ".join(known))
    with contextlib.redirect_stderr(io.StringIO()):  # a progress bar for each order of each step
        counts.cal_discounting_constants()
        counts.cal_f()
        _leave_out_unknown(counts)
        if prune:
            cutoffs = [*prune, *[prune[-1]] * (order - len(prune))]
            counts.apply_count_cutoffs([cutoff + 1 if cutoff else 0 for cutoff in cutoffs])
        _forget_left_out(counts)
        _give_unknown_its_share(counts)
        counts.cal_bow()
        with atomic_open(arpa) as stream:
            counts.print_as_arpa(fout=stream)


def _leave_out_unknown(counts: Any) -> None:
    """Remove every n-gram of two or more words with ``<unk>`` in it."""
    for of_order in counts.counts[1:]:
        for history in list(of_order):
            of_order[history].word_to_count.pop(UNKNOWN, None)
            if UNKNOWN in history or not of_order[history].word_to_count:
                del of_order[history]


def _forget_left_out(counts: Any) -> None:
    """Drop the probabilities of n-grams that have lost their counts: the ARPA header counts probabilities."""
    for of_order in counts.counts:
        for entry in of_order.values():
            entry.word_to_f = {word: entry.word_to_f[word] for word in entry.word_to_count}


def _give_unknown_its_share(counts: Any) -> None:
    """Count ``<unk>`` as seen after one word, and norm the unigrams anew."""
    unigrams = counts.counts[0][()]
    contexts = {word: len(unigrams.word_to_context[word]) for word in unigrams.word_to_count}
    contexts[UNKNOWN] = 1
    total = sum(contexts.values())
    unigrams.word_to_count[UNKNOWN] += 1
    unigrams.word_to_f = {word: count / total for word, count in contexts.items()}
