"""N-gram models inside the search: KenLM, as flashlight holds it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from flashlight.lib.text.decoder import LM
from flashlight.lib.text.dictionary import Dictionary

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist

UNKNOWN = "<unk>"
# KenLM's messages begin with the place in its source and the name of the exception
_KENLM_SOURCE = re.compile(r"^.* threw \w+( because `.*?')?\.\s*")


def load_lm(path: str | Path, words: Sequence[str]) -> LM:
    """Load a KenLM model (ARPA or binary) over ``words``, all different; a binary is memory-mapped.

    Raises:
        XlplError: no file, or one that KenLM refuses: truncated, not an n-gram model, of another order.
    """
    from flashlight.lib.text.decoder.kenlm import KenLM

    path = must_exist(path, "a KenLM model (ARPA or binary)")
    try:
        return KenLM(str(path), Dictionary(list(words)))
    except (RuntimeError, ValueError) as error:
        raise XlplError(
            f"KenLM cannot load it: {_KENLM_SOURCE.sub('', ' '.join(str(error).split()))}",
            file=path,
            expected="a whole ARPA or KenLM binary file of order 2 to 6",
            remedy="build it again with `xlpl lm`",
        ) from error


def first_word_scores(lm: LM, words: int) -> list[float]:
    """Return log10 P(word | start of sentence) of the first ``words`` words.

    A word that the LM lacks has exactly the score of ``UNKNOWN``.
    """
    start = lm.start(False)
    return [lm.score(start, index)[1] for index in range(words)]


def sentence_scores(lm: LM, indices: Iterable[int]) -> list[float]:
    """Return the log10 probabilities of a sentence's tokens, each after those before it, and of its end."""
    state, scores = lm.start(False), []
    for index in indices:
        state, score = lm.score(state, index)
        scores.append(float(score))
    return [*scores, float(lm.finish(state)[1])]
