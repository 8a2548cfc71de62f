"""Labels for a batch are those of the decoders, each utterance's own frames alone, and change nothing in the model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from xlpl_plugin.continuous.teacher import Labelled, Teacher
from xlpl_plugin.decoding import DecoderConfig, build_decoder
from xlpl_plugin.errors import XlplError

UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "a", "b")
FRAMES = (30, 0, 17, 1, 24)
SAMPLES = 160


class Model(nn.Module):
    """Hears what it was told, in evaluation mode alone, and junk in the padding."""

    def __init__(self, *heard: np.ndarray) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        junk = np.full((max(map(len, heard)), len(heard), len(UNITS)), -9.0, np.float32)
        junk[:, :, 5] = 0.0
        for number, own in enumerate(heard):
            junk[: len(own), number] = own
        self.register_buffer("heard", torch.from_numpy(junk))
        self.register_buffer("padding", torch.tensor([[i >= len(own) for i in range(len(junk))] for own in heard]))

    def forward(self, source: Tensor, padding_mask: Tensor) -> dict[str, Tensor]:
        assert not self.training
        assert not torch.is_grad_enabled()
        return {"encoder_out": self.heard + self.weight, "padding_mask": self.padding}

    def get_normalized_probs(self, output: dict[str, Tensor], log_probs: bool) -> Tensor:
        assert log_probs
        return output["encoder_out"]


class Wrapper(nn.Module):
    """As distributed training wraps a model; the other processes would wait for a call of it."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, **_: Any) -> None:
        raise AssertionError("the wrapper was called")


def emissions(frames: Sequence[int] = FRAMES, seed: int = 0) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    logits = [generator.normal(size=(count, len(UNITS))) * 3 for count in frames]
    return [(own - np.logaddexp.reduce(own, axis=1, keepdims=True)).astype(np.float32) for own in logits]


def batch(frames: Sequence[int] = FRAMES) -> dict[str, Any]:
    lengths = torch.tensor(frames) * SAMPLES
    source = torch.zeros(len(frames), max(frames) * SAMPLES)
    padding = torch.arange(source.shape[1]) >= lengths.unsqueeze(1)
    names = [f"u{number}" for number in range(len(frames))]
    return {"names": names, "net_input": {"source": source, "padding_mask": padding}}


def decoded(config: DecoderConfig, heard: list[np.ndarray]) -> list[tuple[str, ...]]:
    decoder = build_decoder(config, UNITS)
    return [decoder.decode(own)[0].units if len(own) else () for own in heard]


def units(labelled: Labelled) -> list[tuple[str, ...]]:
    return [tuple(UNITS[unit] for unit in own) for own in labelled.labels]


@pytest.mark.parametrize("penalty", [0.0, 1.5, -1.5, 30.0])
@pytest.mark.parametrize("seed", range(3))
def test_greedy_labels_are_those_of_the_greedy_decoder(penalty: float, seed: int) -> None:
    config, heard = DecoderConfig(blank_penalty=penalty), emissions(seed=seed)
    labelled = Teacher(config, UNITS, 1).begin(Model(*heard), batch())()
    assert units(labelled) == decoded(config, heard)
    assert all(own.dtype == np.int16 for own in labelled.labels)
    assert any(map(len, labelled.labels))


def test_frames_blanks_and_seconds_are_counted_without_padding_and_penalty() -> None:
    heard = emissions()
    labelled = Teacher(DecoderConfig(blank_penalty=30.0), UNITS, 1).begin(Model(*heard), batch())()
    assert labelled.frames == sum(FRAMES)
    assert labelled.blank_frames == sum(int((own.argmax(axis=1) == 0).sum()) for own in heard) > 0
    assert labelled.seconds == pytest.approx(sum(FRAMES) * SAMPLES / 16_000)


def test_the_model_is_left_as_it_was_and_its_wrapper_is_not_called() -> None:
    model = Model(*emissions())
    model.train()
    state = torch.get_rng_state()
    Teacher(DecoderConfig(), UNITS, 1).begin(Wrapper(Wrapper(model)), batch())()
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)
    model.eval()
    Teacher(DecoderConfig(), UNITS, 1).begin(model, batch())()
    assert not model.training


def test_a_model_that_fails_is_in_training_again() -> None:
    model = Model(*emissions())
    model.train()
    model.get_normalized_probs = lambda *_, **__: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        Teacher(DecoderConfig(), UNITS, 1).begin(model, batch())
    assert model.training


@pytest.mark.parametrize("workers", [1, 2])
def test_labels_by_lexicon_and_lm_are_those_of_their_decoder(tmp_path: Path, workers: int) -> None:
    (tmp_path / "lexicon.txt").write_text("Ab\ta b |\nÀ\ta |\nBb\tb b |\n", encoding="utf-8")
    grams = "-0.5\tAb\t-0.1\n-1.5\tÀ\t-0.2\n-1.0\tBb\t-0.3\n-1.1\t</s>\n-2\t<unk>\n-99\t<s>\t-0.2\n"
    pairs = "-0.1\tAb Bb\n-0.4\tÀ À\n"
    lm = f"\\data\\\nngram 1=6\nngram 2=2\n\n\\1-grams:\n{grams}\n\\2-grams:\n{pairs}\n\\end\\\n"
    (tmp_path / "lm.arpa").write_text(lm, encoding="utf-8")
    config = DecoderConfig(
        lexicon=str(tmp_path / "lexicon.txt"), lm=str(tmp_path / "lm.arpa"), beam=50, blank_penalty=0.7, word_score=0.5
    )
    teacher = Teacher(config, UNITS, workers)
    batches = [emissions(seed=seed) for seed in range(4)]
    # several are under way at once, and are asked for in another order than they were begun
    pending = [teacher.begin(Model(*heard), batch()) for heard in batches]
    found = [units(search()) for search in reversed(pending)][::-1]
    assert found == [decoded(config, heard) for heard in batches]
    assert found != [decoded(DecoderConfig(), heard) for heard in batches]
    assert units(pending[0]()) == found[0]  # asked twice


def test_options_that_cannot_work_are_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(XlplError, match="none"):
        Teacher(DecoderConfig(lexicon=str(tmp_path / "none.txt")), UNITS, 1)
    (tmp_path / "lexicon.txt").write_text("Ab\ta b |\n")
    with pytest.raises(XlplError, match="workers=0"):
        Teacher(DecoderConfig(lexicon=str(tmp_path / "lexicon.txt")), UNITS, 0)


def test_what_the_decoder_cannot_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "lexicon.txt").write_text("Ab\ta b |\n")
    heard = emissions()
    heard[2][3, 4] = np.nan
    search = Teacher(DecoderConfig(lexicon=str(tmp_path / "lexicon.txt")), UNITS, 1).begin(Model(*heard), batch())
    with pytest.raises(XlplError, match="NaN"):
        search()
