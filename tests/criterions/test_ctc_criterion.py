"""The CTC criterion: its loss, what it leaves out, and what it counts."""

from __future__ import annotations

import math
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fairseq.criterions.ctc import CtcCriterionConfig
from fairseq.data import Dictionary
from fairseq.logging import metrics
from torch import Tensor, nn

from xlpl_plugin.criterions.ctc import Ctc, CtcConfig
from xlpl_plugin.errors import XlplError

A, B, C, BAR = 4, 5, 6, 7


class Planted(nn.Module):
    """A model whose output is its parameter: (T, B, C) logits."""

    def __init__(self, logits: Tensor, frames: list[int]) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)
        self.padding = torch.arange(logits.shape[0]) >= torch.tensor(frames).unsqueeze(1)

    def forward(self) -> dict[str, Tensor]:
        return {"encoder_out": self.logits, "padding_mask": self.padding}

    def get_normalized_probs(self, output: dict[str, Tensor], log_probs: bool) -> Tensor:
        return output["encoder_out"].float().log_softmax(dim=-1)


@pytest.fixture
def dictionary() -> Dictionary:
    dictionary = Dictionary()
    for symbol in "abc|":
        dictionary.add_symbol(symbol)
    return dictionary


def criterion(dictionary: Dictionary, sentence_avg: bool = False, length_power: float = 0.0) -> Ctc:
    task = SimpleNamespace(target_dictionary=dictionary, blank_symbol="<s>")
    return Ctc(CtcConfig(sentence_avg=sentence_avg, length_power=length_power), task)


def sample(targets: list[list[int]], weights: list[float] | None = None) -> dict[str, Any]:
    rows = [torch.tensor(target, dtype=torch.long) for target in targets]
    return {
        "net_input": {},
        "target": nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=1),
        "target_lengths": torch.tensor([len(row) for row in rows]),
        "weights": torch.tensor(weights or [1.0] * len(rows)),
    }


def random_model(frames: list[int], seed: int = 0, dtype: torch.dtype = torch.float32) -> Planted:
    generator = torch.Generator().manual_seed(seed)
    return Planted(torch.randn(max(frames), len(frames), 8, generator=generator).to(dtype), frames)


def spoken(paths: list[list[int]]) -> Planted:
    """A model in evaluation whose best units are ``paths`` (0 = blank); padding frames say b."""
    logits = torch.zeros(max(map(len, paths)), len(paths), 8)
    logits[..., B] = 5.0
    for i, path in enumerate(paths):
        for frame, unit in enumerate(path):
            logits[frame, i, B] = 0.0
            logits[frame, i, unit] = 9.0
    return Planted(logits, [len(path) for path in paths]).eval()


def reduced(outputs: list[dict[str, Any]]) -> dict[str, Any]:
    with metrics.aggregate(new_root=True) as logged:
        Ctc.reduce_metrics(outputs)
    return logged.get_smoothed_values()


def test_unlabelled_batch_is_refused(dictionary: Dictionary) -> None:
    with pytest.raises(XlplError, match="no labels"):
        criterion(dictionary)(random_model([5]), {"net_input": {}, "target": None})


def test_infeasible_rows_are_counted_and_change_nothing(dictionary: Dictionary) -> None:
    model = random_model([6, 3, 3])
    # a a needs a blank between: four frames for three units
    targets = [[A, B], [A, A, B], [A, B, C, A]]
    loss, size, counts = criterion(dictionary)(model, sample(targets))
    loss.backward()
    assert (counts["infeasible"], size) == (2, 2)
    assert model.logits.grad is not None
    assert model.logits.grad[:, 1:].abs().max() == 0
    alone = criterion(dictionary)(Planted(model.logits[:, :1].detach(), [6]), sample([[A, B]]))[0]
    torch.testing.assert_close(loss, alone)


def test_batch_of_infeasible_rows_is_no_division_by_zero(dictionary: Dictionary) -> None:
    loss, size, counts = criterion(dictionary)(random_model([2]), sample([[A, B, C]]))
    assert (loss.item(), size) == (0.0, 0)
    assert reduced([counts])["loss"] == 0.0


def test_labels_that_are_all_too_long_end_the_training(dictionary: Dictionary) -> None:
    model, long = random_model([3] * 4), [[4] * 20] * 4
    own = criterion(dictionary)
    own(model.train(), sample(long))
    with pytest.raises(XlplError, match="4 of 4 training utterances have labels longer than their frames"):
        own(model.eval(), sample(long))


def test_many_labels_that_are_too_long_are_warned_of_once(
    dictionary: Dictionary, caplog: pytest.LogCaptureFixture
) -> None:
    model = random_model([9] * 4).train()
    own = criterion(dictionary)
    for _ in range(60):
        own(model, sample([[4] * 20, [4, 5], [4, 5], [4, 5]]))
    assert [record.message for record in caplog.records if "longer than their frames" in record.message] == [
        "25 of 100 training utterances have labels longer than their frames: they teach nothing. Do the labels belong "
        "to the audio? xlpl check lists them"
    ]


def test_half_precision_logits_give_a_float32_loss(dictionary: Dictionary) -> None:
    full, half = random_model([50]), random_model([50], dtype=torch.float16)
    half.logits.data *= 50  # far beyond what a float16 sum of exponentials holds
    full.logits.data = half.logits.data.float()
    losses = [criterion(dictionary)(model, sample([[A, B, C]]))[0] for model in (full, half)]
    assert losses[1].dtype == torch.float32
    assert torch.isfinite(losses[1])
    torch.testing.assert_close(losses[0], losses[1])


@pytest.mark.parametrize(("dtype", "told"), [(torch.bfloat16, ["cpu"]), (torch.float32, [])])
def test_a_batch_in_bfloat16_asks_whether_it_is_emulated(
    dictionary: Dictionary, monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, told: list[str]
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("xlpl_plugin.criterions.ctc.warn_of_emulation", asked.append)
    batch = sample([[A, B, C]])
    criterion(dictionary)(random_model([50]), {**batch, "weights": batch["weights"].to(dtype)})
    assert asked == told


def test_weights_scale_the_pull_of_their_utterance_only(dictionary: Dictionary) -> None:
    targets = [[A, B], [C, BAR], [B]]

    def gradient(weights: list[float]) -> tuple[Tensor, int]:
        model = random_model([6, 5, 4])
        loss, size, _ = criterion(dictionary)(model, sample(targets, weights))
        loss.backward()
        assert model.logits.grad is not None
        return model.logits.grad, size

    (plain, size), (weighted, weighted_size) = gradient([1, 1, 1]), gradient([1, 0.5, 0])
    torch.testing.assert_close(weighted[:, 0], plain[:, 0])
    torch.testing.assert_close(weighted[:, 1], 0.5 * plain[:, 1])
    assert weighted[:, 2].abs().max() == 0
    assert weighted_size == size


def test_denominator_is_units_or_utterances(dictionary: Dictionary) -> None:
    batch = sample([[A, B, C], [A]])
    assert criterion(dictionary)(random_model([6, 6]), batch)[1] == 4
    assert criterion(dictionary, sentence_avg=True)(random_model([6, 6]), batch)[1] == 2


def test_length_power_divides_each_loss(dictionary: Dictionary) -> None:
    plain = criterion(dictionary)(random_model([9]), sample([[A, B, C, A]]))[0]
    rooted = criterion(dictionary, length_power=0.5)(random_model([9]), sample([[A, B, C, A]]))[0]
    torch.testing.assert_close(rooted, plain / 2)


def test_rates_come_from_the_own_frames_of_each_utterance(dictionary: Dictionary) -> None:
    # "ab|" heard rightly; "c|" heard as "a|": two words of one unit wrong, junk in the padding ignored
    model = spoken([[A, A, 0, B, BAR, 0], [A, BAR]])
    counts = criterion(dictionary)(model, sample([[A, B, BAR], [C, BAR]]))[2]
    rates = reduced([counts])
    assert rates["uer"] == pytest.approx(100 * 1 / 5)
    assert rates["wer"] == pytest.approx(100 * 1 / 2)
    assert rates["blank"] == pytest.approx(100 * 2 / 8)
    assert rates["letters"] == 3
    assert rates["infeasible"] == 0


def test_silent_and_inserted_output_is_counted(dictionary: Dictionary) -> None:
    model = spoken([[0, 0, 0, 0], [A, BAR, A, BAR]])
    rates = reduced([criterion(dictionary)(model, sample([[B, BAR], []]))[2]])
    assert rates["uer"] == pytest.approx(100 * (2 + 4) / 2)
    assert rates["wer"] == pytest.approx(100 * (1 + 2) / 1)


def test_processes_add_up(dictionary: Dictionary) -> None:
    parts = [([[A, 0, BAR]], [[A, BAR]]), ([[B, 0, BAR, 0]], [[C, BAR]])]
    outputs = [criterion(dictionary)(spoken(paths), sample(targets))[2] for paths, targets in parts]
    together = criterion(dictionary)(spoken([parts[0][0][0], parts[1][0][0]]), sample([[A, BAR], [C, BAR]]))[2]
    # as fairseq sums them over processes
    summed = {key: outputs[0][key] + outputs[1][key] for key in outputs[0]}
    names = ("loss", "uer", "wer", "blank", "letters", "infeasible")
    expected = {name: reduced([together])[name] for name in names}
    for logged in (reduced(outputs), reduced([summed])):
        assert {name: logged[name] for name in names} == pytest.approx(expected, abs=1e-3)


def test_loss_is_that_of_torch_in_bits_per_unit(dictionary: Dictionary) -> None:
    model = random_model([7, 5])
    counts = criterion(dictionary)(model, sample([[A, B], [C]]))[2]
    expected = nn.functional.ctc_loss(
        model.logits.log_softmax(-1), torch.tensor([[A, B], [C, 1]]), torch.tensor([7, 5]), torch.tensor([2, 1]),
        reduction="sum",
    )  # fmt: skip
    assert reduced([counts])["loss"] == pytest.approx(expected.item() / 3 / math.log(2), abs=1e-3)


def test_keys_of_fairseqs_own_criterion_are_taken_where_they_mean_the_same(dictionary: Dictionary) -> None:
    task = SimpleNamespace(target_dictionary=dictionary, blank_symbol="<s>")
    stock = {item.name: item.default for item in fields(CtcCriterionConfig)}
    assert stock.keys() <= {item.name for item in fields(CtcConfig)}
    Ctc(CtcConfig(**{**stock, "zero_infinity": True, "sentence_avg": False}), task)
    Ctc(CtcConfig(**{**stock, "zero_infinity": None, "wer_lm_weight": 5.0, "wer_kenlm_model": ""}), task)


@pytest.mark.parametrize("other", [{"zero_infinity": False}, {"wer_kenlm_model": "4-gram.bin"}, {"wer_lexicon": "lex"}])
def test_keys_that_mean_something_else_are_refused(dictionary: Dictionary, other: dict[str, Any]) -> None:
    task = SimpleNamespace(target_dictionary=dictionary, blank_symbol="<s>")
    with pytest.raises(XlplError, match=rf"criterion\.{next(iter(other))}.*\n.*\n.*take (the|these) key"):
        Ctc(CtcConfig(sentence_avg=False, **other), task)
