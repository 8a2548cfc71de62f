"""What fairseq-generate gets: hypotheses from each utterance's own frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from fairseq.data import Dictionary
from torch import Tensor, nn

from xlpl_plugin.decoding import DecoderConfig
from xlpl_plugin.errors import XlplError
from xlpl_plugin.tasks.generator import CtcGenerator

SYMBOLS = "|ab"
FRAMES = {"x/one": "aa_b|", "x/two": "b|", "x/three": ""}


@pytest.fixture
def dictionary() -> Dictionary:
    dictionary = Dictionary()
    for symbol in SYMBOLS:
        dictionary.add_symbol(symbol)
    return dictionary


class Spoken(nn.Module):
    """Says ``paths`` (``_`` = blank) and, in the padding, "b" again and again."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__()
        width = max(map(len, paths)) + 4
        self.logits = torch.zeros(width, len(paths), 4 + len(SYMBOLS))
        self.padding = torch.ones(len(paths), width, dtype=torch.bool)
        for i, path in enumerate(paths):
            self.padding[i, : len(path)] = False
            for frame, symbol in enumerate(path.ljust(width, "b")):
                self.logits[frame, i, 0 if symbol == "_" else 4 + SYMBOLS.index(symbol)] = 8.0

    def forward(self) -> dict[str, Tensor]:
        return {"encoder_out": self.logits, "padding_mask": self.padding}

    def get_normalized_probs(self, output: dict[str, Tensor], log_probs: bool) -> Tensor:
        return output["encoder_out"].log_softmax(dim=-1)


def sample(names: list[str]) -> dict[str, Any]:
    return {"id": torch.arange(len(names)), "names": names, "net_input": {}}


def decode(generator: CtcGenerator, dictionary: Dictionary, names: list[str]) -> list[str]:
    results = generator.generate([Spoken([FRAMES[name] for name in names])], sample(names))
    return [dictionary.string(hypotheses[0]["tokens"], "letter") for hypotheses in results]


@pytest.mark.parametrize(
    ("models", "options"), [(2, {}), (1, {"prefix_tokens": torch.ones(1, 1)}), (1, {"constraints": torch.ones(1, 1)})]
)
def test_what_ctc_cannot_do_is_refused(dictionary: Dictionary, models: int, options: dict[str, Any]) -> None:
    generator = CtcGenerator(DecoderConfig(), dictionary)
    with pytest.raises(XlplError, match="asked for an ensemble"):
        generator.generate([Spoken(["a|"])] * models, sample(["x"]), **options)


def test_existing_file_of_words_is_not_overwritten(dictionary: Dictionary, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("results\n")
    with pytest.raises(XlplError, match="already holds results"):
        CtcGenerator(DecoderConfig(), dictionary, str(tmp_path / "words.txt"))


def test_lexicon_with_unknown_units_is_refused(dictionary: Dictionary, tmp_path: Path) -> None:
    (tmp_path / "lexicon.txt").write_text("caffè\tc a |\n", encoding="utf-8")
    with pytest.raises(XlplError, match=r"0 of its 1 words can be spelled"):
        CtcGenerator(DecoderConfig(lexicon=str(tmp_path / "lexicon.txt")), dictionary)


def test_text_does_not_depend_on_the_batch(dictionary: Dictionary) -> None:
    generator = CtcGenerator(DecoderConfig(), dictionary)
    together = decode(generator, dictionary, list(FRAMES))
    assert together == ["ab", "b", ""]
    assert together == [decode(generator, dictionary, [name])[0] for name in FRAMES]


def test_hypotheses_have_what_fairseq_prints(dictionary: Dictionary) -> None:
    generator = CtcGenerator(DecoderConfig(), dictionary)
    hypothesis = generator.generate([Spoken([FRAMES["x/one"]])], sample(["x/one"]))[0][0]
    assert len(hypothesis["positional_scores"]) == len(hypothesis["tokens"]) == 3
    assert -0.1 < hypothesis["score"] < 0  # log-probabilities, not the logits of 8
    assert hypothesis["alignment"] is None
    assert generator.eos == dictionary.eos()


def test_words_of_the_lexicon_are_written_in_their_own_script(dictionary: Dictionary, tmp_path: Path) -> None:
    (tmp_path / "lexicon.txt").write_text("Àb\ta b |\nβ\tb |\n", encoding="utf-8")
    config = DecoderConfig(lexicon=str(tmp_path / "lexicon.txt"))
    generator = CtcGenerator(config, dictionary, str(tmp_path / "words.txt"))
    assert decode(generator, dictionary, ["x/one", "x/two"]) == ["ab", "b"]
    assert decode(generator, dictionary, ["x/three"]) == [""]
    lines = (tmp_path / "words.txt").read_text(encoding="utf-8").splitlines()
    assert lines == ["x/one\tÀb", "x/two\tβ", "x/three\t"]
