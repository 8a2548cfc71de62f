"""Labelling that goes on after an interruption, or refuses to: other options, replaced files, lost shards."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from xlpl_plugin.decoding.pool import DecoderPool
from xlpl_plugin.errors import XlplError
from xlpl_plugin.labelling.filtering.filters import FilterConfig
from xlpl_plugin.labelling.label_split import LabelConfig, label, label_part
from xlpl_plugin.shards.store import Part, ShardStore

UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "a", "b")
PATHS = {"x/one": "aab|_b|", "x/two": "_______", "x/three": "b|_a||", "x/four": "", "x/five": "b|b|_ab|"}


@pytest.fixture
def config(make_config: Callable[[dict[str, str]], LabelConfig]) -> LabelConfig:
    """Stored emissions of five utterances: three with words, one silent, one too short for a frame."""
    return make_config(PATHS)


def results(out: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(out).iterdir() if path.is_file()} | {
        path.name: path.read_bytes() for path in Path(out).glob("shards/*.jsonl")
    }


def without_times(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files with a provenance that lacks times, and what may differ between two runs: their options."""
    provenance = json.loads(files["provenance.json"])
    for key in ("times", "config"):
        provenance.pop(key, None)
    return {**files, "provenance.json": json.dumps(provenance).encode()}


class Interrupted(Exception):
    """Stands for whatever ends a process."""


def interrupt(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """End the labelling when it wants to write a shard after so many."""
    write, count = ShardStore.write, 0

    def counted(*args: object, **kwargs: object) -> None:
        nonlocal count
        if count == after:
            raise Interrupted
        count += 1
        write(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(ShardStore, "write", counted)


def test_labels_of_other_options_are_refused(config: LabelConfig) -> None:
    label(config)
    before = results(config.out)
    other = replace(config, decoder=replace(config.decoder, beam=7), shard_size=2)
    with pytest.raises(XlplError) as caught:
        label(other)
    assert "decoder.beam: 500 -> 7" in str(caught.value)
    assert "shard_size: 500 -> 2" in str(caught.value)
    assert "--force" in str(caught.value)
    assert results(config.out) == before
    assert label(other, force=True).kept == 3


def test_other_options_are_refused_before_the_model_is_asked(config: LabelConfig) -> None:
    label(config)
    Path(config.decoder.lexicon).write_text("Àb\ta b |\n", encoding="utf-8")
    config.emissions = str(Path(config.out).parent / "new")
    with pytest.raises(XlplError, match=r"decoder\.lexicon: "):
        label(config)
    assert not Path(config.emissions).exists()


@pytest.mark.parametrize("done", [0, 1, 2])
def test_an_interrupted_run_goes_on(config: LabelConfig, monkeypatch: pytest.MonkeyPatch, done: int) -> None:
    undisturbed = replace(config, shard_size=2, out=f"{config.out}-undisturbed")
    label(undisturbed)
    config.shard_size = 2
    with monkeypatch.context() as patch:
        interrupt(patch, after=done)
        with pytest.raises(Interrupted):
            label(config)
    left = still_to_decode(config)
    assert len(left) == 3 - done
    assert not (Path(config.out) / "labels.jsonl").exists()
    seen = decoded_ids(monkeypatch)
    label(config)
    assert len(seen) == sum(left)
    assert without_times(results(config.out)) == without_times(results(undisturbed.out))


def still_to_decode(config: LabelConfig) -> list[int]:
    """Return for each shard of two that is not done how many of its utterances have frames."""
    with_frames = {0: 2, 1: 2, 2: 0}
    return [
        count for number, count in with_frames.items() if not Path(config.out, f"shards/{number:05d}.json").exists()
    ]


def decoded_ids(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the ids that any pool decodes from now on."""
    seen: list[str] = []
    decode = DecoderPool.decode

    def noting(self: DecoderPool, tasks: object) -> object:
        for decoded in decode(self, tasks):  # type: ignore[arg-type]
            seen.append(decoded.id)
            yield decoded

    monkeypatch.setattr(DecoderPool, "decode", noting)
    return seen


def test_finished_labels_are_left_as_they_are(
    config: LabelConfig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = label(config)
    times = {path: path.stat().st_mtime_ns for path in Path(config.out).rglob("*")}
    monkeypatch.setattr(DecoderPool, "__enter__", None)  # it would fail if it were used
    with caplog.at_level(logging.INFO):
        assert label(config) == first
    assert "all labels are there" in caplog.text
    assert {path: path.stat().st_mtime_ns for path in Path(config.out).rglob("*")} == times


def test_other_filters_reuse_what_was_decoded(config: LabelConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    strict = FilterConfig(min_letters=4)
    label(replace(config, filter=strict, out=f"{config.out}-strict"))
    label(config)
    seen = decoded_ids(monkeypatch)
    assert label(replace(config, filter=strict)).kept == 1
    assert seen == []
    assert without_times(results(config.out)) == without_times(results(f"{config.out}-strict"))
    (Path(config.out) / "labels.jsonl").unlink()
    assert label(config).kept == 3
    label(config, force=True)
    assert len(seen) == 4


def test_a_filter_whose_file_has_changed_is_applied_anew(config: LabelConfig, tmp_path: Path) -> None:
    vocabulary = tmp_path / "vocabulary.txt"
    vocabulary.write_text("Àb\ta b |\nB\tb |\nA\ta |\n", encoding="utf-8")
    config.filter = FilterConfig(vocabulary=str(vocabulary), max_unknown=0.4)
    everything = label(config).kept
    vocabulary.write_text("C\ta |\n", encoding="utf-8")
    assert label(config).kept < everything


def test_results_do_not_depend_on_workers_or_on_the_order_of_completion(
    config: LabelConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.shard_size = 2
    label(config)
    decode = DecoderPool.decode

    def backwards(self: DecoderPool, tasks: object) -> object:
        yield from reversed(list(decode(self, tasks)))  # type: ignore[arg-type]

    monkeypatch.setattr(DecoderPool, "decode", backwards)
    other = replace(config, workers=3, out=f"{config.out}-other")
    label(other)
    assert without_times(results(config.out)) == without_times(results(other.out))


@pytest.mark.parametrize("file", ["lm", "lexicon", "am"])
def test_a_file_replaced_between_two_shards_stops_the_run(
    config: LabelConfig, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    config.decoder.lm = str(Path(config.data).parent / "lm.arpa")
    config.shard_size = 2
    path = Path(config.am if file == "am" else getattr(config.decoder, file))
    before = path.read_bytes()
    write = ShardStore.write

    def then_replace(*args: object, **kwargs: object) -> None:
        write(*args, **kwargs)  # type: ignore[arg-type]
        path.write_bytes(before + b"\n")

    with monkeypatch.context() as patch:
        patch.setattr(ShardStore, "write", then_replace)
        with pytest.raises(XlplError, match=rf"{path.name}: was replaced while it was in use \(.*{file}\)"):
            label(config)
    with pytest.raises(XlplError, match=f"{file}: |another acoustic model"):
        label(config)
    path.write_bytes(before)  # the same content again, at another time
    left, seen = still_to_decode(config), decoded_ids(monkeypatch)
    assert len(left) == 2
    label(config)
    assert len(seen) == sum(left)


def test_a_file_touched_between_two_shards_is_no_other_file(
    config: LabelConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.shard_size = 2
    write = ShardStore.write

    def then_touch(*args: object, **kwargs: object) -> None:
        write(*args, **kwargs)  # type: ignore[arg-type]
        os.utime(config.decoder.lexicon, (1, 1))

    monkeypatch.setattr(ShardStore, "write", then_touch)
    assert label(config).kept == 3


def test_a_lost_record_is_noticed_at_the_end(config: LabelConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    label(replace(config, out=f"{config.out}-good"))
    lines = (Path(f"{config.out}-good") / "shards/00000.jsonl").read_bytes().splitlines(keepends=True)
    write = ShardStore.write
    for wrong, problem in [
        (lines[:3], "2 records are missing"),
        ([*lines, lines[0]], "more records"),
        (lines[::-1], "in the place of"),
    ]:

        def lossy(self: ShardStore, number: int, count: int, _: object, summary: object, wrong=wrong, **kw: object):  # type: ignore[no-untyped-def]
            write(self, number, count, lambda sink: sink.write(b"".join(wrong)), summary, **kw)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(ShardStore, "write", lossy)
            with pytest.raises(XlplError, match=problem):
                label(config, force=True)


def test_parts_want_finished_emissions(config: LabelConfig) -> None:
    (Path(config.emissions) / "shards/00000.json").unlink()
    with pytest.raises(XlplError, match="unfinished: 1 of 1 shards"):
        label_part(config, Part(1, 2))
    config.emissions = "none"
    with pytest.raises(XlplError, match="none: no such file or folder"):
        label_part(config, Part(1, 2))


def test_parts_make_their_own_shards(config: LabelConfig) -> None:
    config.shard_size = 1
    summary = label_part(config, Part(2, 3))
    assert (summary.shards, summary.utterances, summary.found) == (2, 2, 0)
    assert sorted(path.name for path in Path(config.out).glob("shards/*.jsonl")) == ["00001.jsonl", "00004.jsonl"]
    assert label_part(config, Part(2, 3)).found == 2
    assert not (Path(config.out) / "labels.jsonl").exists()
    label_part(config, Part(1, 3))
    assert label(config).kept == 3  # what no part made is made now
