"""examples/voices: what other synthesizers say becomes a labelled folder, and what they cannot say is left out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from xlpl_plugin.data.manifest import read_manifest

ROOT = Path(__file__).parents[1]
# flite, espeak-ng with MBROLA and Festival as far as the script uses them, with the speech of espeak-ng; as the real
# ones do, Festival's stand-in dies of letters that its voices do not know
STAND_IN = f"""#!{sys.executable}
import re, sys
from pathlib import Path
from xlpl_plugin.audio.espeak import Voice, speak as synthesize
from xlpl_plugin.audio.reading import write_audio

def speak(text, path):
    write_audio(Path(path + ".flac"), synthesize(text, Voice("en-us", "m1")))
    Path(path + ".flac").rename(path)

words = sys.argv[1:]
if Path(sys.argv[0]).name == "flite":
    speak(words[words.index("-t") + 1], words[words.index("-o") + 1])
elif Path(sys.argv[0]).name == "espeak-ng":
    if "mb-known" not in words:
        sys.exit("Error: The specified espeak-ng voice does not exist.")
    if "-w" in words:
        speak(words[words.index("--") + 1], words[words.index("-w") + 1])
elif words[1].startswith("("):
    sys.exit(0 if words[1] == "(voice_known)" else 255)
else:
    said = r'Text "(.*)"\\)\\) "(.*[.]wav)" '
    for text, path in re.findall(said, Path(words[1]).read_text()):
        if not text.isascii():
            sys.exit(139)
        speak(text.replace("\\\\", ""), path)
"""
LINES = ["the old house", "she said no", "", "we need more time", "привет", 'an "open" door', 'good "night"']


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    programs = tmp_path / "bin"
    programs.mkdir()
    xlpl = f"#!{sys.executable}\nfrom xlpl_plugin.cli import main\nmain()\n"
    for name, text in (*((name, STAND_IN) for name in ("flite", "festival", "espeak-ng")), ("xlpl", xlpl)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (tmp_path / "lines.txt").write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


def voices(tmp_path: Path, variables: dict[str, str], names: str) -> subprocess.CompletedProcess[str]:
    script = ["bash", str(ROOT / "examples" / "voices" / "voices.sh"), "en", "lines.txt", "data/voices"]
    options = ["--test", "0", "--valid", "0"]
    return subprocess.run(
        [*script, *options], cwd=tmp_path, env={**variables, "VOICES": names}, capture_output=True, text=True
    )


@pytest.mark.slow
def test_each_line_is_spoken_by_the_voice_whose_turn_it_is(tmp_path: Path, variables: dict[str, str]) -> None:
    done = voices(tmp_path, variables, "flite:slt festival:known mbrola:known festival:known")
    assert done.returncode == 0, done.stderr
    assert "5 of 6 lines are spoken" in done.stderr
    rows = {row.id: row.words for row in read_manifest(tmp_path / "data" / "voices", "train").utterances}
    assert rows == {
        "000001": "the old house", "000002": "she said no", "000004": "we need more time", "000006": "an open door",
        "000007": "good night",
    }  # fmt: skip
    speakers = (tmp_path / "data" / "voices" / "utt2spk").read_text().splitlines()
    assert speakers[:4] == ["000001 flite-slt", "000002 festival-known", "000004 mbrola-known", "000006 flite-slt"]
    unspoken = (tmp_path / "data" / "voices" / "unspoken.tsv").read_text("utf-8")
    assert unspoken == "000005\tfestival:known\tпривет\n"
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["voices"]


@pytest.mark.slow
def test_a_voice_that_is_not_there_ends_it(tmp_path: Path, variables: dict[str, str]) -> None:
    assert voices(tmp_path, variables, "festival:unknown").returncode == 255
    assert "does not exist" in voices(tmp_path, variables, "mbrola:unknown").stderr
    assert not list((tmp_path / "data").iterdir())
    assert "usage" in voices(tmp_path, variables, "").stderr
