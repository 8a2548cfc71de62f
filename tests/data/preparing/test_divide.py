"""Speakers and parts: known speakers stand in one, and where that cannot be, it is said."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import pytest
from support.preparing import hiss, run, save

from xlpl_plugin.data.items import Item
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.data.preparing.divide import Divisible, Division, divide
from xlpl_plugin.data.preparing.settings import PrepareOptions
from xlpl_plugin.data.segments import Speakers

OPTIONS = PrepareOptions()


def utterances(speakers: dict[str, str], sentences: dict[str, str] | None = None, **more: dict[str, str]) -> Divisible:
    texts = [[(sentences or {}).get(name, name)] for name in speakers]
    values = {key: [more.get(key, {}).get(name, "") for name in speakers] for key in ("recordings", "fixed")}
    return Divisible([*speakers], texts, [100] * len(speakers), [*speakers.values()], **values)


def divided(speakers: dict[str, str], division: Division) -> dict[str, str]:
    """Return the part of each utterance by its id."""
    return dict(zip(speakers, division.parts, strict=True))


def spoken(people: int, each: int) -> dict[str, str]:
    return {f"{who}-{n}": f"s{who}" for who in range(people) for n in range(each)}


def parts_of(speakers: dict[str, str], parts: dict[str, str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for name, who in speakers.items():
        if who:
            found[who].add(parts[name])
    return found


def test_no_speaker_is_in_two_parts_and_shares_are_about_right() -> None:
    speakers = spoken(60, 20) | {f"nobody-{n}": "" for n in range(50)}
    division = divide(utterances(speakers), OPTIONS)
    assert all(len(found) == 1 for found in parts_of(speakers, divided(speakers, division)).values())
    counts = {part: list(division.parts).count(part) / len(speakers) for part in ("test", "valid")}
    assert counts == pytest.approx({"test": 0.2, "valid": 0.05}, abs=0.02)
    assert division.notes == ()


@pytest.mark.parametrize("people", [1, 2, 3])
def test_too_few_speakers_are_divided_by_sentence_and_that_is_said(people: int) -> None:
    speakers = spoken(people, 300 // people)
    division = divide(utterances(speakers), OPTIONS)
    alone = divide(utterances(dict.fromkeys(speakers, "")), OPTIONS)
    assert list(division.parts) == list(alone.parts)
    assert len(division.notes) == 1
    assert f"{people} of {people} speakers stand in two parts" in division.notes[0]


def test_speakers_of_the_same_prompts_are_divided_by_sentence() -> None:
    speakers = spoken(50, 20)
    sentences = {name: f"prompt {name.split('-')[1]}" for name in speakers}
    division = divide(utterances(speakers, sentences), OPTIONS)
    where = defaultdict(set)
    for name, sentence in sentences.items():
        where[sentence].add(divided(speakers, division)[name])
    assert all(len(found) == 1 for found in where.values())
    assert "speakers stand in two parts" in division.notes[0]


def test_the_corpus_own_division_wins_and_what_it_shares_is_told() -> None:
    speakers = {"a": "ana", "b": "ana", "c": "ben", "d": ""}
    fixed = {"a": "train", "b": "test", "c": "valid", "d": "train"}
    division = divide(utterances(speakers, {"a": "hello", "c": "hello"}, fixed=fixed), OPTIONS)
    assert divided(speakers, division) == fixed
    assert division.notes == (
        "the corpus's own division has 1 of 3 sentences in two parts",
        "the corpus's own division has 1 of 2 speakers in two parts",
    )


def test_the_order_of_the_utterances_does_not_matter() -> None:
    speakers = spoken(40, 5)
    shuffled = list(speakers)
    random.Random(1).shuffle(shuffled)
    others = {name: speakers[name] for name in shuffled}
    again = divided(others, divide(utterances(others), OPTIONS))
    assert again == divided(speakers, divide(utterances(speakers), OPTIONS))
    assert again != divided(speakers, divide(utterances(speakers), PrepareOptions(seed=2)))


def test_pieces_stay_with_their_recording() -> None:
    speakers = dict.fromkeys(spoken(30, 10), "")
    recordings = {name: name.split("-")[0] for name in speakers}
    division = divide(utterances(speakers, recordings=recordings), OPTIONS)
    where = defaultdict(set)
    for name, recording in recordings.items():
        where[recording].add(divided(speakers, division)[name])
    assert all(len(found) == 1 for found in where.values())


def test_a_prepared_folder_tells_its_speakers(tmp_path: Path) -> None:
    audio = save(tmp_path / "a.wav", hiss(1))
    items = [Item(f"{who}-{n}", audio, speaker=f"speaker {who}") for who in range(10) for n in range(4)]
    report = run([*items, Item("unknown", audio)], tmp_path / "out", test=0.2, valid=0.1)
    speakers = Speakers.read(tmp_path / "out").of
    assert speakers == {item.id: item.speaker for item in items}
    for part in report.parts:
        ids = read_manifest(tmp_path / "out", part.part).ids
        assert part.speakers == len({speakers[name] for name in ids if name != "unknown"})
    assert sum(part.speakers for part in report.parts) == 10
    assert report.notes == ()


def test_a_corpus_division_without_valid_is_kept_whole(tmp_path: Path) -> None:
    audio = save(tmp_path / "a.wav", hiss(1))
    items = [Item(f"{part}{n}", audio, part=part) for part in ("train", "test") for n in range(3)]
    run(items, tmp_path / "out")
    assert read_manifest(tmp_path / "out", "test").ids == ["test0", "test1", "test2"]
    assert not (tmp_path / "out" / "valid.tsv").exists()
