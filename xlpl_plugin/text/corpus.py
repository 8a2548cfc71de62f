"""Unpaired text of a language: files to normalised, different sentences, one a line."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from xlpl_plugin.debian import fetch_package
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import new_output, read_lines, write_json, write_lines
from xlpl_plugin.text.documents import DocumentFiles, read_sentences
from xlpl_plugin.text.lexicon import count_words
from xlpl_plugin.text.normalizer import Normalizer
from xlpl_plugin.text.wordlist import frequent_words

# shorter pieces are shared by any two texts of a language and say nothing about a leak
_TELLING_WORDS = 5
# codes in the names of LibreOffice's packages where they are not the language's own
_LIBREOFFICE = {"en": "en-us", "pt": "pt", "zh": "zh-cn"}


@dataclass(frozen=True)
class TextReport:
    """What ``prepare text`` found and left out, in sentences unless it says otherwise."""

    language: str
    documents: int
    sentences: int
    words: int
    types: int
    heldout_sentences: int
    heldout_words: int
    # normalised to nothing
    empty: int
    duplicates: int
    # shared with the transcripts that were to be kept out
    excluded: int
    # characters that are not spoken -> how often
    dropped_characters: dict[str, int] = field(default_factory=dict)
    # notes in brackets and addresses, taken out whole
    removed_notes: int = 0


class Exclusion:
    """Knows the transcripts that language model text must not share (the *unmatched* protocol).

    A sentence is shared if it is a transcript, or if one of the two holds the other and that one has five words or
    more.
    """

    def __init__(self, transcripts: Iterable[str]) -> None:
        self._whole = set(transcripts)
        self._joined = "\n".join(f" {text} " for text in sorted(self._whole))
        self._long = [f" {text} " for text in self._whole if text.count(" ") + 1 >= _TELLING_WORDS]

    def __contains__(self, sentence: object) -> bool:
        if not isinstance(sentence, str) or not self._whole:
            return False
        padded = f" {sentence} "
        if sentence in self._whole or (sentence.count(" ") + 1 >= _TELLING_WORDS and padded in self._joined):
            return True
        return any(text in padded for text in self._long if len(text) < len(padded))


def read_transcripts(folders: Sequence[Path]) -> list[str]:
    """Return every line of the .wrd files of prepared folders.

    Raises:
        XlplError: a folder has no .wrd file.
    """
    lines: list[str] = []
    for folder in folders:
        files = sorted(folder.glob("*.wrd"))
        if not files:
            raise XlplError("no .wrd files", file=folder, expected="a prepared folder with transcripts")
        for file in files:
            lines += read_lines(file)
    return lines


def libreoffice_package(language: str) -> str:
    """Return the name of Debian's package of LibreOffice's help: ``it``, ``pt_BR`` -> ``libreoffice-help-pt-br``."""
    code = language.replace("_", "-").lower()
    return f"libreoffice-help-{_LIBREOFFICE.get(code, code)}"


def prepare_text(
    language: str,
    paths: Sequence[str | Path],
    out: str | Path,
    *,
    exclude: Sequence[Path] = (),
    heldout: float = 0.0,
    rules: Path | None = None,
    words: int = 0,
    force: bool = False,
) -> TextReport:
    """Write ``text.txt`` (and ``heldout.txt``) of the different normalised sentences below ``paths``, and a report.

    With ``words``, so many frequent words of the language go to ``words.txt``, normalised, one a line.

    A sentence is held out by its hash, so that the same sentence is always on the same side.

    Raises:
        XlplError: nothing to read, nothing left of it, a file that is not text, or results in ``out`` already.
    """
    out = new_output(out, force=force)
    normalizer = Normalizer(language, rules)
    frequent = [normalizer.normalize(word) for word in frequent_words(language, words)] if words else []
    excluded = Exclusion(read_transcripts(exclude))
    counts: Counter[str] = Counter()
    kept: dict[str, None] = {}
    with DocumentFiles(paths) as files:
        for sentence in _normalized(files, normalizer):
            reason = _reason(sentence, kept, excluded)
            counts[reason] += 1
            if reason == "kept":
                kept[sentence] = None
    if not kept:
        raise XlplError(f"no sentence left of {counts.total()}", expected="written text", remedy="give more text")
    sides: dict[bool, list[str]] = {True: [], False: []}
    for sentence in kept:
        sides[_is_held_out(sentence, heldout)].append(sentence)
    report = _report(language, len(files), counts, sides, normalizer)
    write_lines(out / "text.txt", sides[False])
    if heldout:
        write_lines(out / "heldout.txt", sides[True])
    else:
        (out / "heldout.txt").unlink(missing_ok=True)  # of an earlier run, under --force
    if words:
        write_lines(out / "words.txt", dict.fromkeys(filter(None, frequent)))
    write_json(out / "report.json", report)
    return report


def libreoffice_files(language: str, source: Path | None = None, cache: Path | None = None) -> Path:
    """Return ``source``, or the files of LibreOffice's help in ``language`` from Debian.

    Raises:
        XlplError: there is no such package, or it cannot be fetched.
    """
    return source if source is not None else fetch_package(libreoffice_package(language), cache)


def _normalized(files: Sequence[Path], normalizer: Normalizer) -> Iterator[str]:
    for file in tqdm(files, unit="file", desc="reading"):
        for sentence in read_sentences(file):
            yield normalizer.normalize(sentence)


def _reason(sentence: str, kept: dict[str, None], excluded: Exclusion) -> str:
    if not sentence:
        return "empty"
    if sentence in kept:
        return "duplicates"
    return "excluded" if sentence in excluded else "kept"


def _is_held_out(sentence: str, fraction: float) -> bool:
    digest = hashlib.sha256(sentence.encode()).digest()
    return int.from_bytes(digest[:8], "big") < fraction * 2**64


def _report(
    language: str, documents: int, counts: Counter[str], sides: dict[bool, list[str]], normalizer: Normalizer
) -> TextReport:
    words = count_words(sides[False])
    return TextReport(
        language=language,
        documents=documents,
        sentences=len(sides[False]),
        words=words.total(),
        types=len(words),
        heldout_sentences=len(sides[True]),
        heldout_words=count_words(sides[True]).total(),
        empty=counts["empty"],
        duplicates=counts["duplicates"],
        excluded=counts["excluded"],
        dropped_characters=dict(normalizer.dropped.most_common()),
        removed_notes=normalizer.removed.total(),
    )
