"""Words that are spelt alike and equally probable: the choice must not hang on addresses in memory."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from xlpl_plugin.decoding import Decoder, DecoderConfig, build_decoder

UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "a", "b", "c", "d")
SPELLINGS = tuple("".join(letters) for letters in product("abcd", repeat=2) if letters[0] != letters[1])


def log_probs(text: str) -> np.ndarray:
    """Log-probs of 0.9 for each unit of ``text`` in turn."""
    probs = np.full((len(text), len(UNITS)), 0.1 / (len(UNITS) - 1))
    probs[np.arange(len(text)), [UNITS.index(unit) for unit in text]] = 0.9
    return np.log(probs).astype(np.float32)


@pytest.fixture
def decoder(tmp_path: Path) -> Decoder:
    """Two words for each spelling, in a bigram model that knows both and prefers neither."""
    words = [name for spelling in SPELLINGS for name in (f"{spelling}-first", f"{spelling}-second")]
    lexicon = "".join(f"{word}\t{' '.join(word[:2])} |\n" for word in words)
    (tmp_path / "lexicon.txt").write_text(lexicon)
    unigrams = "".join(f"-1.5\t{word}\t-0.3\n" for word in words)
    bigrams = "".join(f"-0.5\t<s> {word}\n" for word in words)
    (tmp_path / "lm.arpa").write_text(
        f"\\data\\\nngram 1={len(words) + 3}\nngram 2={len(words)}\n\n\\1-grams:\n-2\t<unk>\n-99\t<s>\t-0.3\n-1\t</s>\n"
        f"{unigrams}\n\\2-grams:\n{bigrams}\n\\end\\\n"
    )
    return build_decoder(
        DecoderConfig(lexicon=str(tmp_path / "lexicon.txt"), lm=str(tmp_path / "lm.arpa"), nbest=4), UNITS
    )


def test_equals_come_in_the_order_of_the_lexicon(decoder: Decoder) -> None:
    for one, two in zip(SPELLINGS, SPELLINGS[::-1], strict=True):
        found = decoder.decode(log_probs(f"{one}|{two}|"))
        expected = [(f"{one}-{x}", f"{two}-{y}") for x in ("first", "second") for y in ("first", "second")]
        assert [hypothesis.words for hypothesis in found] == expected
        assert len({hypothesis.score for hypothesis in found}) == 1
