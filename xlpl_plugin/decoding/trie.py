"""The words to search for: a trie of their spellings, with the LM's scores for looking ahead."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flashlight.lib.text.decoder import LM, SmearingMode, Trie, ZeroLM

from xlpl_plugin.data.units import BLANK_INDEX, PIECE_MARK, WORD_BOUNDARY
from xlpl_plugin.decoding.language_model import UNKNOWN, first_word_scores, load_lm
from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.spelling.lexicon import HOMOGRAPH_LIMIT
from xlpl_plugin.text.spelling.speller import Spelling

logger = logging.getLogger(__name__)

# of the lexicon's words, the share that the LM knows: frequent words beside a small text leave it at a half
WARN_BELOW_KNOWN = 0.5
REFUSE_BELOW_KNOWN = 0.02


@dataclass(frozen=True)
class SearchSpace:
    """What does not depend on weights and takes long to build: words, their trie, and the LM.

    Attributes:
        dropped: words left out: the units cannot write them, or more probable ones, or equals before them, share their
            spelling.
    """

    words: tuple[str, ...]
    trie: Trie
    lm: LM
    dropped: tuple[str, ...]


def build_search_space(
    entries: Iterable[tuple[str, Spelling]], units: Sequence[str], lm_path: str | Path = ""
) -> SearchSpace:
    """Build the trie of ``entries`` (word, spelling) and load the LM, if there is one.

    Raises:
        XlplError: no entry, a spelling that is not one whole word, or an LM file that cannot be loaded.
    """
    pairs = dict.fromkeys(entries)
    if not pairs:
        raise XlplError("the lexicon is empty", expected="at least one word with a spelling")
    _require_whole_words(pairs, WORD_BOUNDARY in units)
    words = tuple(dict.fromkeys(word for word, _ in pairs))
    lm = load_lm(lm_path, (*words, UNKNOWN)) if lm_path else ZeroLM()
    # the probability after <s> stands for that in any context: it lets the beam look ahead inside a word
    *unigrams, unknown = first_word_scores(lm, len(words) + 1)
    if lm_path:
        _check_coverage(words, unigrams, unknown, lm_path)
    homographs = _homographs(pairs, words, unigrams, unknown)

    unit_index = {unit: index for index, unit in enumerate(units)}
    trie = Trie(len(units), BLANK_INDEX)
    for spelling, indices in homographs.items():
        path = [unit_index[unit] for unit in spelling]
        for index in indices:
            trie.insert(path, index, unigrams[index])
    trie.smear(SmearingMode.MAX)
    kept = {index for indices in homographs.values() for index in indices}
    dropped = tuple(word for index, word in enumerate(words) if index not in kept)
    if dropped:
        some = " ".join(dropped[:10]) + (" ..." if len(dropped) > 10 else "")
        logger.warning("%d words left out, since likelier ones are spelled alike: %s", len(dropped), some)
    return SearchSpace(words, trie, lm, dropped)


def _check_coverage(words: Sequence[str], unigrams: Sequence[float], unknown: float, lm: str | Path) -> None:
    """Refuse an LM that knows hardly a word of the lexicon, and warn of one that knows few."""
    known = sum(score != unknown for score in unigrams) / len(words)
    if known >= WARN_BELOW_KNOWN:
        return
    strangers = [word for word, score in zip(words, unigrams, strict=False) if score == unknown]
    problem = f"the LM knows {known:.0%} of the lexicon's {len(words)} words; not {', '.join(strangers[:3])}"
    if known < REFUSE_BELOW_KNOWN:
        raise XlplError(
            problem,
            file=lm,
            expected="an LM over the lexicon's words: the same case, the same normalising, words and not letters",
            remedy="make text, lexicon and LM with `xlpl prepare text`, `xlpl lexicon` and `xlpl lm` of one language",
        )
    logger.warning("%s: %s. Words that it lacks are all alike to it", lm, problem)


def _require_whole_words(pairs: Iterable[tuple[str, Spelling]], has_boundary: bool) -> None:
    """Labels, lexicon and search must agree on where words end."""
    for word, spelling in pairs:
        if has_boundary:
            whole = spelling[-1] == WORD_BOUNDARY and len(spelling) > 1 and spelling.count(WORD_BOUNDARY) == 1
        else:
            whole = [unit.startswith(PIECE_MARK) for unit in spelling] == [True] + [False] * (len(spelling) - 1)
        if not whole:
            raise XlplError(
                f"the spelling {' '.join(spelling)!r} of {word!r} is not one whole word",
                expected=f"letters, and {WORD_BOUNDARY!r} at the end alone"
                if has_boundary
                else f"pieces of which the first alone begins with {PIECE_MARK!r}",
                remedy="build the lexicon with `xlpl lexicon`",
            )


def _homographs(
    pairs: Iterable[tuple[str, Spelling]], words: Sequence[str], unigrams: Sequence[float], unknown: float
) -> dict[Spelling, list[int]]:
    """Return the indices of each spelling's words, the most probable ones, as many as the trie keeps.

    Words that the LM lacks are all alike to it, as all words are where there is no LM. Of these the lexicon's first
    is kept: the search would choose among equals by their addresses in memory, differently in every process.
    """
    index_of = {word: index for index, word in enumerate(words)}
    by_spelling: dict[Spelling, list[int]] = defaultdict(list)
    for word, spelling in pairs:
        index = index_of[word]
        if unigrams[index] != unknown or all(unigrams[other] != unknown for other in by_spelling[spelling]):
            by_spelling[spelling].append(index)
    return {
        spelling: sorted(indices, key=lambda index: -unigrams[index])[:HOMOGRAPH_LIMIT]
        for spelling, indices in by_spelling.items()
    }
