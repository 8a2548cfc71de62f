"""A small real document of each form, by a real writer, plain and compressed."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import docx
import pyarrow
import pysubs2
import pytest
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.documents.forms import FORMS
from xlpl_plugin.text.documents.sentences import read_sentences

SENTENCES = ["Il gatto dorme.", "Perché piove?", "Così è."]


def write_txt(path: Path) -> None:
    path.write_text("\n".join(SENTENCES) + "\n", encoding="utf-8")


def write_md(path: Path) -> None:
    path.write_text(
        "---\ntitle: x\n---\nIl **gatto**\n[dorme](http://x.org).\n\n```\nx = 1\n```\n\n- Perché _piove_?\n\n"
        "| Così è. |\n|---|\n",
        encoding="utf-8",
    )


def write_html(path: Path) -> None:
    path.write_text("<html><body>" + "".join(f"<p>{text}</p>" for text in SENTENCES) + "</body></html>", "utf-8")


def write_subtitles(path: Path) -> None:
    subtitles = pysubs2.SSAFile()
    for number, text in enumerate((r"{\i1}Il gatto{\i0}\Ndorme.", r"- Perché piove?\N- Così è.")):
        subtitles.append(pysubs2.SSAEvent(start=3000 * number, end=3000 * number + 2000, text=text))
    subtitles.save(str(path))


def write_jsonl(path: Path) -> None:
    rows = [{"id": 1, "text": "Il gatto dorme. Perché piove?"}, {"id": 2, "text": "Così è."}]
    path.write_text("\n\n".join(json.dumps(row) for row in rows) + "\n\n", encoding="utf-8")


def write_tsv(path: Path) -> None:
    path.write_text("id\ttext\n1\tIl gatto dorme.\n2\tPerché piove?\n3\tCosì è.\n\n", encoding="utf-8")


def write_csv(path: Path) -> None:
    path.write_text('id,text\n1,"Il gatto dorme. Perché piove?"\n2,Così è.\n', encoding="utf-8")


def write_pdf(path: Path) -> None:
    page = Figure()
    page.text(0.1, 0.8, "Il gatto dor-\nme.\nPerché piove?\nCosì è.")
    with PdfPages(path, metadata={"Title": "x"}) as pages:
        pages.savefig(page)


def write_docx(path: Path) -> None:
    document = docx.Document()
    document.add_paragraph("Il gatto ").add_run("dorme.").bold = True
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = SENTENCES[1:]
    document.save(str(path))


ODT = """<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:text>
<text:tracked-changes><text:changed-region><text:deletion><text:p>Via.</text:p></text:deletion></text:changed-region>
</text:tracked-changes><text:h>Il<text:s/>gatto <text:span>dor</text:span>me.</text:h><text:list><text:list-item>
<text:p>Perché<office:annotation><text:p>Nota.</text:p></office:annotation> piove?</text:p></text:list-item></text:list>
<text:p>Così<text:line-break/>è.</text:p></office:text></office:body></office:document-content>"""
MANIFEST = '<manifest xmlns="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'


def write_odt(path: Path, manifest: str = MANIFEST, content: str = ODT) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr("content.xml", content)


PACKAGE = """<package xmlns="http://www.idpf.org/2007/opf"><manifest>
<item id="b" href="text/b%20b.xhtml" media-type="application/xhtml+xml"/>
<item id="a" href="text/a.xhtml" media-type="application/xhtml+xml"/>
<item id="n" href="n.xhtml" media-type="application/xhtml+xml" properties="nav"/></manifest>
<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/></spine></package>"""


def write_epub(path: Path, **more: str) -> None:
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>%s</rootfiles></container>'
    )
    page = '<html xmlns="http://www.w3.org/1999/xhtml"><body>%s</body></html>'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr("META-INF/container.xml", container % '<rootfile full-path="OPS/p.opf"/>')
        archive.writestr("OPS/p.opf", PACKAGE)
        archive.writestr("OPS/n.xhtml", page % "<nav><p>Indice</p></nav>")
        archive.writestr("OPS/text/a.xhtml", page % f"<p>{SENTENCES[0]}</p>")
        archive.writestr("OPS/text/b b.xhtml", page % f"<p>{SENTENCES[1]}</p><p>{SENTENCES[2]}</p>")
        for name, text in more.items():
            archive.writestr(name.replace("__", "/") + ".xml", text)


WIKI = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" xml:lang="it"><siteinfo><namespaces>
<namespace key="0" case="first-letter"/><namespace key="1">Discussione</namespace>
<namespace key="6">Immagine</namespace><namespace key="14">Categoria</namespace></namespaces></siteinfo>
%s</mediawiki>"""
PAGE = (
    "<page><title>%s</title>%s<id>1</id>%s<revision><id>1</id><model>wikitext</model><text>%s</text></revision></page>"
)
ARTICLE = """{{Nota|[[x]]|{{y}}}}'''Il [[gatto domestico|gatto]]''' dorme.&lt;ref name="a"&gt;Nota.&lt;/ref&gt;
[[Immagine:a.jpg|thumb|Un [[altro]] gatto.]]
{| class="x"
| cella
|}
== Perché ''piove''? ==
&lt;!-- no --&gt;
* Così [http://x.org è].
[[Categoria:Gatti]]
[[de:Katze]]
__NOTOC__"""


def write_dump(path: Path) -> None:
    pages = (
        PAGE % ("Gatto", "<ns>0</ns>", "", ARTICLE),
        PAGE % ("Discussione:Gatto", "<ns>1</ns>", "", "Non qui."),
        PAGE % ("Micio", "<ns>0</ns>", '<redirect title="Gatto"/>', "#RINVIA [[Gatto]]"),
        PAGE % ("Discussione:Micio", "", "", "Di un vecchio dump."),
    )
    path.write_text(WIKI % "".join(pages), encoding="utf-8")


WRITERS: dict[str, Callable[[Path], None]] = {
    "txt": write_txt,
    "md": write_md,
    "html": write_html,
    "srt": write_subtitles,
    "vtt": write_subtitles,
    "ass": write_subtitles,
    "jsonl": write_jsonl,
    "tsv": write_tsv,
    "csv": write_csv,
    "mediawiki": write_dump,
    "pdf": write_pdf,
    "docx": write_docx,
    "odt": write_odt,
    "epub": write_epub,
}


def written(form: str, folder: Path) -> Path:
    path = folder / f"a{FORMS[form].suffixes[0]}"
    WRITERS[form](path)
    return path


def zstd(raw: bytes) -> bytes:
    return pyarrow.compress(raw, codec="zstd", asbytes=True)


def test_each_form_is_tried() -> None:
    assert WRITERS.keys() == FORMS.keys()


@pytest.mark.parametrize("form", FORMS)
def test_forms(form: str, tmp_path: Path) -> None:
    assert list(read_sentences(written(form, tmp_path))) == SENTENCES


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstd], ids=["gz", "bz2", "xz", "zst"])
def test_compressed(form: str, pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    plain = written(form, tmp_path)
    packed = plain.with_name(f"{plain.name}.{'gz' if pack is gzip.compress else 'xz'}")
    packed.write_bytes(pack(plain.read_bytes()))
    assert list(read_sentences(packed)) == SENTENCES


@pytest.mark.parametrize("archive", ["all.zip", "all.tar", "all.tgz", "all.tar.xz"])
def test_archives(archive: str, tmp_path: Path) -> None:
    files = [written(form, tmp_path) for form in FORMS]
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"In un archivio."))
    (tmp_path / "._a.txt").write_bytes(b"\0\xff")
    files += [tmp_path / "b.txt.gz", tmp_path / "._a.txt"]
    if archive == "all.zip":
        with zipfile.ZipFile(tmp_path / archive, "w", zipfile.ZIP_DEFLATED) as zipped:
            for file in files:
                zipped.write(file, f"x/{file.name}")
    else:
        with tarfile.open(tmp_path / archive, "w:" + {"all.tgz": "gz", "all.tar.xz": "xz"}.get(archive, "")) as tarred:
            for file in files:
                tarred.add(file, f"./x/{file.name}")
    assert list(read_sentences(tmp_path / archive)) == SENTENCES * len(FORMS) + ["In un archivio."]


@pytest.mark.parametrize("form", ["pdf", "docx", "odt", "epub"])
def test_a_name_that_lies(form: str, tmp_path: Path) -> None:
    """What the content is, is read, whatever it is called."""
    assert list(read_sentences(written(form, tmp_path).rename(tmp_path / "a.txt"))) == SENTENCES


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("form", ["txt", "html", "srt", "jsonl", "tsv", "csv", "md"])
def test_byte_order_marks(form: str, encoding: str, tmp_path: Path) -> None:
    path = written(form, tmp_path)
    path.write_text(path.read_text("utf-8"), encoding=encoding)
    assert list(read_sentences(path)) == SENTENCES


def test_a_field_of_another_name(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"frase": "Uno.\\nDue."}\n')
    assert list(read_sentences(tmp_path / "a.jsonl", "frase")) == ["Uno.", "Due."]
    (tmp_path / "a.tsv").write_text('frase\tn\n"Uno\t1\nDue\t2\n')
    assert list(read_sentences(tmp_path / "a.tsv", "frase")) == ['"Uno', "Due"]


def test_a_docx_after_a_review(tmp_path: Path) -> None:
    """Insertions are read, deletions are not; python-docx passes over both."""
    path = written("docx", tmp_path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    review = b"<w:ins><w:r><w:t>Nuovo.</w:t></w:r></w:ins><w:del><w:r><w:delText>Vecchio.</w:delText></w:r></w:del>"
    document = parts["word/document.xml"]
    parts["word/document.xml"] = document.replace(b"<w:body>", b"<w:body><w:p>" + review + b"</w:p>")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert list(read_sentences(path)) == ["Nuovo.", *SENTENCES]


@pytest.mark.parametrize("form", FORMS)
def test_damaged_documents_end_in_an_error_or_in_text(form: str, tmp_path: Path) -> None:
    path = written(form, tmp_path)
    raw = path.read_bytes()
    drawn = random.Random(form)
    for _ in range(15):
        damaged = bytearray(raw[: drawn.randint(1, 2 * len(raw))])
        for _ in range(drawn.randint(1, 8)):
            damaged[drawn.randrange(len(damaged))] = drawn.randrange(256)
        start, end = sorted(drawn.choices(range(len(damaged)), k=2))
        del damaged[start : min(end, start + 20)]
        path.write_bytes(damaged)
        with suppress(XlplError):
            list(read_sentences(path))
