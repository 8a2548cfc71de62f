"""Signals: what is measured of labels without references, and the options of measuring."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from xlpl_plugin.decoding.options import DecoderConfig
from xlpl_plugin.json_record import JsonRecord
from xlpl_plugin.monitoring.display import displays, shown
from xlpl_plugin.schema import option


@dataclass
class SignalsConfig:
    """What a labelling is measured with, beside what it was decoded and tuned with."""

    lm: str = option(
        "",
        "KenLM model whose perplexity of the labels is watched, best one that neither decodes nor tunes; empty: "
        "that of tuning.search.scoring_lm, or of the decoder's own LM",
        file="a KenLM model",
    )
    lm_level: str = option("words", "what that LM is over: words or units", choices=("words", "units"))
    text: str = option(
        "",
        "normalised text of the target whose units are compared with the greedy output's; empty: tuning.search.text",
        file="normalised text of the target",
    )


_VERDICT, _OUTPUT, _WORDS, _MODEL = "How good, without references", "Output", "Words", "Acoustic model"


@dataclass(frozen=True)
class Signals:
    """One labelling of one split. Shares are of 1; rates are of all utterances, kept or not; None is unknown.

    Distances are Jensen-Shannon distances (base 2) between counts of units, word boundaries included: 0 for the same
    shares, 1 where no unit is common.
    """

    label_free: float | None = shown(
        "label-free score",
        "label-free",
        _VERDICT,
        "0.001",
        "lower",
        "How far the labels are from the greedy output that they store, and how unlikely the language model finds "
        "them. The tuning score, which chooses the decoder's weights, compares with a longer greedy output.",
        default=None,
    )
    held_out: float | None = shown(
        "label-free score, held-out audio",
        "label-free, held out",
        _VERDICT,
        "0.001",
        "lower",
        "The same on the validation audio, which no student has trained on. The round where it is lowest is the best.",
        default=None,
    )
    change: float | None = shown(
        "changed words",
        "changed",
        _VERDICT,
        "share",
        "",
        "Words that differ from the labels of the round before, over the utterances that both "
        "labelled. Rounds have settled when few do.",
        default=None,
    )
    confidence: float = shown(
        "confidence",
        "confidence",
        _VERDICT,
        "0.001",
        "higher",
        "Mean of how sure acoustic and language model are of the labels, 0 to 1.",
    )
    agreement: float = shown(
        "agreement with greedy",
        "agreement",
        _VERDICT,
        "share",
        "higher",
        "Letters on which the labels and the acoustic model's own (greedy) output agree.",
    )
    evidence: float | None = shown(
        "evidence",
        "evidence",
        _VERDICT,
        "0.001",
        "higher",
        "How much better the audio decodes than the same sounds spliced at random, which hold no "
        "words (tuning/evidence.py); 0: no more than in spliced audio. A student has it from its labels, true or not: "
        "round 0 alone tells whether the target is heard.",
        default=None,
    )
    evidence_error: float | None = shown(
        "evidence, standard error",
        "evidence, standard error",
        _VERDICT,
        "0.001",
        "",
        "How far chance alone may move it.",
        default=None,
    )
    lm_perplexity: float | None = shown(
        "perplexity",
        "perplexity",
        _VERDICT,
        "0.1",
        "",
        "Of the labels under a language model, a token; the row names the key of the configuration that says which.",
        default=None,
    )
    # the configuration's key of that LM: signals.lm, tuning.search.scoring_lm or decoder.lm; '' for none
    perplexity_lm: str = field(default="", kw_only=True)
    letters_per_second: float = shown(
        "letters a second",
        "letters/s",
        _OUTPUT,
        "0.1",
        "",
        "Letters of the labels for each second of audio. A steady fall means that speech is being left out.",
    )
    greedy_letters_per_second: float = shown(
        "letters a second, greedy",
        "greedy letters/s",
        _OUTPUT,
        "0.1",
        "",
        "The same for the acoustic model's own output.",
    )
    utterances: int = shown("utterances", "utterances", _OUTPUT, "count", "", "Labelled, whether kept or not.")
    length_ratio: float | None = shown(
        "letters for a greedy letter",
        "length ratio",
        _OUTPUT,
        "0.01",
        "",
        "About 1 where nothing is left out.",
        default=None,
    )
    blank_share: float = shown(
        "blank frames", "blank", _OUTPUT, "share", "", "Frames whose most probable unit is the blank."
    )
    empty_share: float = shown(
        "empty labels", "empty", _OUTPUT, "share", "lower", "Utterances whose label has no word."
    )
    kept_share: float = shown(
        "kept by the filters", "kept", _OUTPUT, "share", "", "Utterances that a student learns from."
    )
    vocabulary: int = shown(
        "different words", "vocabulary", _WORDS, "count", "", "A sharp fall means that frequent words take over."
    )
    text_vocabulary: int | None = shown(
        "different words in as much text",
        "text's vocabulary",
        _WORDS,
        "count",
        "",
        "To be expected in as many words, drawn from the target's text. Labels of a weak source AM have far more.",
        default=None,
    )
    top_word_share: float = shown(
        "most frequent word", "top word", _WORDS, "share", "", "Share of all words that are this one."
    )
    foreign_share: float | None = shown(
        "words of another script",
        "other script",
        _WORDS,
        "share",
        "lower",
        "Words of the labels that are not in the script of most words of the lexicon.",
        default=None,
    )
    nonword_share: float | None = shown(
        "greedy words that are none",
        "greedy non-words",
        _WORDS,
        "share",
        "lower",
        "Words of the greedy output whose spelling no word of the lexicon has.",
        default=None,
    )
    histogram_distance: float | None = shown(
        "distance to the text",
        "from text",
        _WORDS,
        "0.001",
        "lower",
        "Between the letters of the labels and those of the target's text, 0 to 1 (Jensen-Shannon).",
        default=None,
    )
    greedy_histogram_distance: float | None = shown(
        "distance to the text, greedy",
        "greedy from text",
        _WORDS,
        "0.001",
        "lower",
        "The same for the greedy output.",
        default=None,
    )
    source_distance: float | None = shown(
        "distance to the source",
        "greedy from source",
        _WORDS,
        "0.001",
        "higher",
        "Between the letters of the greedy output and the transcripts of the source language that is nearest to it.",
        default=None,
    )
    train_loss: float | None = shown(
        "training loss", "train loss", _MODEL, "0.01", "lower", "Bits a unit, at the end of the training.", default=None
    )
    valid_loss: float | None = shown(
        "validation loss", "valid loss", _MODEL, "0.01", "lower", "On held-out pseudo-labels.", default=None
    )
    valid_uer: float | None = shown(
        "validation UER",
        "valid UER",
        _MODEL,
        "share",
        "lower",
        "Error rate of units on held-out pseudo-labels: how well the student learnt what it was taught.",
        default=None,
    )


SIGNALS = displays(Signals)


@dataclass(frozen=True)
class Alarm:
    """Something that a person should look at: what was seen, and what to do about it."""

    name: str
    message: str
    advice: str


@dataclass(frozen=True)
class DecoderWeights:
    """The decoder's settings that a tuning chooses, as a labelling used them."""

    lm_weight: float = shown("LM weight", "LM weight", "Decoder", "0.01", "", "How much the language model counts.")
    word_score: float = shown(
        "word score", "word score", "Decoder", "0.01", "", "Added for each word: the higher, the more words."
    )
    blank_penalty: float = shown(
        "blank penalty", "blank penalty", "Decoder", "0.01", "", "The higher, the fewer blanks and more letters."
    )
    beam: int = shown("beam", "beam", "Decoder", "count", "", "Hypotheses that the search keeps.")

    @classmethod
    def of(cls, decoder: DecoderConfig) -> DecoderWeights:
        return cls(**{one.name: getattr(decoder, one.name) for one in fields(cls)})


WEIGHTS = displays(DecoderWeights)


@dataclass(frozen=True)
class Measurement(JsonRecord):
    """``signals.json``: what was measured of the labels of one stage.

    Attributes:
        stage: its folder in the run.
    """

    stage: str
    weights: DecoderWeights
    signals: Signals
    alarms: tuple[Alarm, ...]

    holds = "the signals of a round"
    written_by = "`xlpl iterate`"
