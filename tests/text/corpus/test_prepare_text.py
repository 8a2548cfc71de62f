"""Text of a language out of files."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from xlpl_plugin.cli import xlpl
from xlpl_plugin.debian import fetch_package
from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.corpus.exclusion import Exclusion
from xlpl_plugin.text.corpus.libreoffice import libreoffice_package
from xlpl_plugin.text.corpus.prepare_text import TextOptions, prepare_text
from xlpl_plugin.text.documents.sentences import read_sentences, split_sentences
from xlpl_plugin.text.normalizer import FOREIGN

PAGE = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>T</title></head><body>
<nav>Menu principale</nav>
<div id="DisplayArea"><h1>Stampa</h1><p>La <b>stam</b>pa dell'u<i>tente</i>.
Segue qui. Fine!</p><!-- no -->dopo<ul><li>uno<li>due</ul>
<pre>PRINT x</pre><table><tr><td>a</td><td>b</td></tr></table><p>riga<br>altra</p></div>
<footer>Debug</footer></body></html>
"""


@pytest.fixture
def page(tmp_path):
    file = tmp_path / "pages" / "p.html"
    file.parent.mkdir()
    file.write_text(PAGE, encoding="utf-8")
    return file


def test_html_gives_the_text_that_is_read(page) -> None:
    assert list(read_sentences(page)) == [
        "Stampa", "La stampa dell'utente.", "Segue qui.", "Fine!", "dopo", "uno", "due", "a", "b", "riga", "altra",
    ]  # fmt: skip


def test_html_in_its_declared_encoding(tmp_path) -> None:
    file = tmp_path / "p.html"
    file.write_bytes('<html><head><meta charset="iso-8859-1"></head><body>città</body></html>'.encode("latin-1"))
    assert list(read_sentences(file)) == ["città"]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Uno. Due? Tre", ["Uno.", "Due?", "Tre"]),
        ("Vedi es. questo. «Poi» altro", ["Vedi es. questo.", "«Poi» altro"]),
        ("Versione 7.4 di www.x.org.", ["Versione 7.4 di www.x.org."]),
        ('"Fine." ¿Qué? ¡Sí!', ['"Fine."', "¿Qué?", "¡Sí!"]),
        ("  ", []),
        ("今天天气很好。我们去公园！好吗？", ["今天天气很好。", "我们去公园！", "好吗？"]),
        ("「你好。」他说。再见", ["「你好。」", "他说。", "再见"]),
        ("मैं जाता हूँ। वह आती है।", ["मैं जाता हूँ।", "वह आती है।"]),
        ("Am 3. Mai kam er. Dann 1999. Und", ["Am 3. Mai kam er.", "Dann 1999.", "Und"]),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_prepared_text_and_report(page, tmp_path) -> None:
    (tmp_path / "more.txt").write_text("Uno!\nPremere 1 (beep) € ♥.\n[x]\nla δ greca\n", encoding="utf-8")
    report = prepare_text("it", [page.parent, tmp_path / "more.txt"], tmp_path / "out")
    lines = (tmp_path / "out" / "text.txt").read_text("utf-8").splitlines()
    assert lines[1] == "la stampa dell' utente"
    assert lines[-1] == "premere uno euro"
    assert (report.documents, report.forms) == (2, {"html": 1, "txt": 1})
    assert report.left_out == {"duplicate": 1, "empty after normalisation": 1, FOREIGN: 1}
    assert (report.sentences, report.words) == (len(lines), sum(len(line.split()) for line in lines))
    saved = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert saved["dropped_characters"]["♥"] == saved["dropped_characters"]["δ"] == 1
    assert saved["removed_notes"] == 2


def test_held_out_sentences_are_never_in_the_text(tmp_path) -> None:
    (tmp_path / "t.txt").write_text("".join(f"frase {n}\n" for n in range(200)), encoding="utf-8")
    report = prepare_text("it", [tmp_path / "t.txt"], tmp_path / "out", TextOptions(heldout=0.2))
    kept, held = (
        set((tmp_path / "out" / f"{name}.txt").read_text("utf-8").splitlines()) for name in ("text", "heldout")
    )
    assert not kept & held
    assert len(kept | held) == 200
    assert 20 < report.heldout_sentences == len(held) < 60
    prepare_text("it", [tmp_path / "t.txt"], tmp_path / "out", force=True)
    assert not (tmp_path / "out" / "heldout.txt").exists()


@pytest.mark.parametrize(
    ("sentence", "shared"),
    [
        ("sabato", True),
        ("domenica", False),
        ("premere il tasto uno per continuare", True),
        ("ora premere il tasto uno per continuare prego", True),
        ("il tasto uno per continuare", True),
        ("il tasto uno", False),
        ("premere il tasto unò per continuare", False),
    ],
)
def test_sentences_shared_with_transcripts(sentence: str, shared: bool) -> None:
    assert (sentence in Exclusion(["sabato", "premere il tasto uno per continuare"])) is shared


def test_transcripts_are_kept_out(tmp_path) -> None:
    manifest = tmp_path / "audio"
    manifest.mkdir()
    (tmp_path / "t.txt").write_text("Sabato\nDomenica\n", encoding="utf-8")
    with pytest.raises(XlplError, match=r"no \.wrd files"):
        prepare_text("it", [tmp_path / "t.txt"], tmp_path / "out", exclude=[manifest])
    (manifest / "train.wrd").write_text("sabato\n", encoding="utf-8")
    report = prepare_text("it", [tmp_path / "t.txt"], tmp_path / "out", exclude=[manifest])
    assert report.left_out == {"shared with transcripts": 1}
    assert (tmp_path / "out" / "text.txt").read_text("utf-8") == "domenica\n"


def test_nothing_is_written_for_bad_input(tmp_path) -> None:
    (tmp_path / "a.txt").write_bytes(b"ok\n\xff\n")
    (tmp_path / "b.txt").write_text("...\n", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    for path, message in (
        ("a.txt", r"a\.txt:2: .*UTF-8"),
        ("b.txt", r"no sentence left of 1: 1 .*(\n.*)*--rules"),
        ("empty", "no text in"),
        ("missing", "no such file"),
    ):
        with pytest.raises(XlplError, match=message):
            prepare_text("it", [tmp_path / path], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg here")
def test_pages_of_a_debian_package(page, tmp_path) -> None:
    root = tmp_path / "root"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN" / "control").write_text(
        "Package: p\nVersion: 1\nArchitecture: all\nMaintainer: m\nDescription: d\n"
    )
    shutil.copy(page, root)
    subprocess.run(["dpkg-deb", "--build", root, tmp_path / "p.deb"], check=True, capture_output=True)
    report = prepare_text("it", [tmp_path / "p.deb"], tmp_path / "out")
    assert report.sentences == 11
    (tmp_path / "p.deb").write_bytes(b"!<arch>")
    with pytest.raises(XlplError, match=r"cannot unpack .*p\.deb"):
        prepare_text("it", [tmp_path / "p.deb"], tmp_path / "out2")


def test_fetching_without_apt(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(XlplError, match=r"apt-get is not on this machine[\s\S]*--from"):
        fetch_package("libreoffice-help-it", tmp_path / "cache")


def test_fetching_an_unknown_package(tmp_path, monkeypatch) -> None:
    tool = tmp_path / "apt-get"
    tool.write_text("#!/bin/sh\necho 'W: sandboxed' >&2\necho \"E: Unable to locate package $2\" >&2\nexit 100\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(XlplError, match=r"E: Unable to locate package nonesuch\n[\s\S]*apt-get update"):
        fetch_package("nonesuch", tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_names_of_libreoffices_packages() -> None:
    assert [libreoffice_package(code) for code in ("it", "en", "pt_BR")] == [
        "libreoffice-help-it", "libreoffice-help-en-us", "libreoffice-help-pt-br",
    ]  # fmt: skip


def test_from_pages_to_a_model_by_the_verbs(page, tmp_path) -> None:
    out = tmp_path / "out"

    def run(*words: object) -> str:
        result = CliRunner().invoke(xlpl, [str(word) for word in words], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    assert "1 document (1 html)" in run("prepare", "text", page, "--language", "it", "--out", out)
    assert "words, 100.00% of the text" in run("lexicon", out / "text.txt", "--out", out / "lexicon.txt")
    assert "dell'\td e l l ' |\n" in (out / "lexicon.txt").read_text("utf-8")
    said = run("lm", out / "text.txt", "--order", 2, "--heldout", out / "text.txt", "--out", out / "lm")
    assert "OOV 0.00%" in said
    assert "30 pieces" in run("prepare", "units", out / "text.txt", "--size", 30, "--out", out / "units")
    assert len((out / "units" / "dict.ltr.txt").read_text("utf-8").splitlines()) == 30


def test_text_from_nowhere(tmp_path) -> None:
    with pytest.raises(XlplError, match="no text given"):
        CliRunner().invoke(
            xlpl, ["prepare", "text", "--language", "it", "--out", str(tmp_path / "o")], catch_exceptions=False
        )


def test_frequent_words_are_a_file_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("Una frase sola.\n", encoding="utf-8")
    prepare_text("it", [tmp_path / "in.txt"], tmp_path / "out", TextOptions(words=200))
    words = (tmp_path / "out" / "words.txt").read_text(encoding="utf-8").split("\n")
    assert {"che", "non", "è", "più"} <= set(words)
    assert len(set(words)) == len(words) <= 201
    assert (tmp_path / "out" / "text.txt").read_text(encoding="utf-8") == "una frase sola\n"
    with pytest.raises(XlplError, match="no words of language"):
        prepare_text("haw", [tmp_path / "in.txt"], tmp_path / "other", TextOptions(words=5))
    assert not (tmp_path / "other").exists()


def test_what_was_not_read_is_said(page, tmp_path) -> None:
    (page.parent / "a.log").write_text("x")
    (page.parent / "b.txt").write_bytes(b"perch\xe9")
    words = ["prepare", "text", str(page.parent), "--language", "it", "--out", str(tmp_path / "o"), "--skip-unreadable"]
    said = CliRunner().invoke(xlpl, words, catch_exceptions=False).output
    assert "b.txt:1: byte 5 of the line is not UTF-8" in said
    assert "documents not read: 1" in said
    assert [line.split() for line in said.splitlines() if ".log" in line] == [[".log", "1"]]
