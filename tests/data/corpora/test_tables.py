"""Tables: what is known is used, what is not is named, and a bad row is named with its line."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlpl_plugin.audio.reading import write_audio
from xlpl_plugin.data.corpora.forms import read_corpus
from xlpl_plugin.data.corpora.listing import Corpus, Division
from xlpl_plugin.data.items import Item
from xlpl_plugin.errors import XlplError


def corpus(folder: Path, name: str, content: str, division: Division = "own") -> Corpus:
    (folder / name).write_text(content, encoding="utf-8")
    return read_corpus(folder / name, work=folder / "work", division=division)


def items(folder: Path, name: str, content: str) -> list[Item]:
    return corpus(folder, name, content).items


def test_all_columns(tmp_path: Path) -> None:
    head = "id\taudio\ttext\tspeaker\tstart\tend\tchannel\tsplit\n"
    found = corpus(tmp_path, "t.tsv", head + "u1\ta.wav\tone two\tann\t1.5\t2.5\t1\tdev\n", "corpus").items
    assert found == [Item("u1", tmp_path / "a.wav", "one two", "valid", "ann", 1.5, 2.5, 1)]


def test_columns_of_common_voice_beside_unknown_ones(tmp_path: Path) -> None:
    """DeepSpeech 1373, lhotse 977: a lone quotation mark swallows no rows."""
    rows = 'a\tc0.mp3\t"Hello, world!\t2\nb\tc1.mp3\tYes.\t2\n\tc2.mp3\t"No," she said.\t2\nb\tc3.mp3\t\t2\n'
    found = corpus(tmp_path, "c.tsv", "client_id\tpath\tsentence\tup_votes\n" + rows)
    assert [item.text for item in found.items] == ['"Hello, world!', "Yes.", '"No," she said.', None]
    assert [item.speaker for item in found.items] == ["a", "b", "", "b"]
    assert [item.id for item in found.items] == ["c0", "c1", "c2", "c3"]
    assert "columns passed over: up_votes" in found.notes
    assert "no speaker in 1 of 4 rows" in found.notes


def test_nemo_manifest(tmp_path: Path) -> None:
    line = '{"audio_filepath": "../in/a.wav", "text": "one", "offset": 2, "duration": 1.5, "lang": "sw"}\n'
    whole = '{"audio_filepath": "b.wav", "text": "two", "duration": 3.5}\n'
    found = corpus(tmp_path, "t.jsonl", line + whole)
    cut = Item("in/a-0000200-0000350", tmp_path / "../in/a.wav", "one", start=2.0, end=3.5)
    assert found.items == [cut, Item("b", tmp_path / "b.wav", "two")]
    assert "columns passed over: lang, duration" in found.notes


def test_parts_by_folders_and_no_others(tmp_path: Path) -> None:
    """The folders above the table, which may be called anything, say nothing."""
    found = corpus(tmp_path, "t.tsv", f"audio\ndev/a.wav\n{tmp_path}/test/b.wav\n", "corpus")
    assert [(item.id, item.part) for item in found.items] == [("dev/a", "valid")]
    assert found.passed_over == {"rows of no part": 1}


def test_csv_with_quoted_cells(tmp_path: Path) -> None:
    content = 'file_name,transcription\na.wav,"one, ""two"""\nb.wav,"three\nfour"\n\n'
    assert [item.text for item in items(tmp_path, "t.csv", content)] == ['one, "two"', "three\nfour"]


@pytest.mark.parametrize("name", ["t.tsv", "t.csv"])
def test_byte_order_mark_line_ends_of_windows_and_blank_last_lines(tmp_path: Path, name: str) -> None:
    separator = "\t" if name == "t.tsv" else ","
    content = separator.join(("\ufeffaudio", "text\r\na.wav", "one\r\n\r\n\n"))
    assert items(tmp_path, name, content) == [Item("a", tmp_path / "a.wav", "one")]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\t\n\r")), min_size=1))
def test_every_row_of_a_tsv_is_read_as_it_stands(texts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        rows = "".join(f"{number}.wav\t{text}\n" for number, text in enumerate(texts))
        found = items(Path(name), "t.tsv", f"audio\ttext\n{rows}")
    assert [item.text for item in found] == [text or None for text in texts]
    assert [item.id for item in found] == [str(number) for number in range(len(texts))]


def test_nobody_is_no_person(tmp_path: Path) -> None:
    found = items(tmp_path, "t.tsv", "audio\tspeaker\na.wav\tNone\nb.wav\tnan\nc.wav\tUnknown\nd.wav\tNan Goldin\n")
    assert [item.speaker for item in found] == ["", "", "", "Nan Goldin"]


def test_overlapping_stretches_are_counted(tmp_path: Path) -> None:
    rows = "a.wav\t0\t2\t0\na.wav\t1\t1.5\t0\na.wav\t1.6\t3\t0\na.wav\t1\t3\t1\na.wav\t3\t4\t0\nb.wav\t1\t2\t0\n"
    found = corpus(tmp_path, "t.tsv", "audio\tstart\tend\tchannel\n" + rows)
    assert "stretches that begin before the one before them ends: 2" in found.notes
    assert found.items[0].id == "a-0000000-0000200-ch0"


def test_rows_of_no_part_are_counted(tmp_path: Path) -> None:
    found = corpus(tmp_path, "t.tsv", "audio\tsplit\na.wav\ttrain\nb.wav\tother\nc.wav\t\n", "corpus")
    assert [item.id for item in found.items] == ["a"]
    assert found.passed_over == {"rows of no part (other)": 1, "rows of no part": 1}


def test_declared_rate_of_a_file_that_is_not_there(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.flac", np.full(1600, 0.1, np.float32))
    assert len(items(tmp_path, "t.tsv", "audio\trate\na.flac\t16000\nnowhere.flac\t8000\n")) == 2
    with pytest.raises(XlplError, match=r"t.tsv:2: declares 8000 Hz, but a.flac has 16000 Hz"):
        items(tmp_path, "t.tsv", "audio\trate\na.flac\t8000\n")


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("t.tsv", "audio\tid\na.wav\tx\nb.wav\tx\n", "t.tsv:3: duplicate id 'x', first on line 2"),
        ("t.tsv", "audio\tid\na.wav\t../x\n", "t.tsv:2: unusable id '../x'"),
        ("t.jsonl", '{"audio": "a.wav", "id": "x\\ty"}', r"t.jsonl:1: unusable id 'x\ty'"),
        ("t.tsv", "audio\ttext\na.wav\n", "t.tsv:2: 1 cells\n  expected: 2, as in line 1"),
        ("t.tsv", "audio\ttext\n\tone\n", "t.tsv:2: no audio file is named"),
        ("t.tsv", "text\none\n", "t.tsv:1: no column 'audio'"),
        ("t.tsv", "audio;text\na.wav;one\n", "t.tsv:1: no column 'audio'"),
        ("t.csv", "audio;text\na.wav;one\n", "seem to be parted by ';': part them by ','"),
        ("t.tsv", "audio,text\na.wav,one\n", "seem to be parted by ',': part them by tabs"),
        ("t.tsv", "audio\taudio\na\tb\n", "t.tsv:1: two columns 'audio'"),
        ("t.tsv", "path\tfile\na\tb\n", "t.tsv:1: columns 'path' and 'file'"),
        ("t.tsv", "audio\tstart\tend\na.wav\t2\t2\n", "t.tsv:2: a-0000200-0000200 ends at 2 s, and begins at 2 s"),
        ("t.tsv", "audio\tstart\na.wav\t-1\n", "begins at -1 s"),
        ("t.tsv", "audio\tstart\na.wav\t0:30\n", "t.tsv:2: start is '0:30'"),
        ("t.tsv", "audio\tend\na.wav\tnan\n", "t.tsv:2: end is 'nan'"),
        ("t.tsv", "audio\tchannel\na.wav\tleft\n", "t.tsv:2: channel is 'left'"),
        ("t.csv", 'audio,text\na.wav,"one\n', "t.csv:2: not CSV: unexpected end of data"),
        ("t.jsonl", '{"audio": "a.wav"}\n[1]\n', "t.jsonl:2: not a JSON object"),
        ("t.jsonl", '{"audio": "a.wav"}\n{"audio"\n', "t.jsonl:2: not JSON"),
        ("t.jsonl", '{"text": "one"}\n', "t.jsonl:1: no column 'audio'"),
        ("t.jsonl", '{"audio": {"path": "a.wav"}}\n', "t.jsonl:1: 'audio' is no text or number"),
    ],
)
def test_bad_rows(tmp_path: Path, name: str, content: str, complaint: str) -> None:
    with pytest.raises(XlplError) as caught:
        items(tmp_path, name, content)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("name", ["t.tsv", "t.csv", "t.jsonl"])
def test_table_of_another_encoding(tmp_path: Path, name: str) -> None:
    content: Any = {"t.jsonl": '{"audio": "a.wav", "text": "perché"}\n'}.get(name, "audio\nperché.wav\n")
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(XlplError, match=rf"{name}:\d: byte \d+ of the line is not UTF-8"):
        read_corpus(tmp_path / name, work=tmp_path)
