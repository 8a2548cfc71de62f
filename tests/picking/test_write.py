"""The folder that goes out: whole or not there, its sound that of the recordings, its parts agreeing."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from picking.conftest import LABELS, Material, pick

from xlpl_plugin.audio.reading import read_audio
from xlpl_plugin.errors import XlplError
from xlpl_plugin.picking.choose import RANDOM
from xlpl_plugin.picking.table import read_corrections, read_table
from xlpl_plugin.picking.write import Picks


def test_the_parts_agree_with_each_other_and_with_the_recordings(picked: Path, material: Material) -> None:
    rows, facts = read_table(picked / "table.tsv"), Picks.read(picked / "picked.json")
    assert [row.id for row in rows] == [one.id for one in facts.picked]
    assert rows[-1].id == "train/3"  # in which nothing was heard
    assert {row.id: (row.label, float(row.confidence)) for row in rows} == {
        **LABELS,
        "train/3": ("", 0.0),
        "train/100% #1?": ("odd", 0.9),
    }
    assert read_corrections(picked / "table.tsv") == {}
    paths = {utterance.id: material.manifest.root / utterance.path for utterance in material.manifest.utterances}
    joined = read_audio(picked / "picked.wav")
    at = 0
    for row in rows:
        sound = read_audio(paths[row.id])
        np.testing.assert_array_equal(read_audio(picked / row.audio), sound)
        np.testing.assert_array_equal(joined[at : at + len(sound)], sound)
        assert float(row.seconds) == pytest.approx(len(sound) / 16_000, abs=0.005)
        at += len(sound) + 8_000
    assert at == len(joined)
    assert facts.picked_seconds == pytest.approx(facts.seconds, abs=0.01)
    assert (facts.utterances, facts.excluded, facts.notes) == (5, 0, ())


def test_names_of_sound_files_suit_any_system(picked: Path) -> None:
    assert (picked / "audio" / "train" / "100% #1_.flac").exists()


def test_what_was_corrected_is_not_picked_again(material: Material, tmp_path: Path) -> None:
    facts = pick(material, tmp_path / "out", exclude={"train/0", "train/3", "unknown"})
    assert facts.excluded == 2
    assert {row.id for row in read_table(tmp_path / "out" / "table.tsv")}.isdisjoint({"train/0", "train/3"})


def test_a_random_draw_says_so(material: Material, tmp_path: Path) -> None:
    facts = pick(material, tmp_path / "out", random=True, seed=3)
    assert {one.reason for one in facts.picked} == {RANDOM}
    assert json.loads((tmp_path / "out" / "picked.json").read_text())["options"]["seed"] == 3


def test_nothing_is_overwritten_unasked_and_what_a_person_saved_stays(material: Material, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pick(material, out)
    (out / "corrected.tsv").write_text("a person's work")
    with pytest.raises(XlplError, match="already holds results"):
        pick(material, out, minutes=0.05)
    assert len(read_table(out / "table.tsv")) == 5
    few = pick(material, out, minutes=0.05, force=True)
    assert len(list((out / "audio").rglob("*.flac"))) == len(few.picked) < 5
    assert (out / "corrected.tsv").read_text() == "a person's work"


def test_a_recording_that_is_gone_leaves_nothing_half_written(material: Material, tmp_path: Path) -> None:
    gone = replace(material.manifest, root=tmp_path / "gone")
    with pytest.raises(XlplError, match="no such file"):
        pick(Material(material.labels, gone), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_labels_of_other_recordings_are_refused(material: Material, tmp_path: Path) -> None:
    other = replace(material.manifest, utterances=material.manifest.utterances[1:])
    with pytest.raises(XlplError, match="'train/0' is none of the recordings"):
        pick(Material(material.labels, other), tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"minutes": 0.0}, "minutes=0"),
        ({"minutes": 0.001}, "of 5 utterances none is left that fits into 0.001 minutes"),
        ({"seed": -1}, "seed=-1"),
        ({"language": "swahilli"}, "unknown language 'swahilli'"),
    ],
)
def test_options_that_cannot_be(material: Material, tmp_path: Path, options: dict[str, object], problem: str) -> None:
    with pytest.raises(XlplError, match=problem):
        pick(material, tmp_path / "out", **options)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_without_pympi_all_but_the_elan_document_is_there(
    material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pympi.Elan", None)
    facts = pick(material, tmp_path / "out")
    assert facts.notes == ("picked.eaf is left out: pip install 'xlpl[linguistics]'",)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "audio", "index.html", "picked.json", "table.tsv",
    ]  # fmt: skip
