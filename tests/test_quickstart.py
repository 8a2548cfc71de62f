"""The quickstart's grammars, and its preparation at a small size. Its training is left to `make quickstart`."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path
from types import ModuleType

import pytest

from xlpl_plugin.data.checking.check import check_folder
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.data.units import LETTERS
from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.normalizer import Normalizer

QUICKSTART = Path(__file__).parent.parent / "examples" / "quickstart"
LANGUAGES = ("en", "es", "sw")


@pytest.fixture(scope="module")
def phrases() -> ModuleType:
    spec = importlib.util.spec_from_file_location("phrases", QUICKSTART / "phrases.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def grammar_file(tmp_path: Path) -> Path:
    return tmp_path / "toy.yaml"


def test_a_grammar_gives_each_of_its_sentences_once(phrases: ModuleType, grammar_file: Path) -> None:
    grammar_file.write_text("start: '{who} {does} | stop'\nwho: we | you\ndoes: eat | drink\n")
    expected = {"we eat", "we drink", "you eat", "you drink", "stop"}
    drawn = list(phrases.sentences(phrases.read_grammar(grammar_file), seed=1))
    assert len(drawn) == len(expected)
    assert set(drawn) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("start: '{whom} eats'\n", "{whom} is no rule"),
        ("start: a || b\n", "empty alternative"),
        ("begin: a\n", "the rule 'start'"),
        ("start: [a, b]\n", "not a grammar"),
        ("start: 'a\n", "cannot be read"),
    ],
)
def test_a_broken_grammar_is_named(phrases: ModuleType, grammar_file: Path, text: str, problem: str) -> None:
    grammar_file.write_text(text)
    with pytest.raises(XlplError, match=r"toy\.yaml") as caught:
        phrases.read_grammar(grammar_file)
    assert problem in str(caught.value)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_shipped_grammar_speaks_in_letters(phrases: ModuleType, language: str) -> None:
    normalizer = Normalizer(language)
    grammar = phrases.read_grammar(QUICKSTART / "grammar" / f"{language}.yaml")
    drawn = list(islice(phrases.sentences(grammar, seed=1), 2000))
    assert len(set(drawn)) == 2000
    assert [normalizer.normalize(line) for line in drawn] == drawn
    assert drawn[:20] == list(islice(phrases.sentences(grammar, seed=1), 20))
    assert drawn[:20] != list(islice(phrases.sentences(grammar, seed=2), 20))
    used = {slot for alternatives in grammar.values() for part in alternatives for slot in phrases.SLOT.findall(part)}
    assert used == set(grammar) - {"start"}


def test_the_sources_speak_every_letter_of_the_target(phrases: ModuleType) -> None:
    spelled = {}
    for language in LANGUAGES:
        grammar = phrases.read_grammar(QUICKSTART / "grammar" / f"{language}.yaml")
        spelled[language] = {letter for line in islice(phrases.sentences(grammar, seed=1), 500) for letter in line}
    # but the apostrophe of ng'
    assert spelled["sw"] - {"'"} <= spelled["es"] | spelled["en"]
    assert spelled["sw"] - {" "} <= set(LETTERS)


def test_more_sentences_than_the_grammar_holds(phrases: ModuleType, grammar_file: Path) -> None:
    grammar_file.write_text("start: a | b\n")
    command = [
        str(QUICKSTART / "phrases.py"),
        str(grammar_file),
        "--spoken",
        "3",
        str(grammar_file.with_suffix(".txt")),
    ]
    result = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "only 2 sentences" in result.stderr
    assert "Traceback" not in result.stderr
    assert not grammar_file.with_suffix(".txt").exists()


@pytest.mark.slow
def test_the_preparation_shares_no_sentence_between_text_and_speech(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "WORK": str(tmp_path)}
    environment |= {"MINUTES": "1 0.8 1", "SENTENCES": "1500", "PYTHONUTF8": "1"}
    script = ["bash", str(QUICKSTART / "prepare.sh")]
    subprocess.run(script, env=environment, check=True, capture_output=True)
    for folder in ("es", "en", "sw"):
        assert not check_folder(tmp_path / folder).findings
    assert not list((tmp_path / "sw").glob("*.wrd")) + list((tmp_path / "sw").glob("*.ltr"))
    spoken = [
        u.words
        for part in ("train", "valid", "test")
        for u in read_manifest(tmp_path / "sw-references", part).utterances
    ]
    text = [
        line for name in ("text", "heldout") for line in (tmp_path / "sw-text" / f"{name}.txt").read_text().splitlines()
    ]
    assert len(spoken) == len(set(spoken)) > 10
    assert len(text) > 1000
    assert not set(spoken) & set(text)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    subprocess.run(script, env=environment, check=True, capture_output=True)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before
