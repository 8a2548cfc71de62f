"""Every form is read back by a library of its own, and says what the transcript says."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pysubs2
import pytest
from praatio import textgrid
from pympi.Elan import Eaf

from xlpl_plugin.errors import XlplError
from xlpl_plugin.export.subtitles import cues
from xlpl_plugin.export.writers import WRITERS, writer
from xlpl_plugin.transcribing.transcript import Alternative, SpokenPiece, Transcript, Word

WORDS = (
    Word("così", 0.28, 0.8, 0.91),
    Word('"ふ"', 0.8, 1.2, 0.5),
    Word("b&c", 1.2, 1.4004, 0.25),
    Word("fine", 41.0, 41.5001, 0.125),
)
TALK = Transcript(
    "a folder/talk 1.wav",
    41.5,
    (
        SpokenPiece(0.25, 2.0, 'così "ふ" b&c', 0.553, WORDS[:3], (Alternative("così fan", -12.5),)),
        SpokenPiece(20.0, 22.0, "", 0.0),
        SpokenPiece(40.5, 41.5, "fine", 0.125, WORDS[3:]),
    ),
)
SILENCE = Transcript("silence.wav", 3.25)
# words of which rounding would leave one empty and let another overlap
_TIGHT = (Word("a", 0.0, 0.0206, 1.0), Word("b", 0.0204, 0.0206, 1.0), Word("c", 0.02, 0.0626, 1.0))
TIGHT = Transcript("tight.wav", 0.0624, (SpokenPiece(0.0, 0.062, "a b c", 0.5, _TIGHT),))


def lines(form: str, transcript: Transcript) -> list[str]:
    return writer(form)(transcript).splitlines()


def test_text() -> None:
    assert lines("txt", TALK) == ['così "ふ" b&c', "fine"]
    assert lines("txt", SILENCE) == []


def test_json_holds_all() -> None:
    [line] = lines("json", TALK)
    read = json.loads(line)
    assert (read["name"], read["seconds"], read["text"]) == (TALK.name, 41.5, TALK.text)
    assert [word["text"] for piece in read["utterances"] for word in piece["words"]] == [one.text for one in WORDS]
    assert read["utterances"][0]["words"][0] == {"text": "così", "start": 0.28, "end": 0.8, "confidence": 0.91}
    assert read["utterances"][0]["alternatives"] == [{"text": "così fan", "score": -12.5}]


def test_ctm() -> None:
    rows = [line.split() for line in lines("ctm", TALK)]
    assert [row[4] for row in rows] == [word.text for word in WORDS]
    assert rows[0] == ["a_folder/talk_1.wav", "1", "0.280", "0.520", "così", "0.910"]
    assert lines("ctm", SILENCE) == []


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_subtitles(form: str) -> None:
    read = pysubs2.SSAFile.from_string(writer(form)(TALK), form)
    assert [(event.start, event.end) for event in read] == [(280, 1400), (41000, 41500)]
    assert [event.plaintext for event in read] == ['così "ふ" b&c', "fine"]
    assert not list(pysubs2.SSAFile.from_string(writer(form)(SILENCE), form))


def test_subtitles_fit_on_a_screen() -> None:
    words = [Word(f"word{number:03}", number * 0.3, number * 0.3 + 0.25, 1.0) for number in range(60)]
    words += [Word("later", 25.0, 25.5, 1.0), Word("x" * 100, 25.5, 26.0, 1.0)]
    piece = SpokenPiece(0.0, 26.0, " ".join(word.text for word in words), 1.0, tuple(words))
    found = list(cues(Transcript("long.wav", 26.0, (piece,))))
    assert [word for cue in found for word in cue] == words
    assert all(cue[-1].end - cue[0].start <= 6 for cue in found)
    assert all(len(" ".join(word.text for word in cue)) <= 84 for cue in found[:-1])
    assert [word.text for word in found[-2]] == ["later"]


@pytest.mark.parametrize("transcript", [TALK, SILENCE, TIGHT], ids=lambda one: one.name)
def test_text_grid(transcript: Transcript, tmp_path: Path) -> None:
    file = tmp_path / "it.TextGrid"
    file.write_text(writer("TextGrid")(transcript), encoding="utf-8")
    read = textgrid.openTextgrid(str(file), includeEmptyIntervals=False)
    assert read.tierNames == ("utterances", "words", "confidence")
    assert read.maxTimestamp == pytest.approx(transcript.seconds, abs=0.002)
    words = read.getTier("words").entries
    assert [entry.label for entry in words] == [word.text for word in transcript.words]
    for entry, word in zip(words, transcript.words, strict=True):
        assert (entry.start, entry.end) == pytest.approx((word.start, word.end), abs=0.003)
    assert [entry.label for entry in read.getTier("utterances").entries] == [
        piece.text for piece in transcript.utterances if piece.text
    ]
    sure = [float(entry.label) for entry in read.getTier("confidence").entries]
    assert sure == [word.confidence for word in transcript.words]


@pytest.mark.parametrize("transcript", [TALK, SILENCE, TIGHT], ids=lambda one: one.name)
def test_eaf(transcript: Transcript, tmp_path: Path) -> None:
    file = tmp_path / "it.eaf"
    file.write_text(writer("eaf")(transcript), encoding="utf-8")
    read = Eaf(str(file))
    assert set(read.get_tier_names()) == {"utterances", "words", "confidence"}
    words = sorted(read.get_annotation_data_for_tier("words"))
    assert [row[2] for row in words] == [word.text for word in transcript.words]
    for (start, end, _), word in zip(words, transcript.words, strict=True):
        assert (start, end) == pytest.approx((1000 * word.start, 1000 * word.end), abs=3)
    sure = sorted(read.get_annotation_data_for_tier("confidence"))
    assert [float(row[2]) for row in sure] == [word.confidence for word in transcript.words]
    pieces = [row[2] for row in sorted(read.get_annotation_data_for_tier("utterances"))]
    assert pieces == [piece.text for piece in transcript.utterances if piece.text]


def test_eaf_links_the_recording(tmp_path: Path) -> None:
    (recording := tmp_path / "a talk.mp3").touch()
    (tmp_path / "it.eaf").write_text(writer("eaf")(Transcript(str(recording), 1.0)), encoding="utf-8")
    [linked] = Eaf(str(tmp_path / "it.eaf")).get_linked_files()
    assert linked["MEDIA_URL"] == recording.as_uri()
    assert linked["MIME_TYPE"] == "audio/mpeg"


def test_a_form_that_there_is_not() -> None:
    with pytest.raises(XlplError, match=r"unknown format 'doc'\n  expected: one of txt, json, srt, .*TextGrid, eaf"):
        writer("doc")


@pytest.mark.parametrize(
    ("form", "module"),
    [("srt", "pysubs2"), ("vtt", "pysubs2"), ("TextGrid", "praatio.textgrid"), ("eaf", "pympi.Elan")],
)
def test_a_missing_library_is_named(form: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(XlplError, match=rf"{module}(.|\n)*pip install 'xlpl\[linguistics\]'"):
        writer(form)


def test_forms_without_a_library_need_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pysubs2", "praatio.textgrid", "pympi.Elan"):
        monkeypatch.setitem(sys.modules, module, None)
    assert [writer(form)(TALK) != "" for form in WRITERS if form in ("txt", "json", "ctm")] == [True] * 3
