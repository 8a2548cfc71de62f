"""`xlpl prepare asterisk` on a tiny package with the quirks of the real ones."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import tarfile
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner

from xlpl_plugin.cli.prepare_asterisk import command
from xlpl_plugin.data.corpora.asterisk import LANGUAGES, load_rules, read_transcripts, recordings
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.errors import XlplError

TRANSCRIPTS = """\
\ufeff; Core Asterisk Sounds in Italian

vm-press: Premi 1 per l'aiuto.
conf-menu: conf-menu: Prego premere 2 per uscire...
conf-full: La conferenza ? piena.
call-fwd-busy: ...inoltro su occupato. call-fwd-done: Inoltro completo. vm-press: Premi 9.
call-fwd-done:
call-extra: Uno. call-late: Due.
vm-INBOX: è nuovo (enfatico)
invalid: Spiacente, [quello] non è valido.
letters/O: O
letters/b: b
beep: un suono beep
silence/1: (1 secondo di silenzio)
is: Is.
no-file: Senza registrazione.
digits/0: zero
digits/0: dieci
"""
NAMES = (
    "vm-press conf-menu conf-full call-fwd-busy vm-INBOX invalid letters/o letters/b beep silence/1 is digits/0 untold"
)
SPOKEN = {
    "vm-press": "premi uno per l' aiuto",
    "conf-menu": "prego premere due per uscire",
    "conf-full": "la conferenza è piena",
    "call-fwd-busy": "inoltro su occupato",
    "vm-INBOX": "è nuovo",
    "invalid": "spiacente non è valido",
    "letters/o": "o",
    "letters/b": "bi",
    "digits/0": "zero",
}


def encode_g722(path: Path, seconds: float = 0.4) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(3).integers(-6000, 6000, (1, int(seconds * 16_000)), dtype=np.int16)
    with av.open(str(path), "w", format="g722") as container:
        stream = container.add_stream("g722", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The files of asterisk-core-sounds-it and -it-g722 as they lie after unpacking."""
    root = tmp_path / "package"
    document = root / "usr/share/doc/asterisk-core-sounds-it/core-sounds-it.txt.gz"
    document.parent.mkdir(parents=True)
    document.write_bytes(gzip.compress(TRANSCRIPTS.encode()))
    for name in NAMES.split():
        # about ten letters a second
        encode_g722(
            root / f"usr/share/asterisk/sounds/it_IT_m_Carlo/{name}.g722", max(0.4, len(SPOKEN.get(name, "")) / 10)
        )
    return root


def run(out: Path, *words: object) -> str:
    arguments = [
        "--language",
        "it",
        "--out",
        str(out),
        "--workers",
        "1",
        "--valid",
        "0",
        "--test",
        "0",
        *map(str, words),
    ]
    result = CliRunner().invoke(command, arguments, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output


def spoken(folder: Path) -> dict[str, str | None]:
    return {utterance.id: utterance.words for utterance in read_manifest(folder, "train").utterances}


def test_folder_without_transcripts_names_the_package(tmp_path: Path) -> None:
    encode_g722(tmp_path / "sounds/beep.g722")
    with pytest.raises(XlplError, match="Debian package asterisk-core-sounds-it\n"):
        run(tmp_path / "out", "--from", tmp_path / "sounds")


def test_folder_without_recordings_names_the_package(package: Path, tmp_path: Path) -> None:
    shutil.rmtree(package / "usr/share/asterisk")
    with pytest.raises(XlplError, match="asterisk-core-sounds-it-g722"):
        run(tmp_path / "out", "--from", package)


def test_damaged_archive(tmp_path: Path) -> None:
    (tmp_path / "sounds.tar.gz").write_bytes(b"\x1f\x8bnot really")
    with pytest.raises(XlplError, match=r"sounds\.tar\.gz: cannot be unpacked"):
        run(tmp_path / "out", "--from", tmp_path / "sounds.tar.gz")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"name without a colon\n", "core-sounds-it.txt:1: cannot read"), ("a: perché\n".encode("latin-1"), "not UTF-8")],
)
def test_bad_transcripts(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "core-sounds-it.txt").write_bytes(content)
    with pytest.raises(XlplError, match=complaint):
        read_transcripts(tmp_path / "core-sounds-it.txt", load_rules("it"))


def test_truncated_transcripts(package: Path, tmp_path: Path) -> None:
    document = next(package.rglob("*.gz"))
    document.write_bytes(document.read_bytes()[:60])
    with pytest.raises(XlplError, match="cannot be unpacked"):
        run(tmp_path / "out", "--from", package)


def test_other_languages_are_refused() -> None:
    with pytest.raises(XlplError, match="one of en, es, fr, it, ru"):
        load_rules("de")


def test_what_is_said_and_what_is_left_out(package: Path, tmp_path: Path) -> None:
    printed = run(tmp_path / "out", "--from", package)
    assert spoken(tmp_path / "out") == SPOKEN
    for reason in ("not speech", "no transcript", "transcript unusable: the transcript is English"):
        assert reason in printed


def test_glued_entries_come_apart(tmp_path: Path) -> None:
    (tmp_path / "core-sounds-it.txt").write_text(TRANSCRIPTS, encoding="utf-8")
    texts = read_transcripts(tmp_path / "core-sounds-it.txt", load_rules("it"))
    assert texts["call-fwd-busy"].strip() == "...inoltro su occupato."
    assert texts["vm-press"].startswith("Premi 1")  # its own line is better than the glued copy
    assert texts["call-fwd-done"].strip() == "Inoltro completo."  # its own line is empty
    assert texts["call-extra"] == "Uno. call-late: Due."  # no entry of that name: just text


def test_uncertain_transcripts_do_not_judge(package: Path) -> None:
    items = {item.id: item.part for item in recordings("it", [package]).items}
    assert items["invalid"] == "train"
    assert not items["vm-press"]
    assert not items["vm-INBOX"]


def test_an_archive_that_leaves_its_folder_is_refused(package: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "sounds.tar.xz", "w:xz") as tar:
        tar.add(package, arcname="../sounds")
    with pytest.raises(XlplError, match="outside of the folder"):
        run(tmp_path / "out", "--from", tmp_path / "sounds.tar.xz")


def test_tarball_and_debian_archives_give_the_same(package: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "sounds.tar.xz", "w:xz") as tar:
        tar.add(package, arcname="sounds")
    run(tmp_path / "from_tar", "--from", tmp_path / "sounds.tar.xz")
    assert spoken(tmp_path / "from_tar") == SPOKEN


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb")
def test_folder_of_debian_archives(package: Path, tmp_path: Path) -> None:
    debs = tmp_path / "debs"
    debs.mkdir()
    control = package / "DEBIAN" / "control"
    control.parent.mkdir()
    control.write_text("Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n")
    archive = debs / "asterisk-core-sounds-it_1.6.1-1_all.deb"
    subprocess.run(["dpkg-deb", "--build", str(package), str(archive)], check=True, capture_output=True)
    run(tmp_path / "from_debs", "--from", debs)
    assert spoken(tmp_path / "from_debs") == SPOKEN


def test_unlabelled_target_keeps_its_transcripts_apart(package: Path, tmp_path: Path) -> None:
    run(tmp_path / "out", "--from", package, "--unlabelled", "--references", tmp_path / "references")
    assert set(spoken(tmp_path / "out").values()) == {None}
    assert not [*(tmp_path / "out").rglob("*.wrd"), *(tmp_path / "out").rglob("*.ltr")]
    assert spoken(tmp_path / "references") == SPOKEN


@pytest.mark.parametrize("language", LANGUAGES)
def test_rules_of_every_language_can_be_used(language: str) -> None:
    rules = load_rules(language)
    assert all(isinstance(new, str) and old != new for old, new in rules.replace.items())
    # a replacement must not undo or repeat itself when applied to its own result in the same order
    for meant in rules.replace.values():
        assert all(meant.replace(old, new) == meant for old, new in rules.replace.items() if old not in ("'", " "))
