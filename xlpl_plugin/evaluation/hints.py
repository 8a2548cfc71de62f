"""What a person should know about a table of scores before believing it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence

from xlpl_plugin.evaluation.counting import count_words
from xlpl_plugin.evaluation.texts import References, System

# of WER, absolute: more than this is not about single words
_TELLING = 0.05


def hints(systems: Sequence[System], references: References) -> Iterator[str]:
    """Yield a sentence for each system whose errors are to a good part a matter of case or punctuation."""
    for system in systems:
        expected = references.text(system.script)
        plain, bare = (_word_errors(system.texts, expected, edit) for edit in (str, _bare))
        if plain - bare > _TELLING:
            yield (
                f"{system.name}: WER would be {100 * bare:.1f} % instead of {100 * plain:.1f} % without regard to case "
                "and punctuation. Were both normalised alike? xlpl prepare manifest normalises references."
            )


def _word_errors(texts: Mapping[str, str], expected: Mapping[str, str], edit: Callable[[str], str]) -> float:
    counts = count_words(map(edit, expected.values()), (edit(texts[key]) for key in expected))
    return int(counts.errors.sum()) / max(1, int(counts.length.sum()))


def _bare(text: str) -> str:
    kept = "".join(" " if unicodedata.category(c)[0] == "P" and c != "'" else c for c in text.casefold())
    return " ".join(kept.split())
