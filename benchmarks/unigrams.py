"""A language model that looks at single words alone, where a benchmark needs one and not what it says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from xlpl_plugin.files import write_lines


def write_unigrams(file: Path, scores: Mapping[str, float]) -> None:
    """Write an ARPA file: log10 of each word, and a bigram, without which no model loads."""
    first = next(iter(scores))
    head = ["\\data\\", f"ngram 1={len(scores) + 3}", "ngram 2=1", ""]
    marks = ["\\1-grams:", "-5\t<unk>", "-99\t<s>\t0", "-1\t</s>"]
    grams = (f"{score:.4f}\t{word}\t0" for word, score in scores.items())
    write_lines(file, [*head, *marks, *grams, "", "\\2-grams:", f"-2\t<s> {first}", "", "\\end\\"])
