"""Text against audio: what the transcripts of a prepared folder say about its audio, and about a text and a lexicon."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xlpl_plugin.data.manifest import Manifest
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.files import iter_lines
from xlpl_plugin.text.identifying import other_languages
from xlpl_plugin.text.language import find_language
from xlpl_plugin.text.scripts import scripts_of
from xlpl_plugin.text.spelling.lexicon import count_words, read_lexicon

# nobody speaks faster for a whole utterance; slower is mostly silence, or a transcript that is not whole
FASTEST_WORDS, SLOWEST_WORDS = 6.0, 0.3
# of an AM that joins four frames of 10 ms, as the default one does
FRAME_SECONDS = 0.04
_SHOWN = 10


@dataclass(frozen=True)
class Remark:
    """Something to know about a folder that need not be wrong."""

    kind: str
    text: str


def check_transcripts(
    splits: Mapping[str, Manifest], language: str, *, text: Path | None = None, lexicon: Path | None = None
) -> list[Remark]:
    """Compare the transcripts of all parts with their audio, with normalised ``text`` and with a ``lexicon``."""
    utterances = _Transcribed(splits)
    words = count_words(utterance.words or "" for utterance in utterances)
    if not words:
        return []
    sentences = (utterance.words or "" for utterance in utterances)
    remarks = [*_speed(utterances), *_foreign(words, language), *_languages(sentences, language, "transcripts")]
    remarks += [*_unknown_words(words, text), *_languages(iter_lines(text), language, str(text))] if text else []
    remarks += _unknown_units(utterances, lexicon) if lexicon else []
    return remarks


class _Transcribed(Iterable[Utterance]):
    """The utterances of all parts that have a transcript, again and again."""

    def __init__(self, splits: Mapping[str, Manifest]) -> None:
        self._splits = splits

    def __iter__(self) -> Iterator[Utterance]:
        for manifest in self._splits.values():
            yield from (utterance for utterance in manifest.utterances if utterance.words)


def _speed(utterances: Iterable[Utterance]) -> Iterator[Remark]:
    for what, odd in (
        (f"more than {FASTEST_WORDS:g} words a second", lambda rate: rate > FASTEST_WORDS),
        (f"fewer than {SLOWEST_WORDS:g} words a second", lambda rate: rate < SLOWEST_WORDS),
    ):
        total, found, shown = 0, 0, list[str]()
        for utterance in utterances:
            total += 1
            if odd(len((utterance.words or "").split()) / utterance.seconds):
                found += 1
                shown += [utterance.id] if found <= _SHOWN + 1 else []
        if found:
            yield Remark("speed", f"{found} of {total} utterances have {what}: {_some(shown)}")


def _foreign(words: Counter[str], language: str) -> Iterator[Remark]:
    own = find_language(language).scripts
    foreign = {word: n for word, n in words.items() if own and any(s and not s & own for s in map(scripts_of, word))}
    if foreign:
        share = sum(foreign.values()) / words.total()
        yield Remark("script", f"{share:.1%} of the words have letters of another script: {_some(list(foreign))}")


def _languages(sentences: Iterable[str], language: str, of: str) -> Iterator[Remark]:
    if found := str(other_languages(sentences, language)):
        yield Remark("language", f"{of}: {found}")


def _unknown_words(words: Counter[str], text: Path) -> Iterator[Remark]:
    known = set(count_words(iter_lines(text)))
    unknown = Counter({word: count for word, count in words.items() if word not in known})
    share = unknown.total() / words.total()
    common = [word for word, _ in unknown.most_common(_SHOWN)]
    yield Remark(
        "OOV", f"{share:.1%} of the transcripts' words are not in {text}" + (f": {_some(common)}" if common else "")
    )


def _unknown_units(utterances: Iterable[Utterance], lexicon: Path) -> Iterator[Remark]:
    seen = {unit for utterance in utterances for unit in (utterance.units or "").split()}
    spellings = read_lexicon(lexicon).spellings
    missing = Counter(unit for kinds in spellings.values() for unit in {u for kind in kinds for u in kind} - seen)
    for unit, count in missing.most_common():
        share = count / len(spellings)
        yield Remark("units", f"no transcript has {unit!r}; {share:.1%} of the words of {lexicon} are spelled with it")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" ..." if len(names) > _SHOWN else "")
