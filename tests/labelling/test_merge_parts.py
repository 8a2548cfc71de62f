"""Parts that several machines made: gaps, doubles and strangers are refused, the whole is as one machine's."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from xlpl_plugin.cli.label import command as label_command
from xlpl_plugin.cli.labels_merge import command as merge_command
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import sha256
from xlpl_plugin.labelling.filtering.filters import FilterConfig
from xlpl_plugin.labelling.label_split import LabelConfig, label, label_part
from xlpl_plugin.labelling.merge_parts import merge
from xlpl_plugin.shards.store import Part

PATHS = {"one": "aab|_b|", "two": "_______", "three": "b|_a||", "four": "", "five": "b|b|_ab|", "six": "ab|"}


@pytest.fixture
def config(make_config: Callable[[dict[str, str]], LabelConfig]) -> LabelConfig:
    return replace(make_config(PATHS), shard_size=1)


@pytest.fixture
def parts(config: LabelConfig) -> list[str]:
    """Two folders that hold all six shards between them."""
    folders = [f"{config.out}-{number}" for number in (1, 2)]
    for number, folder in enumerate(folders, start=1):
        label_part(replace(config, out=folder), Part(number, 2))
    return folders


def results(folder: str | Path) -> dict[str, str]:
    files = {path.name: path.read_text() for path in Path(folder).iterdir() if path.is_file()}
    provenance = json.loads(files["provenance.json"])
    del provenance["times"], provenance["config"]["out"]
    return {**files, "provenance.json": json.dumps(provenance, sort_keys=True)}


def test_gaps_are_refused_with_the_commands_that_fill_them(config: LabelConfig, parts: list[str]) -> None:
    for number in (1, 5):
        (Path(parts[1]) / f"shards/{number:05d}.json").unlink()
    shard = Path(parts[1]) / "shards/00003.jsonl"
    shard.write_bytes(shard.read_bytes()[1:])
    out = Path(config.out)
    with pytest.raises(XlplError, match="3 of 6 shards are missing: 1, 3, 5") as caught:
        merge(parts, out)
    assert not out.exists()
    line = str(caught.value).splitlines()[-1]
    assert "--shard 2/2" in line
    program, verb, *arguments = shlex.split(line)
    assert (program, verb) == ("xlpl", "label")
    assert CliRunner().invoke(label_command, arguments, catch_exceptions=False).exit_code == 0
    assert merge(parts, out).utterances == 6


def test_another_shard_of_the_same_number_is_refused(config: LabelConfig, parts: list[str]) -> None:
    for suffix in ("json", "jsonl"):
        shutil.copy(Path(parts[0]) / f"shards/00000.{suffix}", Path(parts[1]) / "shards")
    assert merge(parts, config.out).kept == 4  # the same twice is no harm
    shard, marker = (Path(parts[1]) / f"shards/00000.{suffix}" for suffix in ("jsonl", "json"))
    shard.write_text(shard.read_text().replace("0", "1"))
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "sha256": sha256(shard)}))
    with pytest.raises(XlplError, match=r"00000\.jsonl: shard 0 is another one than in"):
        merge(parts, f"{config.out}-again")


def test_parts_of_other_settings_are_refused(config: LabelConfig, parts: list[str]) -> None:
    shutil.rmtree(parts[1])
    other = replace(config, out=parts[1], decoder=replace(config.decoder, beam=9))
    label_part(other, Part(2, 2))
    with pytest.raises(XlplError, match=r"(?s)those of .*out-1.*decoder\.beam: 9 -> 500"):
        merge(parts, config.out)


def test_what_is_no_part_is_refused(config: LabelConfig, parts: list[str]) -> None:
    with pytest.raises(XlplError, match=r"provenance\.json"):
        merge([*parts, config.data], config.out)
    with pytest.raises(XlplError, match="throw away a part"):
        merge(parts, parts[0], force=True)
    with pytest.raises(XlplError, match="filter"):
        merge(parts, config.out, ["filter.min_leters=1"])
    (Path(config.data) / "train.tsv").write_text("/nowhere\nx.flac\t640\n")
    with pytest.raises(XlplError, match=r"train\.tsv: not the manifest of these labels"):
        merge(parts, config.out)
    assert not Path(config.out).exists()


def test_the_whole_is_as_one_machine_makes_it(config: LabelConfig, parts: list[str]) -> None:
    alone = replace(config, out=f"{config.out}-alone")
    summary = label(alone)
    assert merge(parts, config.out) == summary
    assert results(config.out) == results(alone.out)
    assert label(config) == summary  # the merged folder is like any other
    assert merge(parts, parts[0]) == summary
    assert results(parts[0]) == results(alone.out)
    moved = Path(config.data).rename(f"{config.data}-moved")
    with pytest.raises(XlplError, match=r"train\.tsv"):
        merge(parts, config.out, force=True)
    assert merge(parts, config.out, data=str(moved), force=True) == summary


def test_parts_may_share_a_folder(config: LabelConfig) -> None:
    for number in (3, 1, 2):
        label_part(config, Part(number, 3))
    alone = replace(config, out=f"{config.out}-alone")
    assert merge([config.out], config.out) == label(alone)
    assert results(config.out) == results(alone.out)


def test_verb_applies_filters_anew(config: LabelConfig, parts: list[str]) -> None:
    assert merge(parts, config.out).kept == 4
    arguments = [*parts, "--out", config.out, "filter.min_letters=3"]
    result = CliRunner().invoke(merge_command, arguments, catch_exceptions=False)
    assert "kept 2 of 6 utterances" in result.stdout
    strict = replace(config, filter=FilterConfig(min_letters=3), out=f"{config.out}-strict")
    label(strict)
    assert results(config.out) == results(strict.out)
