"""Labels of parts put together: each utterance's own, unchanged, and nothing that does not belong there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from xlpl_plugin.data.manifest import Manifest, read_manifest, write_manifest
from xlpl_plugin.data.units import read_units
from xlpl_plugin.errors import XlplError
from xlpl_plugin.labelling.cross_labels import join_cross_labels
from xlpl_plugin.labelling.filtering.filters import FilterConfig
from xlpl_plugin.labelling.label_split import LabelConfig, label
from xlpl_plugin.labelling.provenance import decoded_with, read_facts
from xlpl_plugin.labelling.records import read_labels
from xlpl_plugin.labelling.vote import VoteConfig

PATHS = {f"u{number}": path for number, path in enumerate(["aab|_b|", "___", "b|_a|", "", "b|b|_ab|", "ab|", "a|b|"])}
# what filters say of a record
UNFILTERED: dict[str, Any] = {"kept": True, "reason": "", "weight": 1.0}
HALVES = [["u0", "u3", "u4"], ["u6", "u2", "u1", "u5"]]


@pytest.fixture
def join(make_config: Callable[[dict[str, str]], LabelConfig]) -> Callable[..., VoteConfig]:
    """Label parts of the recordings and return what puts them together; ``units`` names the kind of each model."""
    whole = make_config(PATHS)
    folder = Path(whole.out).parent

    def make(parts: list[list[str]], units: tuple[str, ...] = ("letters", "letters"), **options: object) -> VoteConfig:
        rows = {row.id: row for row in read_manifest(whole.data, "train", labels=False).utterances}
        for number, (part, kind) in enumerate(zip(parts, units, strict=True)):
            own = folder / f"part-{number}"
            write_manifest(own, "train", Manifest(folder / "audio", tuple(rows[name] for name in part)))
            (folder / f"{kind}.pt").write_text(kind)
            am, out = str(folder / f"{kind}.pt"), str(own / "labels")
            label(replace(whole, am=am, emissions="", data=str(own), out=out, shard_size=2 + number))
        folders = [str(folder / f"part-{number}" / "labels") for number in range(len(parts))]
        return VoteConfig(folders, whole.data, out=str(folder / "joined"), **options)  # type: ignore[arg-type]

    return make


@pytest.mark.parametrize("shard_size", [1, 500])
def test_each_utterance_has_the_label_of_its_part(join: Callable[..., VoteConfig], shard_size: int) -> None:
    config = join(HALVES, shard_size=shard_size, filter=FilterConfig(min_letters=2))
    summary = join_cross_labels(config)
    own = {record.id: record for folder in config.voters for record in read_labels(Path(folder) / "labels.jsonl")}
    joined = read_labels(Path(config.out) / "labels.jsonl")
    assert [record.id for record in joined] == list(PATHS)
    for record in joined:
        assert replace(record, **UNFILTERED) == replace(own[record.id], **UNFILTERED)
        assert record.kept == (len("".join(record.words)) >= 2)
    kept = read_manifest(config.out, "train")
    assert kept.ids == [record.id for record in joined if record.kept]
    assert summary.utterances == len(PATHS)
    assert 0 < summary.kept == len(kept.ids) < len(PATHS)
    assert read_units(Path(config.out) / "dict.ltr.txt") == read_units(Path(config.voters[0]) / "dict.ltr.txt")
    facts = read_facts(config.out)
    assert facts
    assert facts.voters
    assert [tally.won for tally in facts.voters.values()] == [len(part) for part in HALVES]
    assert decoded_with(config.out) == decoded_with(config.voters[0])


def test_shards_that_are_there_are_kept(join: Callable[..., VoteConfig]) -> None:
    config = join(HALVES, shard_size=2)
    join_cross_labels(config)
    files = {file: file.read_bytes() for file in Path(config.out).rglob("*") if file.is_file()}
    for name in ("shards/00001.json", "labels.jsonl", "train.tsv"):
        (Path(config.out) / name).unlink()
    before = (Path(config.out) / "shards/00000.jsonl").stat().st_mtime_ns
    join_cross_labels(config)
    assert (Path(config.out) / "shards/00000.jsonl").stat().st_mtime_ns == before
    assert {file: file.read_bytes() for file in files} == files


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ([["u0", "u1"], ["u2", "u3", "u4", "u5"]], "with the other parts 6 labels, for 7 utterances"),
        ([[*HALVES[0], "u1"], HALVES[1]], "with the other parts 8 labels, for 7 utterances"),
        ([[*HALVES[0], "u1"], ["u1", "u2", "u5"]], "no label of 'u6' where it should have one"),
    ],
)
def test_parts_that_are_no_division_are_refused(
    join: Callable[..., VoteConfig], parts: list[list[str]], problem: str
) -> None:
    with pytest.raises(XlplError, match=problem):
        join_cross_labels(join(parts))


def test_labels_in_other_units_or_unfinished_are_refused(join: Callable[..., VoteConfig]) -> None:
    with pytest.raises(XlplError, match=r"part-1/labels: labels in other units"):
        join_cross_labels(join(HALVES, ("letters", "cyrillic")))
    config = join([HALVES[0]], ("letters",))
    (Path(config.voters[0]) / "shards/00000.json").unlink()
    with pytest.raises(XlplError, match="not finished"):
        join_cross_labels(config)
