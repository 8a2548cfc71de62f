"""Language models: scores by hand, both estimators, and what is refused."""

from __future__ import annotations

import json
import random
import sys

import pytest

from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.kenlm_tools import find_tool
from xlpl_plugin.text.lm import LmOptions, build_lm
from xlpl_plugin.text.perplexity import evaluate_lm, load_lm
from xlpl_plugin.text.spelling.speller import make_speller

needs_lmplz = pytest.mark.skipif(
    find_tool("lmplz") is None or find_tool("build_binary") is None, reason="lmplz is not built here"
)

# probabilities by powers of ten: a 0.1, b 0.01, end 0.1, unknown 0.001; back-off of a 0.1
BIGRAMS = """\\data\\
ngram 1=5
ngram 2=2

\\1-grams:
-3\t<unk>\t0
-99\t<s>\t-1
-1\t</s>\t0
-1\ta\t-1
-2\tb\t0

\\2-grams:
-0.5\t<s> a
-0.25\ta b

\\end\\
"""


@pytest.fixture
def arpa(tmp_path):
    file = tmp_path / "lm.arpa"
    file.write_text(BIGRAMS, encoding="utf-8")
    return file


@pytest.fixture
def without_kenlm(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("XLPL_KENLM_BIN", raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """Few frequent words, many rare ones, and some dependence of a word on the last; 100 sentences are held out."""
    chance = random.Random(7)
    lines = []
    for _ in range(1100):
        words = [0]
        while len(words) < 12 and chance.random() > 0.1:
            words.append(int(chance.paretovariate(0.8)) + 3 * (words[-1] % 4))
        lines.append(" ".join(f"w{word}" for word in words[1:]) or "w1")
    folder = tmp_path_factory.mktemp("text")
    (folder / "train.txt").write_text("\n".join(lines[:1000]) + "\n", encoding="utf-8")
    (folder / "heldout.txt").write_text("\n".join(lines[1000:]) + "\n", encoding="utf-8")
    return folder


def test_perplexity_by_hand(arpa) -> None:
    held = evaluate_lm(load_lm(arpa), ["a b", "", "c a"])
    # "a b": 0.5 + 0.25 + 1 (end, b has no back-off); "c a": 3 and <s>'s back-off 1, then a 1, end 1 + 1
    known, unknown = 0.5 + 0.25 + 1 + 1 + (1 + 1), 3 + 1
    assert (held.sentences, held.words, held.oov, held.oov_rate) == (2, 4, 1, 0.25)
    assert held.perplexity == pytest.approx(10 ** (known / 5), rel=1e-5)
    assert held.perplexity_with_oov == pytest.approx(10 ** ((known + unknown) / 6), rel=1e-5)


@pytest.mark.parametrize("content", [b"", b"hello\n", BIGRAMS.encode()[:-8], BIGRAMS.encode()[:120], b"\0" * 4096])
def test_broken_model(tmp_path, content: bytes) -> None:
    file = tmp_path / "lm.bin"
    file.write_bytes(content)
    with pytest.raises(XlplError, match=r"lm\.bin: "):
        load_lm(file)


@needs_lmplz
def test_truncated_binary(text, tmp_path) -> None:
    build_lm([text / "train.txt"], tmp_path / "lm")
    whole = (tmp_path / "lm" / "lm.bin").read_bytes()
    (tmp_path / "half.bin").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(XlplError, match=r"half\.bin: cannot load.*should be at least"):
        load_lm(tmp_path / "half.bin")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (LmOptions(order=1), "order=1"),
        (LmOptions(order=7), "order=7"),
        (LmOptions(order=2, prune=(0, 0, 1)), "prune='0 0 1' with order=2"),
        (LmOptions(prune=(1, 0)), "do not fall"),
        (LmOptions(binary="tree"), "one of trie, probing"),
    ],
)
def test_bad_options(text, tmp_path, options: LmOptions, message: str) -> None:
    with pytest.raises(XlplError, match=message):
        build_lm([text / "train.txt"], tmp_path / "lm", options)
    assert not (tmp_path / "lm").exists()


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_empty_text(tmp_path, content: str) -> None:
    (tmp_path / "text.txt").write_text(content, encoding="utf-8")
    with pytest.raises(XlplError, match=r"text\.txt: no words"):
        build_lm([tmp_path / "text.txt"], tmp_path / "lm")
    assert not (tmp_path / "lm").exists()


def test_text_with_a_models_own_symbols(tmp_path) -> None:
    (tmp_path / "text.txt").write_text("a b\na <unk>\n", encoding="utf-8")
    with pytest.raises(XlplError, match=r"text\.txt:2: <unk> is a word"):
        build_lm([tmp_path / "text.txt"], tmp_path / "lm")


def test_results_are_not_overwritten(text, tmp_path) -> None:
    (tmp_path / "lm.arpa").write_text("mine", encoding="utf-8")
    with pytest.raises(XlplError, match="already holds results"):
        build_lm([text / "train.txt"], tmp_path)
    assert (tmp_path / "lm.arpa").read_text("utf-8") == "mine"


@needs_lmplz
def test_report_and_files(text, tmp_path) -> None:
    options = LmOptions(order=3)
    report = build_lm([text / "train.txt"], tmp_path / "lm", options, heldout=text / "heldout.txt")
    assert {file.name for file in (tmp_path / "lm").iterdir()} == {"lm.arpa", "lm.bin", "lm.json"}
    assert (report.estimator, report.discounts, report.model) == ("lmplz", "estimated", "lm.bin")
    assert report.types == report.vocabulary > 200
    assert report.heldout is not None
    assert report.heldout.oov > 0
    assert 5 < report.heldout.perplexity < report.vocabulary / 4
    assert json.loads((tmp_path / "lm" / "lm.json").read_text("utf-8"))["oov_rate"] == report.oov_rate


@needs_lmplz
def test_small_text_needs_the_fallback_and_says_so(tmp_path) -> None:
    (tmp_path / "text.txt").write_text("a b c\na b d\n", encoding="utf-8")
    report = build_lm([tmp_path / "text.txt"], tmp_path / "lm", LmOptions(order=3))
    assert report.discounts == "constants (--discount_fallback)"
    assert load_lm(tmp_path / "lm" / "lm.bin").order == 3


@needs_lmplz
@pytest.mark.parametrize("setting", ["MALLOC_MMAP_MAX_=0", "MALLOC_PERTURB_=165"])
def test_a_limited_vocabulary_whatever_is_in_memory(text, tmp_path, monkeypatch, setting) -> None:
    """lmplz takes memory for zeros that may be none: these settings see to it that it is not."""
    monkeypatch.setenv(*setting.split("="))
    build_lm([text / "train.txt"], tmp_path / "lm", LmOptions(order=4, vocab_limit=30))
    assert load_lm(tmp_path / "lm" / "lm.bin").order == 4


@needs_lmplz
def test_both_estimators_limit_the_vocabulary_alike(text, tmp_path, request) -> None:
    options, files = LmOptions(order=2, vocab_limit=30), {"heldout": text / "heldout.txt"}
    ours = build_lm([text / "train.txt"], tmp_path / "lmplz", options, **files)
    request.getfixturevalue("without_kenlm")
    theirs = build_lm([text / "train.txt"], tmp_path / "kaldingram", options, **files)
    assert (theirs.estimator, theirs.model) == ("kaldingram", "lm.arpa")
    assert ours.heldout is not None
    assert theirs.heldout is not None
    assert theirs.heldout.oov == ours.heldout.oov > 0
    assert theirs.heldout.perplexity == pytest.approx(ours.heldout.perplexity, rel=0.1)
    arpas = [(tmp_path / name / "lm.arpa").read_text("utf-8") for name in ("lmplz", "kaldingram")]
    assert arpas[0].partition("\\1-grams")[0].split() == arpas[1].partition("\\1-grams")[0].split()


def test_character_model(text, tmp_path, without_kenlm) -> None:
    (tmp_path / "text.txt").write_text("ba be\n" * 20 + "è bà\n", encoding="utf-8")
    report = build_lm([tmp_path / "text.txt"], tmp_path / "lm", LmOptions(order=3), speller=make_speller("unidecode"))
    assert report.types == 4  # a b e |
    assert report.words == 21 * 6 - 1
    assert "b" in load_lm(tmp_path / "lm" / "lm.arpa")


def test_vocabulary_limit_keeps_the_commonest(tmp_path, without_kenlm) -> None:
    (tmp_path / "text.txt").write_text("a a a b\nb c\nd a\n", encoding="utf-8")
    report = build_lm([tmp_path / "text.txt"], tmp_path / "lm", LmOptions(order=2, vocab_limit=2))
    model = load_lm(tmp_path / "lm" / "lm.arpa")
    assert (report.types, report.vocabulary) == (4, 2)
    assert [word in model for word in "abcd"] == [True, True, False, False]
