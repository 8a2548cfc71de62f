"""Loading n-gram models, and how well they predict text that they were not made from."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist

# KenLM's messages begin with the file and the place in its own source
_KENLM_SOURCE = re.compile(r"^Cannot read model '[^']*' \((?:.*? threw \w+(?: because `.*?')?\. ?)?")


@dataclass(frozen=True)
class HeldOut:
    """An n-gram model on held-out text.

    Attributes:
        sentences, words: size of the text; the ends of sentences are no words, but count in the perplexities.
        oov: words that the model lacks.
        perplexity: over all but the unknown words, so it compares models of one vocabulary only.
        perplexity_with_oov: over all words, the unknown ones at the model's probability of ``<unk>``.
    """

    sentences: int
    words: int
    oov: int
    perplexity: float
    perplexity_with_oov: float

    @property
    def oov_rate(self) -> float:
        return self.oov / self.words


def load_lm(file: str | Path) -> Any:
    """Load an ARPA or binary model as ``kenlm.Model`` (binary ones are memory-mapped).

    Raises:
        XlplError: the file is missing, truncated or no such model.
    """
    import kenlm

    file = must_exist(file, "an n-gram model (.arpa or .bin)")
    if file.is_dir() or file.stat().st_size == 0:
        raise XlplError("not a file with content", file=file, expected="an n-gram model (.arpa or .bin)")
    config = kenlm.Config()
    config.show_progress = False
    config.arpa_complain = kenlm.ARPALoadComplain.NONE
    try:
        return kenlm.Model(str(file), config)
    except (OSError, RuntimeError) as error:
        reason = _KENLM_SOURCE.sub("", " ".join(str(error).split()))
        raise XlplError(
            f"cannot load this language model: {reason[:200]}",
            file=file,
            expected="a whole ARPA file or KenLM binary",
            remedy="build it again with xlpl lm",
        ) from error


def evaluate_lm(model: Any, lines: Iterable[str]) -> HeldOut:
    """Score sentences, each with its beginning and end.

    Raises:
        XlplError: there is no word to score.
    """
    sentences = words = oov = 0
    known = unknown = 0.0  # log10
    for line in lines:
        scores = list(model.full_scores(line)) if line.split() else []
        sentences += bool(scores)
        words += max(len(scores) - 1, 0)  # the last score is the sentence's end
        oov += sum(is_oov for _, _, is_oov in scores)
        known += math.fsum(score for score, _, is_oov in scores if not is_oov)
        unknown += math.fsum(score for score, _, is_oov in scores if is_oov)
    if not words:
        raise XlplError("no words in the held-out text", expected="normalised sentences, one a line")
    return HeldOut(
        sentences=sentences,
        words=words,
        oov=oov,
        perplexity=10 ** (-known / (words - oov + sentences)),
        perplexity_with_oov=10 ** (-(known + unknown) / (words + sentences)),
    )
