"""Greedy decoding, what both decoders refuse, and homographs."""

from __future__ import annotations

import logging
import string
from pathlib import Path

import numpy as np
import pytest

from xlpl_plugin.decoding import DecoderConfig, Weights, build_decoder
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import write_lines
from xlpl_plugin.text.lm import LmOptions, build_lm
from xlpl_plugin.text.spelling.lexicon import Lexicon, write_lexicon

UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "a", "b")


def peaked(path: str, units: tuple[str, ...] = UNITS) -> np.ndarray:
    """Log-probs of 0.9 for each symbol of ``path`` (``_`` is the blank), the rest shared."""
    probs = np.full((len(path), len(units)), 0.1 / (len(units) - 1))
    for frame, symbol in enumerate(path):
        probs[frame, 0 if symbol == "_" else units.index(symbol)] = 0.9
    return np.log(probs).astype(np.float32)


@pytest.fixture
def lexicon(tmp_path: Path) -> str:
    path = tmp_path / "lexicon.txt"
    path.write_text("Ab\ta b |\nÀ\ta |\nBb\tb b |\n", encoding="utf-8")
    return str(path)


def test_emissions_of_another_model_are_refused(lexicon: str) -> None:
    for config in (DecoderConfig(), DecoderConfig(lexicon=lexicon)):
        with pytest.raises(XlplError, match="7 units"):
            build_decoder(config, UNITS).decode(peaked("ab", (*UNITS, "c")))


@pytest.mark.parametrize(
    ("emissions", "message"),
    [
        (np.zeros((0, 7), np.float32), "frames > 0"),
        (peaked("ab")[0], "frames > 0"),
        (peaked("ab") + 3, "not logits"),
        (np.where(peaked("ab") > -1, np.nan, peaked("ab")), "NaN"),
    ],
)
def test_bad_emissions_are_refused(lexicon: str, emissions: np.ndarray, message: str) -> None:
    for config in (DecoderConfig(), DecoderConfig(lexicon=lexicon)):
        with pytest.raises(XlplError, match=message):
            build_decoder(config, UNITS).decode(emissions)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lm": "lm.arpa", "word_score": 1.0}, "word_score=1.0 without decoder.lexicon"),
        ({"collapse_blank": 0.2}, "collapse_blank"),
        ({"beam": 0}, "decoder.beam=0"),
        ({"beam_threshold": 0.0}, "beam_threshold"),
        ({"lm_weight": float("nan")}, "lm_weight"),
    ],
)
def test_options_that_cannot_work_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(XlplError, match=message):
        build_decoder(DecoderConfig(**fields), UNITS)  # type: ignore[arg-type]


def test_lexicon_in_other_units_is_respelled(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.txt"
    path.write_text("Àb\ta b |\nAc\ta c |\n", encoding="utf-8")
    others = (*UNITS[:5], "а", "б")
    decoder = build_decoder(DecoderConfig(lexicon=str(path)), others)
    [best] = decoder.decode(peaked("аб|", others))
    assert (best.words, best.units) == (("Àb",), ("а", "б", "|"))
    assert decoder.dropped == ("Ac",)


def test_lexicon_that_the_units_cannot_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.txt"
    path.write_text("Ab\ta b |\nAc\ta c |\nCd\tc d |\n", encoding="utf-8")
    with pytest.raises(XlplError, match=r"lexicon.txt: 1 of its 3 words(.|\n)*there is none for 'c' 'C' 'd'"):
        build_decoder(DecoderConfig(lexicon=str(path)), UNITS)


@pytest.mark.parametrize("content", [b"", b"not an LM\n", b"\\data\\\nngram 1=3\n\n\\1-grams:\n-1\t<s>\n-1\tAb\n"])
def test_broken_lm_is_refused(tmp_path: Path, lexicon: str, content: bytes) -> None:
    path = tmp_path / "lm.arpa"
    path.write_bytes(content)
    with pytest.raises(XlplError, match=r"lm.arpa: KenLM cannot load it"):
        build_decoder(DecoderConfig(lexicon=lexicon, lm=str(path)), UNITS)


def test_an_lm_of_other_words_is_refused_and_one_of_few_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = [f"w{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(100)]
    file = tmp_path / "big.txt"
    write_lexicon(file, Lexicon({word: ((*word, "|"),) for word in words}))
    units = ("<s>", "<pad>", "</s>", "<unk>", "|", *string.ascii_lowercase)

    def lm_of(known: list[str]) -> str:
        text = tmp_path / "text.txt"
        write_lines(text, [*known, "zz zz"])
        return str(tmp_path / "lm" / build_lm([text], tmp_path / "lm", LmOptions(order=2), force=True).model)

    with pytest.raises(XlplError, match=r"the LM knows 0% of the lexicon's 100 words; not waa, wab, wac"):
        build_decoder(DecoderConfig(lexicon=str(file), lm=lm_of([word.upper() for word in words])), units)
    build_decoder(DecoderConfig(lexicon=str(file), lm=lm_of(words[:30])), units)
    assert "the LM knows 30% of the lexicon's 100 words" in caplog.text
    caplog.clear()
    build_decoder(DecoderConfig(lexicon=str(file), lm=lm_of(words[:60])), units)
    assert "the LM knows" not in caplog.text


def test_missing_lm_is_refused(tmp_path: Path, lexicon: str) -> None:
    with pytest.raises(XlplError, match="no such file"):
        build_decoder(DecoderConfig(lexicon=lexicon, lm=str(tmp_path / "none.bin")), UNITS)


@pytest.mark.parametrize(
    ("path", "units", "frames"),
    [
        ("aab|", "a b |", (0, 2, 3)),
        ("a_a|", "a a |", (0, 2, 3)),
        ("_||a_||b", "a | b |", (3, 5, 7, 7)),
        ("a|_|b|", "a | b |", (0, 1, 4, 5)),
        ("___", "", ()),
        ("|_|", "", ()),
    ],
)
def test_greedy_collapses_the_best_path(path: str, units: str, frames: tuple[int, ...]) -> None:
    [best] = build_decoder(DecoderConfig(), UNITS).decode(peaked(path))
    assert " ".join(best.units) == units
    assert best.frames == frames
    assert best.words == tuple(units.replace(" ", "").split("|")[:-1])
    assert best.score == best.am_score == pytest.approx(len(path) * np.log(0.9), abs=1e-4)


def test_greedy_never_chooses_special_symbols() -> None:
    log_probs = np.log(np.array([[0.1, 0.3, 0.3, 0.2, 0.04, 0.05, 0.01]], np.float32))
    [best] = build_decoder(DecoderConfig(), UNITS).decode(log_probs)
    assert best.units == ()


def test_other_memory_layouts_decode_alike(lexicon: str) -> None:
    decoder = build_decoder(DecoderConfig(lexicon=lexicon), UNITS)
    log_probs = peaked("aab|_a|b_b|")
    wide = np.asfortranarray(log_probs.astype(np.float64))
    assert decoder.decode(log_probs)[0].words == ("Ab", "À", "Bb")
    assert decoder.decode(wide)[0] == decoder.decode(log_probs)[0]


def test_unfinished_word_at_the_end_is_left_out(lexicon: str) -> None:
    narrow = DecoderConfig(lexicon=lexicon, beam=1)
    [best] = build_decoder(narrow, UNITS).decode(peaked("ab|b_"))
    assert best.words == ("Ab",)
    assert best.units == ("a", "b", "|")


@pytest.mark.parametrize("path", ["ab", "ab_", "ab|", "ab|_"])
def test_the_end_of_the_recording_ends_the_word(lexicon: str, path: str) -> None:
    [best] = build_decoder(DecoderConfig(lexicon=lexicon, beam_token=2), UNITS).decode(peaked(path))
    assert best.words == ("Ab",)
    assert best.units == ("a", "b", "|")
    assert best.am_score == pytest.approx(len(path) * np.log(0.9), abs=1e-4)
    assert (best.frames[2], best.ends[2]) == ((2, 3) if "|" in path else (len(path) - 1, len(path)))


def test_weights_change_without_rebuilding(lexicon: str) -> None:
    decoder = build_decoder(DecoderConfig(lexicon=lexicon, word_score=0.0), UNITS)
    log_probs = peaked("ab|a|")
    [before] = decoder.decode(log_probs)
    [after] = decoder.weighted(Weights(lm_weight=0.0, word_score=-50.0)).decode(log_probs)  # type: ignore[attr-defined]
    assert before.words == ("Ab", "À")
    assert after.words == ()


def test_homographs_that_nothing_tells_apart_give_the_first(tmp_path: Path) -> None:
    lexicon, lm = tmp_path / "lexicon.txt", tmp_path / "lm.arpa"
    lexicon.write_text("zb\ta b |\nab\ta b |\nAb\ta b |\nÀ\ta |\n", encoding="utf-8")
    grams = "-99\t<s>\t0\n-1\t</s>\n-3\t<unk>\n-2\tÀ\n\n\\2-grams:\n-1\tÀ À\n\n\\end\\\n"
    lm.write_text(f"\\data\\\nngram 1=4\nngram 2=1\n\n\\1-grams:\n{grams}", encoding="utf-8")
    for file in ("", str(lm)):
        decoder = build_decoder(DecoderConfig(lexicon=str(lexicon), lm=file, nbest=20, beam_token=7), UNITS)
        words = {word for hypothesis in decoder.decode(peaked("ab|a|ab|")) for word in hypothesis.words}
        assert words == {"zb", "À"}


@pytest.mark.parametrize("log_add", [False, True])
def test_equals_come_in_the_order_of_the_lexicon(tmp_path: Path, log_add: bool) -> None:
    lexicon, lm = tmp_path / "lexicon.txt", tmp_path / "lm.arpa"
    words = ["w3", "w1", "w4", "w2", "w0"]
    lexicon.write_text("".join(f"{word}\ta b |\n" for word in words))
    grams = "".join(f"-2\t{word}\n" for word in sorted(words))
    head = "\\data\\\nngram 1=8\nngram 2=1\n\n\\1-grams:\n-99\t<s>\t0\n-1\t</s>\n-3\t<unk>\n"
    lm.write_text(f"{head}{grams}\n\\2-grams:\n-1\t</s> w1\n\n\\end\\\n")
    config = DecoderConfig(lexicon=str(lexicon), lm=str(lm), nbest=5, beam_token=7, log_add=log_add)
    found = [hypothesis.words for hypothesis in build_decoder(config, UNITS).decode(peaked("aa_b|a_b|"))]
    assert found == [("w3", word) for word in words]


def test_the_most_probable_homographs_survive(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    words = [f"w{i}" for i in range(8)]
    lexicon, lm = tmp_path / "lexicon.txt", tmp_path / "lm.arpa"
    lexicon.write_text("".join(f"{word}\ta |\n" for word in words), encoding="utf-8")
    unigrams = "".join(f"{-2 - (i + 3) % 8 / 10:.1f}\t{word}\n" for i, word in enumerate(words))
    counts = "\\data\\\nngram 1=11\nngram 2=1\n\n\\1-grams:\n-99\t<s>\t0\n-1\t</s>\n-3\t<unk>\n"
    lm.write_text(f"{counts}{unigrams}\n\\2-grams:\n-1\tw0 w1\n\n\\end\\\n")
    with caplog.at_level(logging.WARNING):
        decoder = build_decoder(DecoderConfig(lexicon=str(lexicon), lm=str(lm), nbest=8, beam_token=7), UNITS)
    found = {hypothesis.words for hypothesis in decoder.decode(peaked("a|")) if len(hypothesis.words) == 1}
    assert found == {(word,) for word in words if word not in ("w3", "w4")}
    assert "w3 w4" in caplog.text
    assert decoder.dropped == ("w3", "w4")


def test_homographs_are_ranked_by_a_real_lm(tmp_path: Path) -> None:
    """Eight words of one spelling in a text, each twice as often as the next: the two rarest have no room."""
    lexicon, text = tmp_path / "lexicon.txt", tmp_path / "text.txt"
    words = [f"w{i}" for i in range(8)]
    lexicon.write_text("".join(f"{word}\ta |\n" for word in sorted(words, reverse=True)))
    lines = [f"{word} und {word}" for i, word in enumerate(words) for _ in range(2 ** (8 - i))]
    text.write_text("".join(f"{line}\n" for line in lines))
    report = build_lm([text], tmp_path / "lm", LmOptions(order=2))
    config = DecoderConfig(lexicon=str(lexicon), lm=str(tmp_path / "lm" / report.model), nbest=8, beam_token=7)
    decoder = build_decoder(config, UNITS)
    assert set(decoder.dropped) == {"w6", "w7"}
    found = [hypothesis.words for hypothesis in decoder.decode(peaked("a|"))]
    assert [words for words in found if words] == [("w0",), ("w1",), ("w2",), ("w3",), ("w4",), ("w5",)]


def test_an_lm_of_words_is_refused_where_there_is_no_lexicon(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("a b\nb a a\nab b\n")
    report = build_lm([tmp_path / "text.txt"], tmp_path / "lm", LmOptions(order=2))
    with pytest.raises(XlplError, match="does not know the units"):
        build_decoder(DecoderConfig(lm=str(tmp_path / "lm" / report.model)), UNITS)


def test_search_by_units_writes_words_and_takes_other_weights(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("a b | b b |\nb b | a b |\na | a b |\n")
    report = build_lm([tmp_path / "text.txt"], tmp_path / "lm", LmOptions(order=3))
    decoder = build_decoder(DecoderConfig(lm=str(tmp_path / "lm" / report.model), lm_weight=1.0, beam_token=7), UNITS)
    [best] = decoder.decode(peaked("|ab_|_|b_b"))
    assert (best.words, best.units) == (("ab", "bb"), ("a", "b", "|", "b", "b", "|"))
    assert best.frames == (1, 2, 4, 7, 9, 9)
    assert decoder.search_seconds > 0
    [other] = decoder.weighted(Weights(lm_weight=0.0, word_score=0.0)).decode(peaked("|ab_|_|b_b"))
    assert other.score == pytest.approx(other.am_score) == pytest.approx(best.am_score)
    with pytest.raises(XlplError, match="word_score"):
        decoder.weighted(Weights(lm_weight=1.0, word_score=1.0))


@pytest.mark.parametrize("spelling", ["a b", "a | b |", "|", "| a |"])
def test_spelling_that_is_not_one_word_is_refused(tmp_path: Path, spelling: str) -> None:
    path = tmp_path / "lexicon.txt"
    path.write_text(f"Ab\ta b |\nBad\t{spelling}\n", encoding="utf-8")
    with pytest.raises(XlplError, match="of 'Bad' is not one whole word"):
        build_decoder(DecoderConfig(lexicon=str(path)), UNITS)
