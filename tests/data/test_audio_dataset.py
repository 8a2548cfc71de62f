"""The dataset behind every split: nothing is lost, cropped or mislabelled in silence."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fairseq.data import Dictionary

from xlpl_plugin.audio.augmentation.augmentation_options import AugmentationOptions
from xlpl_plugin.audio.augmentation.augmenter import Augmenter
from xlpl_plugin.data.dataset import AudioDataset, DataPart, keep_durations, read_part
from xlpl_plugin.data.manifest import read_manifest, write_manifest
from xlpl_plugin.data.units import LETTERS
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.errors import XlplError

TEXTS = ["ab cab", "bad", "dad face ab", "a"]


@pytest.fixture
def dictionary() -> Dictionary:
    dictionary = Dictionary()
    for symbol in LETTERS:
        dictionary.add_symbol(symbol)
    return dictionary


@pytest.fixture
def folder(tmp_path: Path, make_folder: Callable[..., Path]) -> Path:
    return make_folder(tmp_path / "data", {"train": TEXTS})


def silent_part(sizes: list[int], share: float = 1.0, *, labels: bool = True, name: str = "a") -> DataPart:
    """A part whose audio is never read."""
    utterances = tuple(Utterance(f"{name}{i}.flac", size) for i, size in enumerate(sizes))
    return DataPart(
        Path("/nowhere"), utterances, tuple(np.array([5], np.int32) for _ in sizes) if labels else None, share
    )


def test_unit_outside_the_dictionary_names_file_and_line(folder: Path, dictionary: Dictionary) -> None:
    lines = (folder / "train.ltr").read_text().splitlines()
    lines[2] = "d ß d |"
    (folder / "train.ltr").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(XlplError, match=r"train\.ltr:3: unit 'ß'"):
        read_part(folder, "train", dictionary)


def test_special_symbols_are_no_labels(folder: Path, dictionary: Dictionary) -> None:
    (folder / "train.ltr").write_text("a <s> |\nb |\nb |\nb |\n")
    with pytest.raises(XlplError, match=r"train\.ltr:1: unit '<s>'"):
        read_part(folder, "train", dictionary)


def test_empty_split_is_refused(folder: Path, dictionary: Dictionary) -> None:
    (folder / "none.tsv").write_text(f"{folder}\n")
    with pytest.raises(XlplError, match=r"none\.tsv: no utterances"):
        read_part(folder, "none", dictionary)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda file: file.unlink(), "no such file"),
        (lambda file: file.write_bytes(b""), "zero-length"),
        (lambda file: file.write_bytes(file.read_bytes()[:200]), r"flac: "),
        (lambda file: file.write_bytes((file.parent / "0.flac").read_bytes()), "but the manifest says"),
    ],
    ids=["missing", "empty", "truncated", "other recording"],
)
def test_unreadable_audio_names_the_file(
    folder: Path, dictionary: Dictionary, damage: Callable[[Path], Any], message: str
) -> None:
    dataset = AudioDataset([read_part(folder, "train", dictionary)], pad=dictionary.pad())
    damage(folder / "audio" / "train" / "1.flac")
    with pytest.raises(XlplError, match=message) as error:
        dataset[1]
    assert "train/1.flac" in str(error.value)


def test_labelled_and_unlabelled_folders_do_not_mix() -> None:
    with pytest.raises(XlplError, match="mixed"):
        AudioDataset([silent_part([10]), silent_part([10], labels=False)], pad=1)


def test_batch_holds_padded_audio_units_and_weights(folder: Path, dictionary: Dictionary) -> None:
    (folder / "train.weight").write_text("1\n0.25\n1\n1\n")
    dataset = AudioDataset([read_part(folder, "train", dictionary)], pad=dictionary.pad())
    batch = dataset.collater([dataset[0], dataset[1]])
    lengths = (~batch["net_input"]["padding_mask"]).sum(dim=1).tolist()
    assert lengths == dataset.sizes[:2].tolist()
    assert batch["net_input"]["source"].shape == (2, max(lengths))
    assert batch["net_input"]["source"][1, lengths[1] :].abs().max() == 0
    assert dictionary.string(batch["target"][0], "letter") == "ab cab"
    assert batch["target_lengths"].tolist() == [7, 4]
    assert batch["target"][1, 4:].unique().tolist() == [dictionary.pad()]
    assert batch["weights"].tolist() == [1.0, 0.25]
    assert batch["names"] == ["train/0", "train/1"]


def test_a_stretch_is_heard_without_the_rest_of_its_recording(folder: Path, dictionary: Dictionary) -> None:
    whole = AudioDataset([read_part(folder, "train", dictionary)], pad=dictionary.pad())
    (folder / "train.stretch").write_text("\n800-2400\n\n0-1600\n")
    dataset = AudioDataset([read_part(folder, "train", dictionary)], pad=dictionary.pad())
    assert dataset.sizes.tolist() == [whole.sizes[0], 1600, whole.sizes[2], 1600]
    assert torch.equal(dataset[1]["source"], whole[1]["source"][800:2400])
    assert torch.equal(dataset[0]["source"], whole[0]["source"])
    assert dataset[1]["name"] == f"{whole[1]['name']}#800-2400"
    assert dataset.identity != whole.identity
    left = keep_durations(read_part(folder, "train", dictionary), 0.15, 0)
    assert [row.stretch for row in left.utterances] == [None, None]


@pytest.mark.parametrize("line", ["5", "0-0", "10-5", "0-99999999", "-3-5", "0-8 9-12"])
def test_a_stretch_outside_its_recording_names_file_and_line(folder: Path, dictionary: Dictionary, line: str) -> None:
    (folder / "train.stretch").write_text(f"\n{line}\n\n\n")
    with pytest.raises(XlplError, match=r"train\.stretch:2: cannot use the stretch"):
        read_part(folder, "train", dictionary)


def test_a_recording_may_be_there_in_several_stretches(folder: Path, dictionary: Dictionary) -> None:
    manifest = read_manifest(folder, "train")
    row = manifest.utterances[0]
    parts = tuple(replace(row, stretch=bounds) for bounds in ((0, 800), (900, 1700)))
    write_manifest(folder, "train", replace(manifest, utterances=(*parts, *manifest.utterances[1:])))
    dataset = AudioDataset([read_part(folder, "train", dictionary)], pad=dictionary.pad())
    assert dataset.sizes[:2].tolist() == [800, 800]
    assert read_manifest(folder, "train").utterances == (*parts, *manifest.utterances[1:])
    with pytest.raises(XlplError, match="duplicate id"):
        write_manifest(folder, "train", replace(manifest, utterances=(parts[0], parts[0])))


def test_unlabelled_split_has_no_target(
    tmp_path: Path, make_folder: Callable[..., Path], dictionary: Dictionary
) -> None:
    folder = make_folder(tmp_path / "plain", {"train": TEXTS}, labels=False)
    dataset = AudioDataset([read_part(folder, "train", dictionary)], pad=dictionary.pad())
    assert dataset.collater([dataset[0], dataset[3]])["target"] is None


def test_normalized_waveforms_have_unit_variance(folder: Path, dictionary: Dictionary) -> None:
    dataset = AudioDataset([read_part(folder, "train", dictionary)], pad=dictionary.pad(), normalize=True)
    source = dataset[0]["source"]
    torch.testing.assert_close((source.mean(), source.std()), (torch.tensor(0.0), torch.tensor(1.0)), atol=1e-3, rtol=0)


def augmented(folder: Path, dictionary: Dictionary, seed: int = 1, **options: float) -> AudioDataset:
    augmenter = Augmenter(AugmentationOptions(**options))  # type: ignore[arg-type]
    return AudioDataset([read_part(folder, "train", dictionary)], pad=dictionary.pad(), seed=seed, augmenter=augmenter)


def test_augmented_audio_depends_on_seed_epoch_and_row(folder: Path, dictionary: Dictionary) -> None:
    def heard(seed: int, epoch: int) -> torch.Tensor:
        dataset = augmented(folder, dictionary, seed, aug_room=1.0)
        dataset.set_epoch(epoch)
        assert [len(dataset[row]["source"]) for row in range(4)] == dataset.sizes.tolist()
        return dataset[1]["source"]

    plain = AudioDataset([read_part(folder, "train", dictionary)], pad=dictionary.pad())[1]["source"]
    assert torch.equal(heard(1, 3), heard(1, 3))
    for other in (plain, heard(1, 4), heard(2, 3)):
        assert not torch.equal(heard(1, 3), other)


def test_processes_that_read_audio_augment_by_the_epoch(folder: Path, dictionary: Dictionary) -> None:
    """fairseq keeps them from one epoch to the next."""
    dataset = augmented(folder, dictionary, aug_room=1.0)
    loader = torch.utils.data.DataLoader(
        dataset, collate_fn=dataset.collater, batch_size=4, num_workers=1, persistent_workers=True
    )
    for epoch in (1, 2):
        dataset.set_epoch(epoch)
        [batch] = loader
        here = dataset.collater([dataset[row] for row in range(4)])
        assert torch.equal(batch["net_input"]["source"], here["net_input"]["source"])


def test_babble_is_of_the_other_rows(tmp_path: Path, make_folder: Callable[..., Path], dictionary: Dictionary) -> None:
    """The 350 Hz of a behind the 650 of c."""
    folder = make_folder(tmp_path / "tones", {"train": ["cc", "aaa", "aa"]})
    dataset = augmented(folder, dictionary, aug_babble=1.0)
    plain = AudioDataset([read_part(folder, "train", dictionary)], pad=dictionary.pad())
    for epoch in range(1, 6):
        dataset.set_epoch(epoch)
        power = torch.fft.rfft(dataset[0]["source"] - plain[0]["source"]).abs() ** 2
        hertz = torch.arange(len(power)) * 16_000 / len(plain[0]["source"])
        assert abs(hertz[power.argmax()] - 350) < 10


def test_durations_filter_whole_utterances_and_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    part = silent_part([8_000, 16_000, 24_000, 48_000])
    with caplog.at_level(logging.INFO):
        kept = keep_durations(part, shortest=0.75, longest=2.0)
    assert [utterance.num_samples for utterance in kept.utterances] == [16_000, 24_000]
    assert kept.targets is not None
    assert len(kept.targets) == 2
    assert "left out 1 utterances shorter than 0.75 s and 1 longer than 2 s of 4" in caplog.text


@pytest.mark.parametrize(("share", "rows"), [(0.5, 5), (1.0, 10), (2.0, 20), (1.5, 15), (0.0, 0)])
def test_epoch_takes_the_share_of_a_mixed_folder(share: float, rows: int) -> None:
    dataset = AudioDataset([silent_part([10] * 4), silent_part([20] * 10, share)], pad=1)
    drawn = Counter(dataset.ordered_indices().tolist())
    assert all(drawn[i] == 1 for i in range(4))
    assert sum(drawn[i] for i in range(4, 14)) == rows
    assert max(drawn.values()) <= max(1, math.ceil(share))


def test_draws_depend_on_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        dataset = AudioDataset([silent_part([10] * 20, 0.5)], pad=1, seed=seed)
        dataset.set_epoch(epoch)
        return dataset.ordered_indices().tolist()

    assert order(1, 3) == order(1, 3)
    assert set(order(1, 3)) != set(order(1, 4))
    assert set(order(1, 3)) != set(order(2, 3))


@pytest.mark.parametrize("multiple", [1, 8])
def test_batching_loses_no_utterance(multiple: int) -> None:
    sizes = [100 + 7 * i for i in range(12)]
    dataset = AudioDataset([silent_part(sizes)], pad=1)
    batches = dataset.batch_by_size(dataset.ordered_indices(), max_tokens=400, required_batch_size_multiple=multiple)
    assert sorted(i for batch in batches for i in batch) == list(range(12))
    assert all(len(batch) * max(dataset.sizes[batch]) <= 400 for batch in batches)


def test_utterance_longer_than_a_batch_is_kept_outside_training() -> None:
    dataset = AudioDataset([silent_part([100, 900, 120])], pad=1)
    batches = dataset.batch_by_size(dataset.ordered_indices(), max_tokens=400)
    assert sorted(sorted(batch.tolist()) for batch in batches) == [[0, 2], [1]]


def test_utterance_longer_than_a_training_batch_is_reported() -> None:
    dataset = AudioDataset([silent_part([100, 900, 120])], pad=1)
    kept, dropped = dataset.filter_indices_by_size(np.arange(3), (400, 400))
    assert (kept.tolist(), dropped) == ([0, 2], [1])
