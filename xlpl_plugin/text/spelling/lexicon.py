"""The lexicon: which unit sequences stand for which native-script word."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import iter_lines, write_lines
from xlpl_plugin.text.spelling.speller import Speller, Spelling
from xlpl_plugin.text.symbols import LM_MARKS, SPECIAL_SYMBOLS

# flashlight's trie holds no more words of one spelling, and drops the others without a word
HOMOGRAPH_LIMIT = 6
_SPECIAL = frozenset(SPECIAL_SYMBOLS)


@dataclass(frozen=True)
class Lexicon:
    """Words with their spellings, in the order in which they were found (by count, when built).

    Attributes:
        spellings: word -> spellings, the likeliest first.
        unspelled: words left out since the speller had no spelling for them.
        crowded_out: words left out since commoner words share every spelling of theirs.
    """

    spellings: Mapping[str, tuple[Spelling, ...]]
    unspelled: tuple[str, ...] = field(default=())
    crowded_out: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.spellings)

    def __contains__(self, word: object) -> bool:
        return word in self.spellings

    def entries(self) -> Iterator[tuple[str, Spelling]]:
        """Yield the lines of the lexicon file: a word once for each of its spellings."""
        for word, spellings in self.spellings.items():
            for spelling in spellings:
                yield word, spelling

    def homographs(self) -> dict[Spelling, tuple[str, ...]]:
        """Return the spellings that several words share, with those words."""
        words: defaultdict[Spelling, list[str]] = defaultdict(list)
        for word, spelling in self.entries():
            words[spelling].append(word)
        return {spelling: tuple(same) for spelling, same in words.items() if len(same) > 1}


def count_words(lines: Iterable[str], known: Container[str] | None = None) -> Counter[str]:
    """Count the words of normalised text; with ``known``, such as a lexicon's spellings, those of them alone."""
    counts: Counter[str] = Counter()
    for line in lines:
        words = line.split()
        counts.update(words if known is None else (word for word in words if word in known))
    return counts


def rank_words(counts: Mapping[str, int], *, min_count: int = 1, max_words: int | None = None) -> list[str]:
    """Return the words, the commonest first, those of one count in alphabetical order: always the same for a text."""
    common = (word for word, count in counts.items() if count >= min_count)
    return sorted(common, key=lambda word: (-counts[word], word))[:max_words]


def build_lexicon(
    words: Iterable[str] | Mapping[str, int],
    speller: Speller,
    *,
    min_count: int = 1,
    max_words: int | None = None,
    homograph_limit: int = HOMOGRAPH_LIMIT,
) -> Lexicon:
    """Spell the words, the commonest first; at most ``homograph_limit`` words keep the same spelling.

    ``words`` is running words, or a table of counts.

    Raises:
        XlplError: no word is left.
    """
    counts = words if isinstance(words, Mapping) else Counter(words)
    ranked = rank_words(counts, min_count=min_count, max_words=max_words)
    spellings: dict[str, tuple[Spelling, ...]] = {}
    sharing: Counter[Spelling] = Counter()
    unspelled: list[str] = []
    crowded_out: list[str] = []
    for word in ranked:
        found = list(dict.fromkeys(speller.spell(word)))
        kept = tuple(spelling for spelling in found if sharing[spelling] < homograph_limit)
        sharing.update(kept)
        if kept:
            spellings[word] = kept
        else:
            (crowded_out if found else unspelled).append(word)
    if not spellings:
        raise XlplError(
            f"no word for the lexicon among {len(counts)}",
            expected=f"words that occur {min_count} times or more and can be spelled",
            remedy="lower the minimum count, or choose another speller",
        )
    return Lexicon(spellings, tuple(unspelled), tuple(crowded_out))


def write_lexicon(file: str | Path, lexicon: Lexicon) -> None:
    """Write ``word<TAB>h e l l o |``, one spelling a line."""
    write_lines(file, (f"{word}\t{' '.join(spelling)}" for word, spelling in lexicon.entries()))


def read_lexicon(file: str | Path) -> Lexicon:
    """Read a lexicon file.

    Raises:
        XlplError: a malformed line, a mark of language models as a word, a special symbol in a spelling (file and line
            are named), no lines.
    """
    spellings: dict[str, tuple[Spelling, ...]] = {}
    for number, line in enumerate(iter_lines(file), start=1):
        word, tab, rest = line.partition("\t")
        spelling = tuple(rest.split())
        if not tab or not spelling or word.split() != [word]:
            raise XlplError(f"cannot read {line!r}", file=file, line=number, expected="word<TAB>h e l l o |")
        if word in LM_MARKS:
            raise XlplError(
                f"{word} is a mark of language models, not a word",
                file=file,
                line=number,
                expected="words that somebody says",
                remedy="remove the line; the decoder knows the marks by itself",
            )
        if special := _SPECIAL.intersection(spelling):
            raise XlplError(
                f"the spelling of {word!r} uses {min(special)!r}, which is no unit that somebody says",
                file=file,
                line=number,
                expected="letters or pieces",
                remedy="build the lexicon with `xlpl lexicon`",
            )
        before = spellings.get(word, ())
        spellings[word] = before if spelling in before else (*before, spelling)
    if not spellings:
        raise XlplError("empty lexicon", file=file, expected="word<TAB>h e l l o |, one spelling a line")
    return Lexicon(spellings)
