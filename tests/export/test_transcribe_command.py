"""`xlpl transcribe`: files, folders and standard input to the screen, beside the audio, or to a folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import MakeFolder

from xlpl_plugin.cli import xlpl
from xlpl_plugin.errors import XlplError
from xlpl_plugin.transcribing.recogniser import load_recogniser

# the run that they share takes a minute to make
pytestmark = pytest.mark.slow
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory, make_folder: MakeFolder) -> Path:
    """A folder with 0.flac, 1.flac and deeper/0.flac."""
    folder = tmp_path_factory.mktemp("speech")
    make_folder(folder / "data", {"test": ["cab dad", "face", "bad dad"]}, labels=False)
    made = folder / "data" / "audio" / "test"
    (made / "deeper").mkdir()
    (made / "2.flac").rename(made / "deeper" / "0.flac")
    (made / "notes.txt").write_text("no recording")
    return made


@pytest.fixture(scope="module")
def texts(speech: Path, tiny_run: Path) -> dict[str, str]:
    """What the recogniser says of each file."""
    recogniser = load_recogniser(tiny_run, device="cpu")
    files = sorted(speech.rglob("*.flac"))
    return {str(file): found.text for file, found in zip(files, recogniser.transcribe(files), strict=True)}


@pytest.fixture
def transcribe(tiny_run: Path) -> Run:
    def run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
        words = ["transcribe", str(tiny_run), *map(str, arguments), "--device", "cpu"]
        return CliRunner().invoke(xlpl, words, input=stdin)

    return run


def refusal(result: Result) -> str:
    assert isinstance(result.exception, XlplError)
    return str(result.exception)


def test_one_recording_on_the_screen(speech: Path, texts: dict[str, str], transcribe: Run) -> None:
    result = transcribe(speech / "0.flac")
    assert result.exit_code == 0
    assert result.stdout == f"{texts[str(speech / '0.flac')]}\n"
    assert "1 recording, 0.8 s of audio in " in result.stderr
    assert "real-time factor" in result.stderr


def test_a_folder_on_the_screen(speech: Path, texts: dict[str, str], transcribe: Run) -> None:
    result = transcribe(speech)
    shown = {name: f"{text}\n" if text else "" for name, text in texts.items()}
    assert result.stdout == "".join(f"==> {name} <==\n{text}" for name, text in shown.items())
    assert len(texts) == 3


def test_json_lines_name_themselves(speech: Path, texts: dict[str, str], transcribe: Run) -> None:
    result = transcribe(speech, "--format", "json", "--nbest", 3)
    read = [json.loads(line) for line in result.stdout.splitlines()]
    assert {row["name"]: row["text"] for row in read} == texts
    assert any(piece["alternatives"] for row in read for piece in row["utterances"])


def test_standard_input(speech: Path, texts: dict[str, str], transcribe: Run) -> None:
    result = transcribe("-", "-f", "ctm", stdin=(speech / "0.flac").read_bytes())
    assert result.exit_code == 0
    assert [line.split()[4] for line in result.stdout.splitlines()] == texts[str(speech / "0.flac")].split()
    assert all(line.startswith("- 1 ") for line in result.stdout.splitlines())
    broken = transcribe("-", stdin=b"no audio")
    assert broken.exit_code == 1
    assert "xlpl: -: " in broken.stderr


def test_beside_the_recordings(speech: Path, tmp_path: Path, texts: dict[str, str], transcribe: Run) -> None:
    shutil.copytree(speech, tmp_path / "speech")
    result = transcribe(tmp_path / "speech", "--beside", "-f", "txt", "-f", "TextGrid")
    assert (result.exit_code, result.stdout) == (0, "")
    for name, text in texts.items():
        file = tmp_path / "speech" / Path(name).relative_to(speech)
        assert file.with_suffix(".txt").read_text() == f"{text}\n" * bool(text)
        assert file.with_suffix(".TextGrid").exists()
    again = transcribe(tmp_path / "speech" / "0.flac", "--beside")
    assert "already holds results" in refusal(again)
    assert transcribe(tmp_path / "speech" / "0.flac", "--beside", "--force").exit_code == 0


def test_a_folder_for_transcripts(speech: Path, tmp_path: Path, texts: dict[str, str], transcribe: Run) -> None:
    out = tmp_path / "out"
    result = transcribe(speech, "-", "--out", out, stdin=(speech / "1.flac").read_bytes())
    assert result.exit_code == 0
    found = sorted(str(file.relative_to(out)) for file in out.rglob("*.*"))
    assert found == ["0.txt", "1.txt", "deeper/0.txt", "stdin.txt"]
    assert (out / "stdin.txt").read_text() == (out / "1.txt").read_text() == f"{texts[str(speech / '1.flac')]}\n"


def test_unreadable_recordings_are_named_and_the_others_go_on(
    speech: Path, tmp_path: Path, texts: dict[str, str], transcribe: Run
) -> None:
    (tmp_path / "broken.mp3").write_bytes(b"nothing")
    result = transcribe(tmp_path / "broken.mp3", speech / "1.flac", tmp_path / "gone.wav", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert f"xlpl: {tmp_path / 'broken.mp3'}: " in result.stderr
    assert f"xlpl: {tmp_path / 'gone.wav'}: no such file" in result.stderr
    assert "3 recordings, 2 not, or not wholly, transcribed" in result.stderr
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["1.txt"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["-f", "doc"], "unknown format 'doc'"),
        (["-f", "txt", "-f", "json"], "2 formats for the screen"),
        (["--workers", "0"], "workers=0"),
        (["--device", "tpu9"], "device='tpu9'"),
    ],
)
def test_options_that_cannot_be(arguments: Sequence[str], problem: str, speech: Path, tiny_run: Path) -> None:
    words = ["transcribe", str(tiny_run), str(speech / "0.flac"), *arguments]
    assert problem in refusal(CliRunner().invoke(xlpl, words))


def test_places_that_cannot_be(speech: Path, tmp_path: Path, transcribe: Run) -> None:
    assert "two places" in transcribe(speech, "--beside", "--out", tmp_path / "out").output
    assert "--beside standard input" in refusal(transcribe("-", "--beside", stdin=b""))
    assert "(-) is given twice" in refusal(transcribe("-", "-", stdin=b""))
    shared = transcribe(speech / "0.flac", speech / "deeper" / "0.flac", "--out", tmp_path / "out")
    assert str(speech / "deeper" / "0.flac") in refusal(shared)
    (tmp_path / "empty").mkdir()
    assert "no recording in the folder" in refusal(transcribe(tmp_path / "empty"))
    assert not (tmp_path / "out").exists()
