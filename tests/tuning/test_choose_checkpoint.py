"""The choice among checkpoints of one training, on a sample and without a label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fairseq.data import Dictionary

from xlpl_plugin.errors import XlplError
from xlpl_plugin.labelling.label_split import LabelConfig
from xlpl_plugin.models import acoustic
from xlpl_plugin.models.checkpoint import extract_model, read_checkpoint
from xlpl_plugin.tuning.choose_checkpoint import SelectConfig, Selection, select
from xlpl_plugin.tuning.weight_search import SearchConfig

PATHS = {f"{path}{number}": path for number in range(4) for path in ("aab|_b|_b|", "b|_a||ab|b|", "ab|_b|b|ab|_b|")}
MakeSelect = Callable[..., SelectConfig]


def save(path: Path, noise: float, deaf: int, updates: int) -> str:
    """A checkpoint whose weights say how it hears: with how much noise, and how many frames not at all."""
    dictionary = Dictionary()
    for unit in "|ab":
        dictionary.add_symbol(unit)
    state = {
        "model": {"noise": torch.tensor(noise), "deaf": torch.tensor(deaf)},
        "optimizer_history": [{"num_updates": updates}],
        "task_state": {"target_dictionary": dictionary},
        "last_optimizer_state": {"updates": updates},
    }
    torch.save(state, path)
    return str(path)


@pytest.fixture
def make_select(make_config: Callable[..., LabelConfig], monkeypatch: pytest.MonkeyPatch) -> MakeSelect:
    """Options to choose among checkpoints: (name, noise, deaf, updates)."""
    config = make_config(PATHS)
    listener = acoustic.load_acoustic_model("any")

    class Learner:
        units = listener.units

        def __init__(self, noise: float, deaf: int) -> None:
            self.deaf = deaf
            self.ears = type(listener)(noise)

        def emit(self, waveforms: list[np.ndarray]) -> list[np.ndarray]:
            return [self.hear(found) for found in self.ears.emit(waveforms)]

        def hear(self, log_probs: np.ndarray) -> np.ndarray:
            if len(log_probs) < self.deaf:
                log_probs[:] = -50.0
                log_probs[:, 0] = 0.0
            return log_probs

    def load(path: str, **_: object) -> Learner:
        weights = read_checkpoint(path)["model"]
        return Learner(float(weights["noise"]), int(weights["deaf"]))

    monkeypatch.setattr(acoustic, "load_acoustic_model", load)

    def make(*checkpoints: tuple[str, float, int, int]) -> SelectConfig:
        folder = Path(config.data).parent
        return SelectConfig(
            checkpoints=[save(folder / f"{name}.pt", *rest) for name, *rest in checkpoints],
            data=config.data,
            out=str(folder / "select"),
            model=str(folder / "model.pt"),
            decoder=replace(config.decoder, lm=str(folder / "lm.arpa"), lm_weight=1.0),
            search=SearchConfig(sample=100, beam=20, letters_ratio=[0.1, 10.0]),
        )

    return make


def test_what_cannot_be_chosen_from_is_refused(make_select: MakeSelect) -> None:
    config = make_select(("one", 0.0, 0, 1))
    with pytest.raises(XlplError, match="no checkpoints"):
        select(replace(config, checkpoints=[]))
    with pytest.raises(XlplError, match=r"two\.pt: no such file"):
        select(replace(config, checkpoints=[*config.checkpoints, "two.pt"]))
    with pytest.raises(XlplError, match=r"decoder\.lm is empty"):
        select(replace(config, decoder=replace(config.decoder, lm="")))
    assert not Path(config.model).exists()
    select(config)
    with pytest.raises(XlplError, match="already holds results"):
        select(config)


def test_the_one_that_agrees_best_is_taken(make_select: MakeSelect, tmp_path: Path) -> None:
    config = make_select(("early", 4.0, 0, 10), ("middle", 0.0, 0, 20), ("last", 3.0, 0, 30))
    selection = select(config)
    values = [candidate.value for candidate in selection.candidates]
    assert [Path(candidate.checkpoint).stem for candidate in selection.candidates] == ["early", "middle", "last"]
    assert [candidate.updates for candidate in selection.candidates] == [10, 20, 30]
    assert values[1] == min(values) < values[2] < values[0]
    assert (selection.best, selection.trusted) == (selection.candidates[1], True)
    extract_model(config.checkpoints[1], tmp_path / "expected.pt")
    assert Path(config.model).read_bytes() == (tmp_path / "expected.pt").read_bytes()
    assert Selection.read(Path(config.out) / "select.json") == selection
    assert select(replace(config, checkpoints=config.checkpoints[2:]), force=True).best.updates == 30


def test_copies_are_judged_once(make_select: MakeSelect, listener: type) -> None:
    config = make_select(("40", 1.0, 0, 40), ("best", 1.0, 0, 40), ("last", 1.0, 0, 40))
    selection = select(config)
    assert [candidate.checkpoint for candidate in selection.candidates] == config.checkpoints[:1]


def test_silence_is_not_rewarded(make_select: MakeSelect) -> None:
    """What hears the easy utterances alone would look better than what hears all, and what hears none perfect."""
    longest = max(map(len, PATHS.values()))
    config = make_select(("all", 3.0, 0, 10), ("easy", 0.0, longest, 20), ("none", 0.0, 99, 30))
    selection = select(config)
    assert [candidate.nonempty for candidate in selection.candidates] == [12, 4, 0]
    assert selection.best.updates == 10
    assert selection.candidates[1].value < selection.best.value
    assert selection.candidates[1].refused == "greedy output in 4 utterances, of another checkpoint in 12"
    assert selection.candidates[2].refused.startswith("the acoustic model finds no unit")


def test_where_all_are_refused_the_newest_is_taken(make_select: MakeSelect, caplog: pytest.LogCaptureFixture) -> None:
    config = make_select(("early", 0.0, 99, 10), ("last", 0.5, 99, 20))
    selection = select(config)
    assert (selection.best.updates, selection.trusted) == (20, False)
    assert "the guards refused every checkpoint" in caplog.text
    assert read_checkpoint(config.model)["model"]["noise"] == 0.5
