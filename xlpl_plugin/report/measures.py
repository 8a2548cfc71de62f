"""The numbers of ``signals.json``: what they are called, how they are written, and which way is better."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

# a share is stored as 0 to 1 and shown in per cent; the rest as it is, with so many decimals
Form = Literal["share", "count", "0.1", "0.01", "0.001"]
Better = Literal["lower", "higher", ""]


@dataclass(frozen=True)
class Measure:
    """A row of the table and a picture over the rounds."""

    key: str
    title: str
    group: str
    form: Form
    better: Better
    meaning: str

    @property
    def unit(self) -> str:
        return "%" if self.form == "share" else ""

    @property
    def explained(self) -> str:
        """What it is, and which way is better."""
        return f"{self.meaning} {self.better.capitalize()} is better." if self.better else self.meaning

    def value(self, number: float) -> float:
        """Return the number as it is drawn: a share in per cent."""
        return 100 * number if self.form == "share" else number

    def text(self, number: float | None) -> str:
        """Return the number as it is printed; a dash where it is unknown."""
        if number is None:
            return "–"
        if self.form == "count":
            return f"{number:.0f}"
        decimals = {"0.01": 2, "0.001": 3}.get(self.form, 1)
        return f"{self.value(number):.{decimals}f}".replace("-", "−")


_VERDICT, _OUTPUT, _WORDS, _MODEL = "How good, without references", "Output", "Words", "Acoustic model"

MEASURES = (
    Measure(
        "label_free",
        "label-free score",
        _VERDICT,
        "0.001",
        "lower",
        "How far the labels are from what the acoustic model hears by itself, and how unlikely the language model "
        "finds them. The decoder's weights are chosen by another, the tuning score, which makes the acoustic model say "
        "more first.",
    ),
    Measure(
        "held_out",
        "label-free score, held-out audio",
        _VERDICT,
        "0.001",
        "lower",
        "The same on the validation audio, which no student has trained on. It chooses the best round: the earliest "
        "that is within a few per cent of the lowest.",
    ),
    Measure(
        "change",
        "changed words",
        _VERDICT,
        "share",
        "",
        "Words that differ from the labels of the round before. Rounds have settled when few do.",
    ),
    Measure(
        "confidence",
        "confidence",
        _VERDICT,
        "0.001",
        "higher",
        "Mean of how sure acoustic and language model are of the labels, 0 to 1.",
    ),
    Measure(
        "agreement",
        "agreement with greedy",
        _VERDICT,
        "share",
        "higher",
        "Letters on which the labels and the acoustic model's own (greedy) output agree.",
    ),
    Measure(
        "evidence",
        "evidence",
        _VERDICT,
        "0.001",
        "higher",
        "How much better the audio decodes than the same sounds spliced at random, which hold no words; 0: no word was "
        "heard.",
    ),
    Measure("evidence_error", "evidence, standard error", _VERDICT, "0.001", "", "How far chance alone may move it."),
    Measure(
        "lm_perplexity",
        "perplexity",
        _VERDICT,
        "0.1",
        "",
        "Of the labels under a language model, a token; the row names the key of the configuration that says which.",
    ),
    Measure(
        "letters_per_second",
        "letters a second",
        _OUTPUT,
        "0.1",
        "",
        "Letters of the labels for each second of audio. A steady fall means that speech is being left out.",
    ),
    Measure(
        "greedy_letters_per_second",
        "letters a second, greedy",
        _OUTPUT,
        "0.1",
        "",
        "The same for the acoustic model's own output.",
    ),
    Measure("utterances", "utterances", _OUTPUT, "count", "", "Labelled, whether kept or not."),
    Measure("length_ratio", "letters for a greedy letter", _OUTPUT, "0.01", "", "About 1 where nothing is left out."),
    Measure("blank_share", "blank frames", _OUTPUT, "share", "", "Frames whose most probable unit is the blank."),
    Measure("empty_share", "empty labels", _OUTPUT, "share", "lower", "Utterances whose label has no word."),
    Measure("kept_share", "kept by the filters", _OUTPUT, "share", "", "Utterances that a student learns from."),
    Measure("vocabulary", "different words", _WORDS, "count", "", "A sharp fall means that frequent words take over."),
    Measure("top_word_share", "most frequent word", _WORDS, "share", "", "Share of all words that are this one."),
    Measure(
        "nonword_share",
        "greedy words that are none",
        _WORDS,
        "share",
        "lower",
        "Words of the greedy output whose spelling no word of the lexicon has.",
    ),
    Measure(
        "histogram_distance",
        "distance to the text",
        _WORDS,
        "0.001",
        "lower",
        "Between the letters of the labels and those of the target's text, 0 to 1 (Jensen-Shannon).",
    ),
    Measure(
        "greedy_histogram_distance",
        "distance to the text, greedy",
        _WORDS,
        "0.001",
        "lower",
        "The same for the greedy output.",
    ),
    Measure(
        "source_distance",
        "distance to the source",
        _WORDS,
        "0.001",
        "higher",
        "Between the letters of the greedy output and the transcripts of the source language that is nearest to it.",
    ),
    Measure("train_loss", "training loss", _MODEL, "0.01", "lower", "Bits a unit, at the end of the training."),
    Measure("valid_loss", "validation loss", _MODEL, "0.01", "lower", "On held-out pseudo-labels."),
    Measure(
        "valid_uer",
        "validation UER",
        _MODEL,
        "share",
        "lower",
        "Error rate of units on held-out pseudo-labels: how well the student learnt what it was taught.",
    ),
)


def measures_of(keys: Iterable[str]) -> list[Measure]:
    """Return the measures for ``keys`` in the order of a report; one that is not known is shown under its key."""
    known = {measure.key for measure in MEASURES}
    present = set(keys)
    others = sorted(present - known)
    named = [Measure(key, key.replace("_", " "), "Others", "0.001", "", "") for key in others]
    return [*(measure for measure in MEASURES if measure.key in present), *named]
