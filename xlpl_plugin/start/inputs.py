"""What a user brings to a run, looked at before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xlpl_plugin.data.corpora.forms import recognise_corpus
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.data.summary import REPORT, PrepareReport
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.text.documents.document_reader import DocumentReader
from xlpl_plugin.text.language import find_language
from xlpl_plugin.text.rules import load_rules

_PREPARE = "prepare it: xlpl prepare manifest --help; xlpl prepare asterisk makes one for a first try"


@dataclass(frozen=True)
class Inputs:
    """What a user brings."""

    language: str
    audio: Path
    text: tuple[Path, ...]
    # labelled prepared folders of other languages
    sources: tuple[Path, ...]
    # a trained source AM, in place of training one
    source_model: Path | None = None
    # some recordings of the target with transcripts, to know how good the result is
    references: Path | None = None
    speller: str = "unidecode"
    # normaliser rules of the user's own
    rules: Path | None = None


def check_inputs(inputs: Inputs) -> None:
    """Look at everything before anything is written.

    Raises:
        XlplError: something is missing or is something else, sources of other spellers, neither sources nor a source
            AM.
    """
    find_language(inputs.language)
    recognise_corpus(must_exist(inputs.audio, "recordings: a folder, or any corpus (--audio)"))
    if inputs.references is not None:
        recognise_corpus(must_exist(inputs.references, "recordings with transcripts (--references)"))
    load_rules(find_language(inputs.language), inputs.rules)
    for path in inputs.text:
        must_exist(path, "text: files or folders (--text)")
    with DocumentReader(inputs.text):
        pass  # there is something to read
    if not inputs.sources and inputs.source_model is None:
        raise XlplError(
            "no source",
            expected="--source: labelled prepared folders of other languages, or --source-model: an AM",
            remedy="prepare some: xlpl prepare manifest, or xlpl prepare asterisk for a first try",
        )
    for folder in inputs.sources:
        _check_source(folder, inputs.speller)
    if inputs.source_model is not None:
        _check_model(inputs.source_model)


def _check_source(folder: Path, speller: str) -> None:
    expected = "a labelled prepared folder of another language (--source)"
    must_exist(folder, expected)
    if not (folder / REPORT).exists():
        raise XlplError(f"is no prepared folder: it has no {REPORT}", file=folder, expected=expected, remedy=_PREPARE)
    if any(one.units is None for one in read_manifest(folder, "train").utterances):
        raise XlplError("has no labels", file=folder, expected=expected, remedy="prepare it with its transcripts")
    spelled = PrepareReport.read(folder / REPORT).speller
    if spelled != speller:
        raise XlplError(
            f"was spelled by {spelled!r}, and the target will be by {speller!r}",
            file=folder,
            expected="one speller for all",
            remedy=f"give --speller {spelled}, or prepare the folder again",
        )


def _check_model(file: Path) -> None:
    from xlpl_plugin.models.checkpoint import checkpoint_units  # takes seconds, and most runs train a source AM

    checkpoint_units(must_exist(file, "a checkpoint of an acoustic model (--source-model)"))
