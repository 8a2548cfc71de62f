"""The forms of corpora that can be read: how each is recognised, and by whom it is read."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xlpl_plugin.data.corpora import (
    commonvoice,
    fleurs,
    folder,
    huggingface,
    kaldi,
    lhotse,
    librivox,
    ljspeech,
    tables,
    voxpopuli,
)
from xlpl_plugin.data.corpora.listing import Corpus, Division, Listing
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist, system_errors


@dataclass(frozen=True)
class CorpusForm:
    """One form of corpora.

    Attributes:
        about: what belongs to it, in one line for people.
        recognise: says what makes a path a corpus of this form; '' if it is none.
        read: notes down what the corpus lists.
        general: a form that many corpora have at first sight; taken where no other is recognised.
    """

    name: str
    about: str
    recognise: Callable[[Path], str]
    read: Callable[[Path, Listing], None]
    general: bool = False


FORMS = {
    form.name: form
    for form in (
        CorpusForm(
            "folder", "a folder of recordings; a .txt beside one is its transcript", folder.recognise, folder.read, True
        ),
        CorpusForm(
            "table", "a .tsv, .csv or .jsonl with columns audio, text, ...", tables.recognise, tables.read, True
        ),
        CorpusForm(
            "commonvoice",
            "Common Voice: clips/ and validated.tsv, train.tsv, ...; or one of the tables",
            commonvoice.recognise,
            commonvoice.read,
        ),
        CorpusForm("ljspeech", "LJ Speech: metadata.csv (id|text) and wavs/", ljspeech.recognise, ljspeech.read),
        CorpusForm("fleurs", "FLEURS: train.tsv, ... without header, and audio/", fleurs.recognise, fleurs.read),
        CorpusForm(
            "mls",
            "Multilingual LibriSpeech: train/transcripts.txt, train/audio/, ...",
            librivox.recognise_mls,
            librivox.read_mls,
        ),
        CorpusForm(
            "librispeech",
            "LibriSpeech: SPEAKER/CHAPTER/*.trans.txt and the audio beside it",
            librivox.recognise_librispeech,
            librivox.read_librispeech,
        ),
        CorpusForm(
            "voxpopuli", "VoxPopuli: asr_train.tsv, ... and recordings below", voxpopuli.recognise, voxpopuli.read
        ),
        CorpusForm("kaldi", "Kaldi: wav.scp, segments, text, utt2spk", kaldi.recognise, kaldi.read),
        CorpusForm(
            "lhotse",
            "lhotse: cuts, or recordings and supervisions, as .jsonl.gz (extra lhotse)",
            lhotse.recognise,
            lhotse.read,
        ),
        CorpusForm(
            "huggingface",
            "Hugging Face: metadata.csv or .jsonl with file_name, or .parquet (extra parquet)",
            huggingface.recognise,
            huggingface.read,
        ),
    )
}


def read_corpus(source: str | Path, *, work: Path, form: str = "", division: Division = "own") -> Corpus:
    """List what a corpus holds.

    Args:
        work: a folder, which need not be there yet, for audio that lies inside other files.
        form: one of ``FORMS``; '' to recognise it.
        division: 'corpus' keeps the corpus's own parts; 'own' lists what is transcribed, without parts.

    Raises:
        XlplError: no such form, none or several recognised, a corpus that its reader refuses, nothing listed.
    """
    source = must_exist(source, "a corpus: a folder, or a table")
    with system_errors(source, "a folder that can be read"):
        inner = _inside(source)
        chosen, why = _named(form, inner) if form else _recognised(inner)
        listing = Listing(division, work)
        if not form:
            listing.notes.append(f"read as {chosen.name}: {why} (another: --form NAME)")
        chosen.read(source if chosen.name == "folder" else inner, listing)
    corpus = listing.corpus(chosen.name)
    if not corpus.items:
        raise _empty(source, corpus, division)
    return corpus


def recognise_corpus(source: Path) -> None:
    """Raise ``XlplError`` where ``source``, which is there, has no form that is known, or several; nothing is read."""
    with system_errors(source, "a folder that can be read"):
        _recognised(_inside(source))


def describe_forms() -> list[str]:
    """Return a line for each form: its name and what belongs to it."""
    return [f"{form.name:<12} {form.about}" for form in FORMS.values()]


def _inside(source: Path) -> Path:
    """Return the folder that an archive was unpacked to, where ``source`` holds nothing else."""
    while source.is_dir():
        entries = [path for path in source.iterdir() if not path.name.startswith(".")]
        if len(entries) != 1 or not entries[0].is_dir() or any(form.recognise(source) for form in _SPECIAL):
            break
        source = entries[0]
    return source


_SPECIAL = tuple(form for form in FORMS.values() if not form.general)


def _named(name: str, source: Path) -> tuple[CorpusForm, str]:
    if name not in FORMS:
        near = difflib.get_close_matches(name.lower(), FORMS, n=1, cutoff=0)
        raise XlplError(f"unknown form {name!r}", expected=f"one of {', '.join(FORMS)}", remedy=f"--form {near[0]}?")
    why = FORMS[name].recognise(source)
    if not why:
        raise XlplError(f"is no corpus of the form {name}", file=source, expected=FORMS[name].about)
    return FORMS[name], why


def _recognised(source: Path) -> tuple[CorpusForm, str]:
    found = [(form, why) for form in _SPECIAL if (why := form.recognise(source))]
    found = found or [(form, why) for form in FORMS.values() if (why := form.recognise(source))]
    if len(found) == 1:
        return found[0]
    problem = "; ".join(f"{form.name}: {why}" for form, why in found)
    raise XlplError(
        f"could be several forms: {problem}" if found else "no form of corpus is recognised",
        file=source,
        expected="\n    ".join(["one of", *describe_forms()]),
        remedy="name the form, xlpl prepare manifest --form NAME, or give a folder with the files of one form"
        if found
        else "give the folder or the table that the corpus's form says",
    )


def _empty(source: Path, corpus: Corpus, division: Division) -> XlplError:
    if division == "corpus" and corpus.passed_over:
        return XlplError(
            f"has no parts of its own (read as {corpus.form})",
            file=source,
            expected="rows that belong to train, dev or test",
            remedy="--division own",
        )
    passed = ", ".join(f"{count} {kind}" for kind, count in corpus.passed_over.items())
    return XlplError(
        f"lists no recordings (read as {corpus.form}{f'; passed over: {passed}' if passed else ''})",
        file=source,
        expected="\n    ".join(["one of", *describe_forms()]),
    )
