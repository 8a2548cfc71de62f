"""Byte order marks are taken off wherever lines are read; what is not UTF-8 is told apart."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import pytest

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import iter_lines, read_json, read_lines
from xlpl_plugin.text.spelling.lexicon import read_lexicon

TEXT = "na così\r\n\nन बाद\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_marks(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.wrd").write_bytes(TEXT.encode(encoding))
    assert read_lines(tmp_path / "a.wrd") == ["na così", "", "न बाद"]


def test_the_mark_of_big_endian_utf_16(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xfe\xff" + TEXT.encode("utf-16-be"))
    assert read_lines(tmp_path / "a.txt") == ["na così", "", "न बाद"]


def test_a_mark_within_the_text_stays(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\n\ufeffb\n", encoding="utf-8")
    assert read_lines(tmp_path / "a.txt") == ["a", "\ufeffb"]


def test_marked_lexica_and_json(tmp_path: Path) -> None:
    (tmp_path / "lexicon.txt").write_text("na\tn a |\n", encoding="utf-8-sig")
    assert list(read_lexicon(tmp_path / "lexicon.txt").spellings) == ["na"]
    (tmp_path / "a.json").write_text(json.dumps({"a": 1}), encoding="utf-8-sig")
    assert read_json(tmp_path / "a.json") == {"a": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("ciao a tutti\n".encode("utf-16-le"), r":1: .*UTF-16LE without[\s\S]*iconv -f UTF-16LE -t UTF-8"),
        ("ciao a tutti\n".encode("utf-16-be"), r":1: .*UTF-16BE without[\s\S]*iconv -f UTF-16BE -t UTF-8"),
        (gzip.compress(b"ciao", mtime=0), r"gzip[\s\S]*gunzip -c"),
        (b"%PDF-1.4\n%\xac\xdc\n", r":2: .*a PDF[\s\S]*pdftotext"),
        (b"ok\nfine\nperch\xe9\n", r":3: byte 5 .*another encoding[\s\S]*WINDOWS-1252[\s\S]*iconv -f ENCODING"),
        ("così\nperch".encode() + b"\xe9\n", r":2: byte 5 .*damaged[\s\S]*iconv -c -f UTF-8"),
        (b"ok\n\0\1\2\3", r":2: byte 0 .*no text"),
        (b"\xff\xfea", r":1: not UTF-16, which its byte order mark names"),
    ],
)
def test_what_is_not_utf_8(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a b.txt").write_bytes(content)
    with pytest.raises(XlplError, match=message) as caught:
        list(iter_lines(tmp_path / "a b.txt"))
    assert "LATIN1" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "plain"),
    [("a.tsv", "a-plain.tsv"), ("a.csv.gz", "a-plain.csv"), ("a", "a-plain.txt"), ("a.b.txt", "a.b-plain.txt")],
)
def test_what_is_converted_keeps_the_suffix_that_says_what_it_is(name: str, plain: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"perch\xe9\n")
    with pytest.raises(XlplError, match=f"> .*/{plain}$"):
        list(iter_lines(tmp_path / name))


def test_a_zip_called_text(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.txt", "w") as archive:
        archive.writestr("b.txt", "ciao")
    with pytest.raises(XlplError, match=r"a zip archive[\s\S]*unzip"):
        read_lines(tmp_path / "a.txt")
