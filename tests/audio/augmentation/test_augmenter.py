"""Which effects an utterance gets depends on its key and on the options, and on nothing else."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from xlpl_plugin.audio.augmentation.augmentation_options import AugmentationOptions
from xlpl_plugin.audio.augmentation.augmenter import Augmenter
from xlpl_plugin.errors import XlplError

SHARES = [item.name for item in fields(AugmentationOptions) if item.default == 0.0]


def speech(seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(4_000)).astype(np.float32)


def other(rng: np.random.Generator) -> np.ndarray:
    return speech(int(rng.integers(1, 100)))


def augment(key: tuple[int, ...] = (1, 1, 0), **options: float) -> np.ndarray:
    return Augmenter(AugmentationOptions(**options))(speech(), key, other)  # type: ignore[arg-type]


def test_without_shares_nothing_happens() -> None:
    assert not AugmentationOptions().augments
    np.testing.assert_array_equal(augment(), speech())


@pytest.mark.parametrize("share", SHARES)
def test_every_effect_changes_audio_by_its_key(share: str) -> None:
    assert AugmentationOptions(**{share: 0.5}).augments  # type: ignore[arg-type]
    first = augment(**{share: 1.0})
    assert not np.array_equal(first, speech())
    np.testing.assert_array_equal(augment(**{share: 1.0}), first)
    for key in ((2, 1, 0), (1, 2, 0), (1, 1, 5), (1, 1)):
        assert not np.array_equal(augment(key, **{share: 1.0}), first)


def test_an_effect_comes_to_its_share_of_the_utterances() -> None:
    augmenter = Augmenter(AugmentationOptions(aug_clip=0.3))
    changed = [not np.array_equal(augmenter(speech(), (1, 1, row), None), speech()) for row in range(600)]
    assert 140 < sum(changed) < 220


def test_one_effect_more_leaves_the_draws_of_the_others() -> None:
    clipped = [np.abs(augment((1, 1, row), aug_clip=0.5)).max() for row in range(30)]
    hummed = [np.abs(augment((1, 1, row), aug_clip=0.5, aug_room=1.0)).max() for row in range(30)]
    # the clipped ones are flat at their peak in both
    flat = [peak < np.abs(speech()).max() for peak in clipped]
    rooms = [augment((1, 1, row), aug_room=1.0) for row in range(30)]
    assert flat == [peak < np.abs(room).max() for peak, room in zip(hummed, rooms, strict=True)]
    assert 5 < sum(flat) < 25


def test_ranges_are_obeyed() -> None:
    for row in range(10):
        noisy = augment((1, 1, row), aug_noise=1.0, aug_noise_snr=[12.0, 12.0])  # type: ignore[arg-type]
        assert 20 * np.log10(np.std(speech()) / np.std(noisy - speech())) == pytest.approx(12, abs=0.1)


def test_babble_needs_someone_else() -> None:
    augmenter = Augmenter(AugmentationOptions(aug_babble=1.0))
    np.testing.assert_array_equal(augmenter(speech(), (1, 1, 0), None), speech())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"aug_phone": 1.5}, r"task\.aug_phone=1\.5\n.*0 to 1"),
        ({"aug_noise_snr": [20.0, 10.0]}, r"task\.aug_noise_snr=.*\n.*lowest, highest"),
        ({"aug_room_rt60": [0.0, 0.5]}, r"task\.aug_room_rt60=\[0\.0, 0\.5\]\n.*above 0"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, float], message: str) -> None:
    with pytest.raises(XlplError, match=message):
        augment(**options)
