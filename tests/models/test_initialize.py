"""Starting from another acoustic model: units are mapped by name, never by position."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from xlpl_plugin.errors import XlplError
from xlpl_plugin.models.initialize import initialize

Build = Callable[..., torch.nn.Module]
Save = Callable[..., Path]
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")


def test_checkpoint_without_a_dictionary_is_refused(tmp_path: Path, build: Build, save: Save) -> None:
    checkpoint = save(tmp_path / "am.pt", ("|", "a", "b"), changes={"task_state": {}})
    with pytest.raises(XlplError, match=r"am\.pt: does not say which units"):
        initialize(build(("|", "x", "y")), checkpoint, (*SPECIAL, "|", "x", "y"))


def test_another_architecture_is_refused_and_changes_nothing(tmp_path: Path, build: Build, save: Save) -> None:
    checkpoint = save(tmp_path / "am.pt", ("|", "a"), ffn_dim=32)
    model = build(("|", "a"), seed=5)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(XlplError, match="another architecture"):
        initialize(model, checkpoint, (*SPECIAL, "|", "a"))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_another_kind_of_model_is_refused(tmp_path: Path, build: Build, save_wav2vec: Callable[..., Path]) -> None:
    checkpoint = save_wav2vec(tmp_path / "am.pt", tmp_path / "pretrained.pt", ("|", "a"))
    with pytest.raises(XlplError, match="output layer"):
        initialize(build(("|", "a")), checkpoint, (*SPECIAL, "|", "a"))


@pytest.mark.parametrize("symbols", [("c", "|", "x", "a"), ("b", "a"), ("|", "a", "b", "c", "d", "e")])
def test_shared_units_are_mapped_and_new_ones_stay_fresh(
    tmp_path: Path, build: Build, save: Save, symbols: tuple[str, ...]
) -> None:
    known = ("|", "a", "b", "c")
    checkpoint = save(tmp_path / "am.pt", known, seed=1)
    source = build(known, seed=1).state_dict()
    model, fresh = build(symbols, seed=2), build(symbols, seed=2).state_dict()
    initialize(model, checkpoint, (*SPECIAL, *symbols))
    target = model.state_dict()
    for name in ("encoder.output.weight", "encoder.output.bias"):
        for row, unit in enumerate((*SPECIAL, *symbols)):
            old = (*SPECIAL, *known)
            expected = source[name][old.index(unit)] if unit in old else fresh[name][row]
            assert torch.equal(target[name][row], expected), (name, unit)
    rest = [name for name in target if not name.startswith("encoder.output.")]
    assert all(torch.equal(target[name], source[name]) for name in rest)
    assert rest
