"""The vote of several acoustic models: whose label is taken, and that it comes through unchanged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.loudness_model import LISTENERS

from xlpl_plugin.data.manifest import Manifest, read_manifest, write_manifest
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import sha256
from xlpl_plugin.labelling.filtering.filters import FilterConfig
from xlpl_plugin.labelling.label_split import LabelConfig, label
from xlpl_plugin.labelling.provenance import LabelFacts, read_facts
from xlpl_plugin.labelling.records import LabelRecord, read_labels
from xlpl_plugin.labelling.vote import VoteConfig, choose_label, vote
from xlpl_plugin.shards.store import ShardStore

PATHS = {"one": "aab|_b|", "two": "_______", "three": "b|_a||", "four": "", "five": "b|b|_ab|"}
# what an acoustic model of the name does to the columns of < s >, <pad>, </s>, <unk>, |, a, b
EARS = {"right": [0, 1, 2, 3, 4, 5, 6], "confused": [0, 1, 2, 3, 4, 6, 5], "deaf": [6, 1, 2, 3, 5, 4, 0]}


def record(units: str, confidence: float, error: str = "") -> LabelRecord:
    words = tuple(word for word in units.replace(" ", "").split("|") if word)
    return LabelRecord("x", words, units, 0.0, 0.0, 0.0, 9, (), 1.0, confidence, 1.0, units, 0.0, error)


@pytest.fixture
def voters(
    make_config: Callable[[dict[str, str]], LabelConfig], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., VoteConfig]:
    """Label with one acoustic model of each name of ``EARS`` and return what to put to the vote."""
    config = make_config(PATHS)
    from xlpl_plugin.models import acoustic

    listener = acoustic.load_acoustic_model("any")

    class Hearer:
        units = listener.units

        def __init__(self, kind: str) -> None:
            self.kind = kind

        def emit(self, waveforms: list[np.ndarray]) -> list[np.ndarray]:
            return [np.ascontiguousarray(found[:, EARS[self.kind]]) for found in listener.emit(waveforms)]

    def load(path: str, **_: object) -> object:
        kind = Path(path).stem
        return LISTENERS[kind]() if kind in LISTENERS else Hearer(kind)

    monkeypatch.setattr(acoustic, "load_acoustic_model", load)

    def make(*kinds: str, shard_sizes: tuple[int, ...] = (500, 500, 500)) -> VoteConfig:
        folders = []
        for number, (kind, size) in enumerate(zip(kinds, shard_sizes, strict=False)):
            am = Path(config.data).parent / f"{number}" / f"{kind}.pt"
            am.parent.mkdir(exist_ok=True)
            am.write_text(f"{kind} {number}")
            folders.append(f"{config.out}-{number}")
            label(replace(config, am=str(am), emissions="", out=folders[-1], shard_size=size))
        return VoteConfig(folders, config.data, out=f"{config.out}-vote", filter=FilterConfig(weight_by=""))

    return make


def texts(folder: str) -> dict[str, str]:
    return {record.id: record.text for record in read_labels(Path(folder) / "labels.jsonl")}


def test_what_cannot_be_compared_is_refused(voters: Callable[..., VoteConfig]) -> None:
    config = voters("right", "confused")
    one, two = config.voters
    for wrong in ([], [one], [one, one]):
        with pytest.raises(XlplError, match="two labellings or more"):
            vote(replace(config, voters=wrong))
    with pytest.raises(XlplError, match=r"min_agreement=7"):
        vote(replace(config, filter=FilterConfig(min_agreement=7)))
    (Path(two) / "shards/00000.json").unlink()
    with pytest.raises(XlplError, match=r"out-1: labels that are not finished"):
        vote(config)
    manifest = read_manifest(config.data, "train", labels=False)
    write_manifest(config.data, "train", Manifest(manifest.root, manifest.utterances[:-1]))
    with pytest.raises(XlplError, match=r"out-0: labels of other utterances"):
        vote(config)
    assert not Path(config.out).exists()


def test_a_vote_over_other_labels_is_not_gone_on_with(voters: Callable[..., VoteConfig]) -> None:
    config = voters("right", "confused")
    vote(config)
    with pytest.raises(XlplError, match=r"made with other settings(.|\n)*voters\.1"):
        vote(replace(config, voters=config.voters[::-1]))
    assert vote(replace(config, voters=config.voters[::-1]), force=True).utterances == 5


def test_most_voices_win_and_records_come_through_unchanged(voters: Callable[..., VoteConfig]) -> None:
    config = voters("confused", "right", "right")
    summary = vote(config)
    assert (
        texts(config.out)
        == texts(config.voters[1])
        == {**dict.fromkeys(PATHS, ""), "one": "Àb B", "three": "B A", "five": "B B Àb"}
    )
    assert texts(config.voters[0])["one"] != "Àb B"
    assert (summary.utterances, summary.kept, summary.words) == (5, 3, 7)
    for chosen, own in zip(
        read_labels(Path(config.out) / "labels.jsonl"),
        read_labels(Path(config.voters[1]) / "labels.jsonl"),
        strict=True,
    ):
        assert replace(chosen, weight=1.0) == replace(own, weight=1.0)
        assert chosen.id != "one" or len(chosen.word_times) == 2
    assert read_manifest(config.out, "train").ids == ["one", "three", "five"]
    facts = read_facts(config.out)
    assert facts
    assert facts.summary
    assert facts.voters
    # the two of the same ears are equally near; of equals the first is taken
    assert [voter.won for voter in facts.voters.values()] == [2, 3, 0]
    assert list(facts.voters) == config.voters
    assert facts.voters[config.voters[1]].trust == pytest.approx(
        sum(record.confidence for record in read_labels(Path(config.voters[1]) / "labels.jsonl")) / 5, abs=1e-6
    )
    assert facts.summary.kept == 3
    assert (Path(config.out) / "dict.ltr.txt").read_text() == (Path(config.voters[1]) / "dict.ltr.txt").read_text()


def test_a_label_with_words_beats_silence(voters: Callable[..., VoteConfig]) -> None:
    config = voters("deaf", "right", "deaf")
    vote(config)
    found = {record.id: record for record in read_labels(Path(config.out) / "labels.jsonl")}
    assert found["one"].text
    assert found["four"].reason == "failed: too short for a frame"


def test_an_empty_split_gives_an_empty_vote(voters: Callable[..., VoteConfig], tmp_path: Path) -> None:
    write_manifest(tmp_path / "data", "train", Manifest(tmp_path, ()))
    config = voters("right", "confused")
    assert vote(config).utterances == 0
    assert read_labels(Path(config.out) / "labels.jsonl") == []


def test_filters_apply_to_what_was_chosen(voters: Callable[..., VoteConfig]) -> None:
    config = voters("right", "confused", "right")
    vote(config)
    shard = Path(config.out) / "shards/00000.jsonl"
    before = shard.stat().st_mtime_ns
    assert vote(replace(config, filter=FilterConfig(min_letters=3, weight_by="confidence"))).kept == 2
    assert shard.stat().st_mtime_ns == before
    assert read_manifest(config.out, "train").ids == ["one", "five"]


def test_a_killed_vote_goes_on_to_the_same_bytes(voters: Callable[..., VoteConfig]) -> None:
    config = replace(voters("right", "confused", "right", shard_sizes=(1, 500, 2)), shard_size=2)
    vote(config)
    files = sorted(file for file in Path(config.out).rglob("*") if file.is_file() and file.name != "provenance.json")
    before = [sha256(file) for file in files]
    facts = read_facts(config.out)
    assert facts
    for name in ("shards/00001.json", "shards/00000.jsonl", "labels.jsonl"):
        (Path(config.out) / name).unlink()
    (Path(config.out) / "shards/.00000.jsonl.x.part").write_text("half")
    vote(config)
    assert [sha256(file) for file in files] == before
    assert not list(Path(config.out).rglob("*.part"))
    again = read_facts(config.out)
    assert again
    assert again.voters == facts.voters


@pytest.mark.parametrize(
    ("records", "trust", "winner"),
    [
        # of two the surer one
        ([record("a b |", 0.3), record("b b |", 0.4)], [1, 1], 1),
        # unless its voter is less sure of all else: 0.3 * 0.5 against 0.4 * 0.3
        ([record("a b |", 0.3), record("b b |", 0.4)], [0.5, 0.3], 0),
        # two that are alike outvote a surer one
        ([record("a b a b |", 0.6), record("b b b b |", 0.9), record("a b a b |", 0.5)], [1, 1, 1], 0),
        # unless it is surer than both together: 0.9 + 0.4 * 2/5 against 0.4 + 0.9 * 2/5
        ([record("a a a b |", 0.2), record("b b b b |", 0.9), record("a a a b |", 0.2)], [1, 1, 1], 1),
        # the one in the middle: 0.5 * (4 + 5 + 4) / 5 against 0.5 * (5 + 4 + 3) / 5
        ([record("a a a a |", 0.5), record("a a a b |", 0.5), record("a a b b |", 0.5)], [1, 1, 1], 1),
        # no words: only where there is nothing else
        ([record("", 0.0), record("a |", 0.01), record("", 0.0)], [1, 0, 1], 1),
        ([record("", 0.0, "unreadable"), record("", 0.0)], [1, 1], 1),
        ([record("", 0.0, "unreadable"), record("", 0.0, "unreadable")], [0, 0], 0),
    ],
)
def test_whose_label_is_taken(records: list[LabelRecord], trust: list[float], winner: int) -> None:
    assert choose_label(records, trust) == winner


@given(st.lists(st.tuples(st.text("ab|", max_size=6), st.floats(0.001, 1)), min_size=1, max_size=5))
def test_another_voice_for_the_winner_leaves_it_the_winner(labels: list[tuple[str, float]]) -> None:
    records = [record(" ".join(units), confidence) for units, confidence in labels]
    winner = records[choose_label(records, [1.0] * len(records))]
    assert bool(winner.words) == any(other.words for other in records)
    again = [winner, *records] if len(labels) % 2 else [*records, winner]
    assert again[choose_label(again, [1.0] * len(again))].units == winner.units


def labels(folder: str) -> dict[str, LabelRecord]:
    """Return the labels without their weights, which filters give them."""
    records = read_labels(Path(folder) / "labels.jsonl")
    return {record.id: replace(record, weight=1.0) for record in records}


def test_voters_of_any_units_agree_on_words(voters: Callable[..., VoteConfig]) -> None:
    config = voters("confused", "cyrillic", "pieces")
    vote(config)
    assert texts(config.out) == texts(config.voters[1]) == texts(config.voters[2])
    assert texts(config.voters[0]) != texts(config.out)
    facts = read_facts(config.out)
    assert facts
    assert facts.voters
    assert [voter.won for voter in facts.voters.values()] == [2, 3, 0]
    assert {voter.unspelled for voter in facts.voters.values()} == {0}


@pytest.mark.parametrize("kind", ["cyrillic", "pieces"])
def test_a_label_in_other_units_is_put_into_the_first_voters(voters: Callable[..., VoteConfig], kind: str) -> None:
    config = voters("confused", kind, kind)
    vote(config)
    chosen, own = labels(config.out)["one"], labels(config.voters[1])["one"]
    assert (chosen.text, chosen.units, chosen.greedy) == ("Àb B", "a b | b |", "a b | b |")
    assert own.units == own.greedy
    assert own.units == {"cyrillic": "а б | б |", "pieces": "\u2581ab \u2581b"}[kind]
    assert chosen.voter == 2
    assert replace(chosen, units=own.units, greedy=own.greedy, starts=own.starts, voter=0) == own
    assert read_manifest(config.out, "train").utterances[0].units == "a b | b |"
    assert (Path(config.out) / "dict.ltr.txt").read_text() == (Path(config.voters[0]) / "dict.ltr.txt").read_text()


def test_a_label_in_the_first_voters_units_is_not_touched(voters: Callable[..., VoteConfig]) -> None:
    config = voters("cyrillic", "pieces", "pieces")
    vote(config)
    assert texts(config.out) == texts(config.voters[0]) == texts(config.voters[1])
    assert labels(config.out) == labels(config.voters[0])
    assert "voter" not in (Path(config.out) / "labels.jsonl").read_text()


def test_a_vote_of_other_units_goes_on_to_the_same_bytes(voters: Callable[..., VoteConfig]) -> None:
    config = replace(voters("confused", "pieces", "cyrillic"), shard_size=2)
    vote(config)
    files = sorted(file for file in Path(config.out).rglob("*") if file.is_file() and file.name != "provenance.json")
    before = [sha256(file) for file in files]
    for name in ("shards/00001.json", "shards/00000.jsonl", "labels.jsonl"):
        (Path(config.out) / name).unlink()
    vote(config)
    assert [sha256(file) for file in files] == before


def test_words_that_the_first_voters_units_cannot_write_are_not_chosen(
    voters: Callable[..., VoteConfig], caplog: pytest.LogCaptureFixture
) -> None:
    config = voters("confused", "right", "right")
    store = ShardStore.existing(config.voters[0], LabelFacts)
    store.note(units=tuple("x" if unit == "a" else unit for unit in store.facts.units or ()))
    vote(config)
    assert texts(config.out) == texts(config.voters[0]) != texts(config.voters[1])
    facts = read_facts(config.out)
    assert facts
    assert facts.voters
    assert [voter.unspelled for voter in facts.voters.values()] == [0, 3, 3]
    assert "out-1: 3 labels cannot be chosen, with words that the units of" in caplog.text


def test_other_units_need_the_lexicon_as_it_was(voters: Callable[..., VoteConfig]) -> None:
    config = voters("right", "cyrillic")
    lexicon = Path(config.data).parent / "lexicon.txt"
    whole = lexicon.read_text()
    lexicon.write_text(whole + "C\tc |\n")
    with pytest.raises(XlplError, match=r"lexicon\.txt: is not as it was"):
        vote(config)
    lexicon.unlink()
    with pytest.raises(XlplError, match=r"lexicon\.txt: no such file"):
        vote(config)
    lexicon.write_text(whole)
    store = ShardStore.existing(config.voters[0], LabelFacts)
    options = store.facts.config
    store.note(config={**options, "decoder": {**options["decoder"], "lexicon": ""}})
    with pytest.raises(XlplError, match=r"out-0: decoded without a lexicon, while other labels are in other units"):
        vote(config)
    assert not Path(config.out).exists()
