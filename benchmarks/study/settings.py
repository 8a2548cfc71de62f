"""What a cell of the study sets: data, units, text, amounts, and the recipes of its trainings."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any

from xlpl_plugin.schema import option

HUMAN, SYNTHETIC = "asterisk", "espeak"
PHONEMES = "phonemes"


@dataclass
class TargetSettings:
    """The language that is learned without transcripts."""

    language: str = option("it", "two-letter code")
    speech: str = option(
        HUMAN, "asterisk: prompts, people; espeak: synthetic, made by espeak-ng", choices=(HUMAN, SYNTHETIC)
    )
    minutes: float = option(0.0, "of audio to learn from; 0: all there is (espeak: 16)", least=0)


@dataclass
class SourceSettings:
    """Labelled speech that the source AM learns from. Whatever is of the target's language is taken out."""

    asterisk: list[str] = option([], "languages of Asterisk's prompts")
    gcompris: list[str] = option([], "folders of GCompris' voices, such as de or pt_BR (environment: GCOMPRIS)")
    gcompris_weight: float = option(0.5, "share of these voices in each epoch", above=0)
    mbrola: dict[str, str] = option({}, "language: voices of MBROLA (synthetic, of people's diphones); empty: none")
    espeak: dict[str, float] = option({}, "language: minutes of synthetic speech; 0: none")
    espeak_weight: float = option(0.5, "share of the synthetic speech in each epoch; 0: none at all", least=0)
    espeak_voices: str = option("", "espeak-ng's voice variants; empty: all")
    minutes: float = option(0.0, "of each of Asterisk's languages; 0: all", least=0)
    share: float = option(1.0, "of each folder, human or not", above=0, most=1)
    student_weight: float = option(0.25, "share of Asterisk's languages in each epoch of a student; 0: none", least=0)
    seed: int = option(1, "of the training", least=0)


@dataclass
class UnitSettings:
    """What the acoustic model writes."""

    speller: str = option("unidecode", "as of `xlpl prepare`; phonemes: sounds instead of spelling")
    pieces: int = option(0, "number of sentencepiece pieces; 0: letters or phonemes as they are", least=0)


@dataclass
class TextSettings:
    """The target's text, and the LM over it."""

    words: int = option(25_000, "frequent words of the language beside the text", least=0)
    lines: int = option(0, "sentences of the text, drawn at random; 0: all", least=0)
    matched: bool = option(False, "true: the transcripts of the audio to learn from are in the text, unpaired")
    order: int = option(4, "length of the n-grams", least=1, most=6)
    vocabulary: int = option(0, "the commonest words of the text that lexicon and LM keep; 0: all", least=0)
    letters: bool = option(False, "true: decode without lexicon, by an LM over units")


@dataclass
class Recipes:
    """How models are trained and rounds run: keys of `xlpl iterate --keys` without paths."""

    source: dict[str, Any] = option({}, "source.training of the source AM")
    topline: dict[str, Any] = option({}, "config_name, overrides, max_update and lr of the topline's training")
    run: dict[str, Any] = option({}, "all of the run but source, target, lexicon and LM")


@dataclass
class CellSettings:
    """One experiment."""

    target: TargetSettings = option(TargetSettings(), "what is learned")
    sources: SourceSettings = option(SourceSettings(), "from which speech")
    units: UnitSettings = option(UnitSettings(), "in which units")
    text: TextSettings = option(TextSettings(), "with which text")
    recipes: Recipes = option(Recipes(), "how")
    topline: bool = option(False, "whether the same model is trained on the target's transcripts, as a yardstick")
    seed: int = option(1, "of the students' training, and of the topline's", least=0)


def changed(settings: Any) -> dict[str, Any]:
    """Return the values that differ from their defaults, nested: what a cell is known by.

    A setting that is added later, with a default that changes nothing, leaves the cells that ran before as they are.
    """
    found = {}
    for item in fields(settings):
        value = getattr(settings, item.name)
        if is_dataclass(value):
            value = changed(value)
            default: Any = {}
        else:
            default = item.default_factory() if item.default_factory is not MISSING else item.default
        if value != default:
            found[item.name] = value
    return found
