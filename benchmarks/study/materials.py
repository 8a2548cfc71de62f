"""Data of a cell as steps: speech of source and target, text, lexicon, language models."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from study.settings import HUMAN, PHONEMES, CellSettings, UnitSettings
from study.steps import ROOT, Aside, Outside, Place, Step
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist, sha256
from xlpl_plugin.text.corpus.libreoffice import libreoffice_package

LETTERS = UnitSettings()
# of synthetic targets: minutes, least and most words of a spoken sentence, sentences of a grammar's text
_SPOKEN_MINUTES, _SPOKEN_WORDS, _GRAMMAR_LINES = 24.0, (3, 12), 3000
# whoever speaks a synthetic target's test part is heard nowhere else (as in the quickstart)
_TARGET_CAST = ("--voices", "m4 m5 m6 f4", "--test-voices", "m7 m8 f5", "--noise", "0", "15")
# more sentences than are spoken: how long one takes is not known before
_LINES_A_MINUTE = 40
# of MBROLA
_LINES_A_VOICE = 50


@dataclass(frozen=True)
class Target:
    """The target's prepared folder, and the one with its transcripts, which scores and toplines alone read."""

    data: Place
    references: Place


@dataclass(frozen=True)
class TargetText:
    """What is known of the target's language. ``letters``: an LM over units."""

    text: Place
    heldout: Place
    lexicon: Place
    lm: Place
    letters: Place


class Materials:
    """The data of one cell. Environment: GCOMPRIS is a folder of voices, FROM one of Debian's packages."""

    def __init__(self, settings: CellSettings) -> None:
        self.settings = settings
        self.language = settings.target.language

    @cached_property
    def target(self) -> Target:
        """The target's speech, or so many minutes of it."""
        whole = self._whole_target(self.settings.units)
        if not self.settings.target.minutes or self.settings.target.speech != HUMAN:
            return whole
        amount = ("--minutes", f"{self.settings.target.minutes:g}")
        places = {"data": whole.data, "references": whole.references}
        commands = tuple(("part", "audio", place, *amount, "--out", Place(name)) for name, place in places.items())
        step = Step("part", f"{self.language}-{self.settings.target.minutes:g}-minutes", commands)
        return Target(Place("data", step), Place("references", step))

    def _whole_target(self, units: UnitSettings) -> Target:
        hidden = ("--unlabelled", "--references", Place("references"), "--out", Place("data"))
        if self.settings.target.speech == HUMAN:
            words: tuple[Any, ...] = ("asterisk", *_packages(), "--test", "0.25", "--valid", "0.05")
        else:
            minutes = self.settings.target.minutes or _SPOKEN_MINUTES
            spoken = ("--text", self._spoken(minutes), "--minutes", f"{minutes:g}", *_TARGET_CAST)
            words = ("espeak", *spoken, "--test", "0.3", "--valid", "0.06", "--workers", "1")
        command = ("xlpl", "prepare", *words, "--language", self.language, *self._spelling(units), *hidden)
        step = Step("speech", f"target-{self.language}", (command,))
        return Target(Place("data", step), Place("references", step))

    def _spoken(self, minutes: float) -> Place:
        """Sentences for a synthetic target: of the quickstart's grammar where there is one, else of LibreOffice."""
        lines = f"{minutes * _LINES_A_MINUTE:.0f}"
        if self._grammar.exists():
            spoken = ("--spoken", lines, Place("spoken.txt"), "--text", str(_GRAMMAR_LINES), Place("text.txt"))
            command: tuple[Any, ...] = ("phrases", Outside(str(self._grammar), sha256(self._grammar)), *spoken)
            return Place("spoken.txt", Step("spoken", self.language, (command,)))
        words = map(str, _SPOKEN_WORDS)
        command = ("part", "lines", Place("text/text.txt", self._help(())), "--lines", lines, "--words", *words)
        return Place("spoken.txt", Step("spoken", self.language, ((*command, "--out", Place("spoken.txt")),)))

    @property
    def _grammar(self) -> Path:
        return ROOT / "examples/quickstart/grammar" / f"{self.language}.yaml"

    def _help(self, more: tuple[Any, ...]) -> Step:
        """LibreOffice's help, or the grammar's other sentences where the target is made of those."""
        if self.settings.target.speech != HUMAN and self._grammar.exists():
            text = Place("text.txt", self._spoken(self.settings.target.minutes or _SPOKEN_MINUTES).step)
            source: tuple[Any, ...] = (text,)
        else:
            words = self.settings.text.words
            source = ("--libreoffice", *_packages(libreoffice_package(self.language)), "--words", str(words))
        command = ("xlpl", "prepare", "text", *source, "--language", self.language, "--heldout", "0.02", *more)
        return Step("text", self.language, ((*command, "--out", Place("text")),))

    @cached_property
    def text(self) -> TargetText:
        """Text without the sentences that are spoken; lexicon and LMs over the part of it that the settings say."""
        settings = self.settings.text
        whole = self._whole_target(LETTERS)
        step = self._help(("--exclude-manifest", whole.references))
        text, heldout = Place("text/text.txt", step), Place("text/heldout.txt", step)
        if settings.lines:
            command = ("part", "lines", text, "--lines", str(settings.lines), "--out", Place("text.txt"))
            text = Place("text.txt", Step("text", f"{self.language}-{settings.lines}-lines", (command,)))
        texts = [text]
        if settings.words and "--libreoffice" in step.commands[0]:
            texts.append(Place("text/words.txt", step))
        if settings.matched:
            texts.append(self.target.references.inside("train.wrd"))
        return TargetText(text, heldout, self._lexicon(texts), self._lm(texts, heldout), self._letters(text, heldout))

    def _lexicon(self, texts: list[Place]) -> Place:
        limit = self.settings.text.vocabulary
        words: list[Any] = [*texts, *self._spelling_of_text()]
        if limit:
            words += ["--max-words", str(limit)]
        command = ("xlpl", "lexicon", *words, "--out", Place("lexicon.txt"))
        return Place("lexicon.txt", Step("lexicon", self.language, (command,)))

    def _lm(self, texts: list[Place], heldout: Place) -> Place:
        order, limit = self.settings.text.order, str(self.settings.text.vocabulary)
        name = f"{self.language}-{order}-gram"
        if order == 1:
            command: tuple[Any, ...] = ("part", "unigrams", *texts, "--vocabulary", limit, "--out", Place("lm.arpa"))
            return Place("lm.arpa", Step("lm", name, (command,)))
        words = (*texts, "--order", str(order), "--vocab-limit", limit, "--heldout", heldout)
        return Place("lm/lm.bin", Step("lm", name, (("xlpl", "lm", *words, "--out", Place("lm")),)))

    def _letters(self, text: Place, heldout: Place) -> Place:
        words = (text, "--characters", "--order", "6", "--prune", "0", "--heldout", heldout)
        command = ("xlpl", "lm", *words, *self._spelling_of_text(), "--out", Place("lm"))
        return Place("lm/lm.bin", Step("lm", f"{self.language}-units", (command,)))

    def _spelling_of_text(self) -> tuple[Any, ...]:
        """Return the units of the target's words: text is normalised already, phonemes alone need its language."""
        units = self.settings.units
        return (*self._spelling(units), *(("--language", self.language) if units.speller == PHONEMES else ()))

    @cached_property
    def sources(self) -> list[tuple[Place, float, bool]]:
        """Return prepared folder, share of it in an epoch, and whether it is of Asterisk's; the first has all parts."""
        return list(self._sources(self.settings.units))

    def _sources(self, units: UnitSettings) -> Iterator[tuple[Place, float, bool]]:
        chosen = self.settings.sources
        languages = [language for language in chosen.asterisk if language != self.language]
        for language in languages:
            yield self._cut(self._asterisk(language, units), chosen.minutes), 1.0, True
        for folder in chosen.gcompris:
            if folder.partition("_")[0] != self.language:
                yield self._cut(self._gcompris(folder, units)), chosen.gcompris_weight, False
        for language, voices in chosen.mbrola.items():
            if voices and language != self.language:
                yield self._cut(self._mbrola(language, voices.split(), units)), 1.0, False
        first = not languages
        for language, minutes in chosen.espeak.items():
            if chosen.espeak_weight and minutes and language != self.language:
                weight = 1.0 if first else chosen.espeak_weight
                yield self._cut(self._espeak(language, minutes, units, main=first)), weight, False
                first = False

    def _cut(self, speech: Step, minutes: float = 0.0) -> Place:
        share = self.settings.sources.share
        if not minutes and share == 1:
            return Place("data", speech)
        amount = ("--minutes", f"{minutes:g}") if minutes else ("--share", f"{share:g}")
        command = ("part", "audio", Place("data", speech), *amount, "--out", Place("data"))
        return Place("data", Step("part", speech.name, (command,)))

    def _asterisk(self, language: str, units: UnitSettings) -> Step:
        words = ("asterisk", "--language", language, "--test", "0.1", "--valid", "0.05", *_packages())
        return self._prepare(f"asterisk-{language}", words, units)

    def _gcompris(self, folder: str, units: UnitSettings) -> Step:
        table = _voices() / folder / "labels.tsv"
        given = Outside(str(table), sha256(must_exist(table, f"GCompris' voice {folder}")))
        words = ("manifest", given, "--language", folder.partition("_")[0], "--test", "0", "--valid", "0")
        return self._prepare(f"gcompris-{folder}", words, units)

    def _mbrola(self, language: str, voices: list[str], units: UnitSettings) -> Step:
        lines = len(voices) * _LINES_A_VOICE
        spoken = ("part", "phrases", language, "--lines", str(lines), "--out", Place("spoken.txt"))
        text = Place("spoken.txt", Step("spoken", f"phrases-{language}", (spoken,)))
        cast = "VOICES=" + " ".join(f"mbrola:{voice}" for voice in voices)
        words = (cast, "bash", Aside((str(ROOT / "examples/voices/voices.sh"),)), language, text, Place("data"))
        command = ("env", *words, "--test", "0", "--valid", "0", *self._spelling(units))
        return Step("speech", f"mbrola-{language}", (command,))

    def _espeak(self, language: str, minutes: float, units: UnitSettings, *, main: bool) -> Step:
        voices = self.settings.sources.espeak_voices
        parts = ("--valid", "0.1", "--test", "0.1") if main else ("--valid", "0", "--test", "0")
        cast = ("--voices", voices) if voices else ()
        words = ("espeak", "--language", language, "--minutes", f"{minutes:g}", *parts, *cast)
        return self._prepare(f"espeak-{language}", words, units)

    def _prepare(self, name: str, words: tuple[Any, ...], units: UnitSettings) -> Step:
        command = ("xlpl", "prepare", *words, *self._spelling(units), "--out", Place("data"))
        return Step("speech", name, (command,))

    def _spelling(self, units: UnitSettings) -> tuple[Any, ...]:
        return ("--speller", units.speller, *(("--pieces", self._pieces) if units.pieces else ()))

    @cached_property
    def _pieces(self) -> Place:
        """Sentencepiece's pieces of the transcripts of Asterisk's sources and of the target's text."""
        plain = Materials(replace(self.settings, units=replace(self.settings.units, pieces=0)))
        texts = [place.inside("train.wrd") for place, _, human in plain.sources if human]
        words = (*texts, plain.text.text, "--speller", self.settings.units.speller)
        command = (
            "xlpl",
            "prepare",
            "units",
            *words,
            "--size",
            str(self.settings.units.pieces),
            "--out",
            Place("units"),
        )
        return Place("units/pieces.model", Step("units", self.language, (command,)))


def _packages(package: str = "") -> tuple[Any, ...]:
    """Return ``--from`` and the folder of packages, or of them the one that is meant; nothing: apt-get fetches them."""
    folder = os.environ.get("FROM")
    if not folder:
        return ()
    if not package:
        return (Aside(("--from", folder)),)
    found = sorted(Path(folder).glob(f"{package}_*.deb"))
    return (Aside(("--from", str(found[-1]))),) if found else ()


def _voices() -> Path:
    """Return the folder of GCompris' voices.

    Raises:
        XlplError: GCOMPRIS does not say where it is.
    """
    if not os.environ.get("GCOMPRIS"):
        raise XlplError(
            "the cell needs GCompris' voices, and GCOMPRIS is not set",
            expected="GCOMPRIS=FOLDER with LANGUAGE/labels.tsv (columns audio and text) for each language",
            remedy="the clips are those of the public project GCompris-voices, the words those of its word lists "
            "(Debian: gcompris-qt-data); see benchmarks/README.md",
        )
    return must_exist(os.environ["GCOMPRIS"], "the folder of GCompris' voices (GCOMPRIS)")
