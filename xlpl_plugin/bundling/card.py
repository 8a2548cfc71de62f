"""The card of a bundle, README.md: what it is for, where it is from, what was judged, and under which licences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version

from jinja2 import Environment, PackageLoader, StrictUndefined

from xlpl_plugin.bundling.origin import Origin
from xlpl_plugin.evaluation.scoring import Score
from xlpl_plugin.text.language import find_language
from xlpl_plugin.text_table import render
from xlpl_plugin.transcribing.bundle import Bundle

_UNKNOWN = "not known"
_VERSIONS = ("torch", "ve-fairseq", "flashlight-text", "kenlm", "safetensors")


def write_card(bundle: Bundle, origin: Origin, contents: Mapping[str, str]) -> str:
    """Return the card in Markdown.

    Args:
        contents: what the bundle consists of, title -> in words.
    """
    environment = Environment(
        loader=PackageLoader("xlpl_plugin.bundling", "."),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("card.md.j2").render(
        bundle=bundle,
        origin=origin,
        language=named(bundle.language),
        supervision=supervision(origin),
        folders=_folders(origin),
        contents=render([{"part": title, "what": what} for title, what in contents.items()], "markdown"),
        judged=list(_judged(origin)),
        scores=_scores(origin.scores),
        licences=list(_licences(bundle.licence, origin)),
        files=render(
            [{"file": name, "bytes": f"{file.bytes:,}"} for name, file in sorted(bundle.files.items())], "markdown"
        ),
        versions=", ".join(f"{name} {version(name)}" for name in _VERSIONS),
    )


def named(code: str) -> str:
    """Return a language's name with its code.

    >>> named("sw"), named("")
    ('Swahili (sw)', 'a language that is not known')
    """
    return f"{find_language(code).name} ({code})" if code else "a language that is not known"


def supervision(origin: Origin) -> str:
    """Return whether people transcribed the target for it: the one place that may call a model unsupervised."""
    if not origin.run:
        return "Whether transcripts of the language went into it is not known here."
    if origin.corrected_minutes:
        return (
            f"**Supervised in part**: it learnt from {origin.corrected_minutes:.1f} minutes of the target that a "
            "person transcribed. It is not an unsupervised model."
        )
    if origin.transcribed_target:
        return "**Supervised**: it learnt from recordings with transcripts of the same language."
    given = " What the model that it began with has learnt from is not known here." if origin.models else ""
    return (
        "**Unsupervised**: no transcript of the target was learnt from, and none decided anything. It learnt from "
        f"recordings and text of the target that do not belong together, and from other languages' transcripts.{given}"
    )


def _folders(origin: Origin) -> str:
    rows = [
        {
            "data": folder.name,
            "used as": folder.role,
            "language": named(folder.language) if folder.language else _UNKNOWN,
            "utterances": _UNKNOWN if folder.utterances is None else f"{folder.utterances:,}",
            "minutes": _UNKNOWN if folder.minutes is None else f"{folder.minutes:,.1f}",
        }
        for folder in origin.folders
    ]
    return render(rows, "markdown") if rows else ""


def _judged(origin: Origin) -> Iterator[str]:
    if result := origin.result:
        ending = "came to its end" if result.finished else "had not come to its end when this was written"
        yield f"The run {ending}. Of its stages {result.best_stage} was chosen, without references."
        yield f"Of its source model, without references: {result.verdict.reason}."
    if not origin.scores:
        yield "Nothing was judged with references, as far as is known here: its error rates are not known."
        if origin.expected:
            yield f"By the signals of runs on other languages, its word error rate is {origin.expected.told()}."
        return
    [one, *_] = origin.scores
    yield (
        f"With references: labels that the run made, of {one.utterances:,} utterances with {one.words:,} words; below "
        "with 95 % bootstrap intervals over utterances. The run chose nothing by them. What this bundle rounds (half "
        "precision, a quantised LM) was not judged, nor were other speakers, recordings and subjects."
    )


def _scores(scores: Sequence[Score]) -> str:
    rows = [
        {
            "system": score.system,
            **{
                name: f"{100 * rate.value:.1f} % ({100 * rate.low:.1f} to {100 * rate.high:.1f})"
                for name, rate in (("WER", score.wer), ("CER", score.cer))
            },
        }
        for score in scores
    ]
    return render(rows, "markdown") if rows else ""


def _licences(licence: str, origin: Origin) -> Iterator[str]:
    given = "as who made it says" if licence else "who made it did not say"
    yield f"This bundle: {licence or _UNKNOWN} ({given})."
    for model in origin.models:
        yield f"`{model.name}`, which it began with: {model.licence or f'its licence is {_UNKNOWN} here'}."
    for folder in origin.folders:
        unknown = f"its licence is {_UNKNOWN} here; ask who recorded it"
        yield f"The data `{folder.name}`: {folder.licence or unknown}."
    yield "The text of lexicon and LM: its licence is not known here. Word lists of wordfreq are CC-BY-SA-4.0."
    yield "xlpl is under the MIT licence; its NOTICE names those of the programs that it calls."
