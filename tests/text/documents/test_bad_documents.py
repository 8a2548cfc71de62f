"""Documents that cannot be read end in an error that says what they are, and nothing is written."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pypdf
import pytest
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.corpus.prepare_text import TextOptions, prepare_text
from xlpl_plugin.text.documents import bounds, source
from xlpl_plugin.text.documents.sentences import read_sentences

BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'


def scan(path: Path) -> None:
    page = Figure()
    page.figimage([[0, 1], [1, 0]])
    with PdfPages(path) as pages:
        pages.savefig(page)


def locked(path: Path) -> None:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    writer.encrypt("secret")
    writer.write(path)


def zipped(path: Path, **members: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml").replace("_txt", ".txt"), content)


def epub_with(path: Path, pages: str, **more: str) -> None:
    container = '<container><rootfile full-path="p_opf"/></container>'
    package = '<package><manifest><item id="a" href="a" media-type="text/html"/></manifest><spine>%s</spine></package>'
    zipped(path, **{"META-INF__container_xml": container, "p_opf": package % pages, "a": "<p>x</p>", **more})


def bomb_gz(path: Path) -> None:
    path.write_bytes(gzip.compress((b" " * 999 + b"\n") * (bounds.FREE_BYTES // 500)))


def cut_off(path: Path) -> None:
    path.write_bytes(gzip.compress(b"".join(b"%d uno.\n" % n for n in range(10_000)))[:-20])


CASES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "scan": ("a.pdf", scan, r"no text in the PDF[\s\S]*ocrmypdf"),
    "locked": ("a.pdf", locked, "has a password"),
    "no pdf": ("a.pdf", lambda path: path.write_text("Ciao"), r"called \.pdf, and no pdf"),
    "cut pdf": ("a.pdf", lambda path: path.write_bytes(b"%PDF-1.4\n%\xac\xdc\nxx"), "cannot read the PDF"),
    "gz bomb": ("a.txt.gz", bomb_gz, r"more than 200 times[\s\S]*64 MiB[\s\S]*unpack it yourself"),
    "cut gz": ("a.txt.gz", cut_off, "compressed data is damaged"),
    "cut bz2": ("a.txt.bz2", lambda path: path.write_bytes(bz2.compress(b"uno " * 999)[:40]), "is damaged"),
    "cut xz": ("a.txt.xz", lambda path: path.write_bytes(lzma.compress(b"uno " * 999)[:60]), "is damaged"),
    "no docx": ("a.docx", lambda path: path.write_text("Ciao"), r"called \.docx, and no docx"),
    "cut docx": ("a.docx", lambda path: path.write_bytes(b"PK\3\4" + bytes(99)), "cannot read the docx"),
    "docx entities": ("a.docx", lambda path: zipped(path, word__document_xml=f"{BOMB}<x>&b;</x>"), "declares entities"),
    "docx xml": ("a.docx", lambda path: zipped(path, word__document_xml="<a><b></a>"), "its XML is broken"),
    "docx bomb": (
        "a.docx",
        lambda path: zipped(path, word__document_xml="<a>" + " " * bounds.FREE_BYTES + "</a>"),
        "more than 200 times",
    ),
    "odt password": (
        "a.odt",
        lambda path: zipped(path, content_xml="?", **{"META-INF__manifest_xml": "<encryption-data/>"}),
        "it has a password",
    ),
    "odt without parts": ("a.odt", lambda path: zipped(path, content_xml="<x/>"), "no item named"),
    "epub item": ("a.epub", lambda path: epub_with(path, '<itemref idref="z"/>'), "lists no item 'z'"),
    "epub page": (
        "a.epub",
        lambda path: epub_with(
            path, '<itemref idref="a"/>', **{"META-INF__encryption_xml": '<e><CipherReference URI="a"/></e>'}
        ),
        "encrypted",
    ),
    "jsonl list": ("a.jsonl", lambda path: path.write_text('{"text": "a"}\n[1]\n'), r":2: a JSON list, not"),
    "jsonl broken": ("a.jsonl", lambda path: path.write_text('{"text": "a"\n'), r"jsonl:1: not JSON"),
    "jsonl field": ("a.jsonl", lambda path: path.write_text('\n{"frase": 1}'), r":2: no text.*'frase'[\s\S]*--field"),
    "tsv column": ("a.tsv", lambda path: path.write_text("a\tb\n1\t2\n"), r"no column 'text'[\s\S]*a, b[\s\S]*--field"),
    "tsv row": ("a.tsv", lambda path: path.write_text("a\ttext\n1\t2\n3\n"), r"tsv:3: 1 cells"),
    "srt": ("a.srt", lambda path: path.write_text("Ciao"), "no subtitles"),
    "xml": ("a.xml", lambda path: path.write_text("<x/>"), "no dump of a MediaWiki"),
    "dump": ("a.xml", lambda path: path.write_text("<mediawiki><page></mediawiki>"), "XML is broken"),
    "dump entities": ("a.xml", lambda path: path.write_text(f"{BOMB}<mediawiki><page/></mediawiki>"), "entities"),
    "doc": ("a.txt", lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0\xa1"), "old Word document"),
    "rtf": ("a.txt", lambda path: path.write_bytes(b"{\\rtf1 Ciao}"), "Rich Text"),
    "page": ("a.html", lambda path: path.write_text(""), "cannot read the page"),
    "zip": ("a.zip", lambda path: path.write_bytes(b"PK\3\4" + bytes(99)), "damaged zip"),
    "tar": ("a.tar", lambda path: path.write_bytes(_tar()[:700]), "damaged tar"),
}


def _tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo("a.txt")
        member.size = 2000
        archive.addfile(member, io.BytesIO(b"uno due\n" * 250))
    return stream.getvalue()


@pytest.mark.parametrize(("name", "write", "message"), CASES.values(), ids=CASES.keys())
def test_unreadable_documents(name: str, write: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    file = tmp_path / name
    write(file)
    with pytest.raises(XlplError, match=message) as caught:
        prepare_text("it", [file], tmp_path / "new" / "out")
    assert name in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_documents_that_are_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.html").write_text("<p>" + "uno " * 999)
    (tmp_path / "a.txt").write_text("uno " * 999)
    monkeypatch.setattr(source, "MAX_WHOLE", 1000)
    monkeypatch.setattr(source, "MAX_LINE", 1000)
    monkeypatch.setattr(source, "PIECE", 100)
    with pytest.raises(XlplError, match=r"a\.html: larger than"):
        list(read_sentences(tmp_path / "a.html"))
    with pytest.raises(XlplError, match=r"a\.txt:1: a line is longer"):
        list(read_sentences(tmp_path / "a.txt"))


def test_a_missing_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pypdf", None)
    scan(tmp_path / "a.pdf")
    with pytest.raises(XlplError, match=r"pip install 'xlpl\[documents\]'"):
        list(read_sentences(tmp_path / "a.pdf"))


@pytest.mark.parametrize("workers", [1, 2])
def test_unreadable_documents_left_out(workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = tmp_path / "in"
    texts.mkdir()
    (texts / "a.txt").write_text("Uno.\n")
    (texts / "b.txt").write_bytes(b"Due.\n" + "è\n".encode("latin-1"))
    scan(texts / "c.pdf")
    zipped(texts / "d.zip", a_txt="Tre.", b_txt="\udcff".encode("utf-8", "surrogatepass").decode("latin-1"))
    (texts / "e.txt.gz").write_bytes(b"\x1f\x8b\x08 no")
    monkeypatch.setattr("xlpl_plugin.text.corpus.prepare_text.PIECE", 1)
    report = prepare_text("it", [texts], tmp_path / "out", TextOptions(skip_unreadable=True, workers=workers))
    assert (tmp_path / "out" / "text.txt").read_text().split("\n")[:2] == ["uno", "tre"]
    assert [Path(name).name for name in report.unreadable] == ["b.txt", "c.pdf", "e.txt.gz"]
    assert "b.txt:2: byte 0 of the line is not UTF-8" in report.unreadable[str(texts / "b.txt")]
    with pytest.raises(XlplError, match=r"b\.txt:2"):
        prepare_text("it", [texts], tmp_path / "other", TextOptions(workers=workers))
    assert not (tmp_path / "other").exists()
