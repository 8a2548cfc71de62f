"""The store of shards: what it refuses, what it notices, and that it goes on."""

from __future__ import annotations

import errno
import resource
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import atomic_open
from xlpl_plugin.shards.store import Part, ShardStore, Sink, divide

SETTINGS = {"lm": "0a1b", "decoder": {"beam": 500, "nbest": 1}, "units": ("|", "a")}


@dataclass(frozen=True)
class Facts:
    machine: str | None = None
    units: tuple[str, ...] | None = None


def fill(store: ShardStore[Facts], *numbers: int) -> None:
    for number in numbers:
        store.write(number, 1, lambda sink, n=number: sink.write(b"shard %d\n" % n))  # type: ignore[misc]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.mark.parametrize("text", ["", "2", "0/2", "3/2", "a/b", "1/0", "-1/2", "1/2/3"])
def test_parts_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(XlplError, match="i/n"):
        Part.parse(text)


def test_a_shard_size_of_nothing_is_refused() -> None:
    with pytest.raises(XlplError, match="shard_size=0"):
        divide([], 0)


def test_folders_of_something_else_are_refused(out: Path) -> None:
    out.mkdir()
    (out / "thesis.txt").write_text("x")
    with pytest.raises(XlplError, match="already holds results"):
        ShardStore.open(out, SETTINGS, 3, Facts())
    (out / "provenance.json").write_text('{"config": {}}')
    with pytest.raises(XlplError, match="not the provenance of a store"):
        ShardStore.open(out, SETTINGS, 3, Facts())
    assert ShardStore.open(out, SETTINGS, 3, Facts(), force=True).missing() == [0, 1, 2]
    assert (out / "thesis.txt").exists()


def test_other_settings_are_refused_key_by_key(out: Path) -> None:
    fill(ShardStore.open(out, SETTINGS, 3, Facts()), 0)
    other = {"lm": "0a1b", "decoder": {"beam": 50, "nbest": 1, "log_add": True}, "units": ("|", "a")}
    with pytest.raises(XlplError) as caught:
        ShardStore.open(out, other, 4, Facts())
    message = str(caught.value)
    for line in ("decoder.beam: 500 -> 50", "decoder.log_add: not set -> true", "shards: 3 -> 4"):
        assert f"    {line}" in message
    assert "lm:" not in message
    assert "--force" in message
    store = ShardStore.open(out, SETTINGS, 3, Facts())
    assert store.missing() == [1, 2]
    assert ShardStore.open(out, other, 4, Facts(), force=True).missing() == [0, 1, 2, 3]


def test_nothing_is_written_before_the_first_shard(out: Path) -> None:
    first, second = (
        ShardStore.open(out, SETTINGS, 3, Facts()),
        ShardStore.open(out, {**SETTINGS, "lm": "ffff"}, 3, Facts()),
    )
    assert not out.exists()
    fill(first, 0)
    with pytest.raises(XlplError, match="other settings"):
        second.note(units=("a",))
    fill(second, 1)
    with pytest.raises(XlplError, match="other settings"):
        first.missing()


def test_a_shard_of_another_store_is_noticed(out: Path, tmp_path: Path) -> None:
    mine, other = (
        ShardStore.open(out, SETTINGS, 2, Facts()),
        ShardStore.open(tmp_path / "o", {**SETTINGS, "lm": "ffff"}, 2, Facts()),
    )
    fill(mine, 0)
    fill(other, 1)
    for name in ("00001.json", "00001.jsonl"):
        (out / "shards" / name).write_bytes((tmp_path / "o/shards" / name).read_bytes())
    with pytest.raises(XlplError, match=r"00001\.json: .*other settings"):
        mine.missing()


@pytest.mark.parametrize("damage", ["shorten", "flip", "remove", "marker", "no marker"])
def test_damaged_shards_are_made_again(out: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    store = ShardStore.open(out, SETTINGS, 2, Facts())
    fill(store, 0, 1)
    file, marker = store.file(1), out / "shards/00001.json"
    if damage == "shorten":
        file.write_bytes(file.read_bytes()[:-1])
    elif damage == "flip":
        file.write_bytes(b"S" + file.read_bytes()[1:])
    elif damage == "remove":
        file.unlink()
    elif damage == "marker":
        marker.write_text("{")
    else:
        marker.unlink()
    again = ShardStore.open(out, SETTINGS, 2, Facts())
    assert again.missing() == [1]
    assert ("damaged" in caplog.text) == (damage != "no marker")
    fill(again, 1)
    assert again.missing() == []


def test_a_writer_that_fails_leaves_nothing(out: Path) -> None:
    store = ShardStore.open(out, SETTINGS, 2, Facts())
    fill(store, 0)

    def broken(sink: Sink) -> None:
        sink.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.write(1, 1, broken)
    assert sorted(file.name for file in (out / "shards").iterdir()) == ["00000.json", "00000.jsonl"]


def test_leftovers_of_killed_writers_go_with_their_part(out: Path) -> None:
    store = ShardStore.open(out, SETTINGS, 4, Facts())
    fill(store, 0)
    (out / ".labels.jsonl.xyz.part").touch()
    for number in range(4):
        (out / f"shards/.{number:05d}.jsonl.x_{number}.part").touch()
    store.sweep(Part(2, 2))
    assert sorted(file.name[:6] for file in (out / "shards").glob(".*")) == [".00000", ".00002"]
    store.sweep()
    assert not list(out.rglob("*.part"))
    assert store.missing() == [1, 2, 3]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_in_plain_words(tmp_path: Path, code: int) -> None:
    def fail() -> None:
        with atomic_open(tmp_path / "some.txt") as stream:
            stream.write("x")
            raise OSError(code, "No space left on device")

    with pytest.raises(XlplError, match=r"some\.txt: .*disk full"):
        fail()
    assert not list(tmp_path.iterdir())


def test_a_write_that_really_fails_leaves_no_half_shard(out: Path) -> None:
    """In a process whose files may not grow beyond 4 kB, which is how a full disk looks to a writer."""
    ShardStore.open(out, SETTINGS, 1, Facts()).note()
    code = (
        "import sys, numpy as np\n"
        "from xlpl_plugin.emissions.stored import EmissionFacts\n"
        "from xlpl_plugin.shards.store import ShardStore\n"
        f"store = ShardStore.existing({str(out)!r}, EmissionFacts)\n"
        "try:\n    store.write(0, 1, lambda sink: np.save(sink, np.zeros(5000)))\n"
        "except Exception as error:\n    sys.exit(f'{type(error).__name__} {error}')\n"
    )

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, preexec_fn=limit, check=False)
    assert done.stderr.startswith("XlplError")
    assert "disk full" in done.stderr
    assert list((out / "shards").iterdir()) == []
    assert ShardStore.existing(out, Facts).missing() == [0]


def test_shards_and_facts_are_kept(out: Path) -> None:
    store = ShardStore.open(out, SETTINGS, 3, Facts("x"), suffix="npy")
    array = np.arange(12.0).reshape(3, 4)
    store.write(2, 3, lambda sink: np.save(sink, array), {"errors": {"a": "unreadable"}}, part=Part(3, 3))
    np.testing.assert_array_equal(np.load(store.file(2)), array)
    store.note(units=("|", "a"), machine=None)
    again = ShardStore.open(out, SETTINGS, 3, Facts("y"), suffix="npy")
    assert again.settings == {**SETTINGS, "units": ["|", "a"], "shards": 3}
    assert again.facts == Facts(units=("|", "a"))
    marker = again.marker(2)
    assert (marker["count"], marker["part"], marker["errors"]) == (3, "3/3", {"a": "unreadable"})
    assert [again.missing(part) for part in ((1, 3), (2, 3), (3, 3))] == [[0], [1], []]


def test_a_copied_shard_is_the_same(out: Path, tmp_path: Path) -> None:
    one, other = ShardStore.open(out, SETTINGS, 2, Facts()), ShardStore.open(tmp_path / "other", SETTINGS, 2, Facts())
    one.write(1, 7, lambda sink: sink.write(b"x" * 3_000_000), {"failed": 1}, part=Part(2, 2))
    other.adopt(1, one)
    assert other.missing() == [0]
    assert other.file(1).read_bytes() == one.file(1).read_bytes()
    assert other.marker(1) == one.marker(1)


@given(st.lists(st.integers(1, 9), max_size=40), st.integers(1, 12), st.randoms())
def test_division_does_not_depend_on_the_order(lengths: list[int], size: int, random: object) -> None:
    utterances = [Utterance(f"u{number}.flac", length) for number, length in enumerate(lengths)]
    shards = divide(utterances, size)
    assert all(len(shard) == size for shard in shards[:-1])
    assert [shards.utterances(number) for number in range(len(shards))] == list(map(len, shards))
    found = list(shards)
    flat = [utterance for shard in found for utterance in shard]
    assert sorted(u.id for u in flat) == sorted(u.id for u in utterances)
    assert [u.num_samples for u in flat] == sorted(lengths, reverse=True)
    random.shuffle(utterances)  # type: ignore[attr-defined]
    assert list(divide(utterances, size)) == found


@given(st.integers(0, 50), st.integers(1, 9))
def test_parts_cover_every_shard_once(shards: int, of: int) -> None:
    store = ShardStore(Path("nowhere"), {"shards": shards}, Facts(), "jsonl")
    assert sorted(n for index in range(1, of + 1) for n in store.missing((index, of))) == list(range(shards))
