"""Each form of corpora: recognised by itself and by name, its parts and speakers, and prepared through the verb."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.layouts import layouts

from xlpl_plugin.cli.prepare_manifest import command
from xlpl_plugin.data.checking.check import check_folder
from xlpl_plugin.data.corpora.forms import FORMS, read_corpus
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.errors import XlplError

Layout = Callable[[Path, list[Any]], Path]
ROOT = Path(__file__).parents[3]
OURS = {"train": "train", "dev": "valid", "test": "test"}
WITHOUT_PARTS = {"ljspeech"}
WITHOUT_SPEAKERS = {"folder", "ljspeech", "fleurs"}

each_layout = pytest.mark.parametrize("layout", list(layouts.LAYOUTS), ids=lambda layout: layout.__name__)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    return layouts.make_clips(tmp_path_factory.mktemp("made") / "clips", 12)


def texts(items: Any) -> list[str]:
    return sorted(item.text for item in items)


@each_layout
def test_is_recognised_and_read_whole(layout: Layout, clips: list[Any], tmp_path: Path) -> None:
    source = layout(tmp_path / "corpus", clips)
    form = layouts.LAYOUTS[layout]
    guessed = read_corpus(source, work=tmp_path / "work")
    assert guessed.form == form
    assert f"read as {form}: " in guessed.notes[0]
    assert texts(guessed.items) == sorted(clip.text for clip in clips)
    assert {item.part for item in guessed.items} == {""}
    assert all(item.audio.is_file() for item in guessed.items)
    named = read_corpus(source, work=tmp_path / "work", form=form)
    assert [item.text for item in named.items] == [item.text for item in guessed.items]
    assert not any("read as" in note for note in named.notes)


@each_layout
def test_speakers(layout: Layout, clips: list[Any], tmp_path: Path) -> None:
    corpus = read_corpus(layout(tmp_path / "corpus", clips), work=tmp_path / "work")
    known = {item.text: item.speaker for item in corpus.items}
    if layouts.LAYOUTS[layout] in WITHOUT_SPEAKERS:
        assert set(known.values()) == {""}
    else:
        assert all(clip.speaker in known[clip.text] for clip in clips)
        assert len(set(known.values())) == len({clip.speaker for clip in clips})


@each_layout
def test_own_division_of_the_corpus(layout: Layout, clips: list[Any], tmp_path: Path) -> None:
    source = layout(tmp_path / "corpus", clips)
    if layouts.LAYOUTS[layout] in WITHOUT_PARTS:
        with pytest.raises(XlplError, match="has no parts of its own"):
            read_corpus(source, work=tmp_path / "work", division="corpus")
        return
    corpus = read_corpus(source, work=tmp_path / "work", division="corpus")
    assert {item.text: item.part for item in corpus.items} == {clip.text: OURS[clip.part] for clip in clips}


@each_layout
def test_prepared_folder_is_in_order(layout: Layout, clips: list[Any], tmp_path: Path) -> None:
    source = layout(tmp_path / "corpus", clips)
    division = "own" if layouts.LAYOUTS[layout] in WITHOUT_PARTS else "corpus"
    shares = ["--valid", "0", "--test", "0"] if division == "own" else []
    words = [str(source), "--division", division, "--language", "en", "--workers", "1", *shares]
    done = CliRunner().invoke(command, [*words, "--out", str(tmp_path / "out")], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert f"read as {layouts.LAYOUTS[layout]}" in done.output
    report = check_folder(tmp_path / "out", workers=1)
    assert not report.findings
    assert sum(count for count, _ in report.splits.values()) == len(clips)
    wanted = sorted(clip.text for clip in clips if division == "own" or clip.part == "train")
    assert sorted(row.words for row in read_manifest(tmp_path / "out", "train").utterances) == wanted
    assert not list(tmp_path.glob(".corpus.*"))


def test_unknown_form(tmp_path: Path) -> None:
    with pytest.raises(XlplError, match="unknown form 'comonvoice'") as caught:
        read_corpus(tmp_path, work=tmp_path, form="comonvoice")
    assert caught.value.remedy == "--form commonvoice?"
    assert all(form in str(caught.value) for form in FORMS)


def test_named_form_that_it_is_not(tmp_path: Path) -> None:
    with pytest.raises(XlplError, match=r"is no corpus of the form kaldi\n.*wav.scp"):
        read_corpus(tmp_path, work=tmp_path, form="kaldi")


def test_nothing_recognised(tmp_path: Path) -> None:
    (tmp_path / "talk.docx").write_text("speech")
    with pytest.raises(XlplError, match="no form of corpus is recognised") as caught:
        read_corpus(tmp_path / "talk.docx", work=tmp_path)
    assert all(form.about in str(caught.value) for form in FORMS.values())
    with pytest.raises(XlplError, match=r"lists no recordings \(read as folder; passed over: 1 .docx"):
        read_corpus(tmp_path, work=tmp_path)


def test_two_forms_in_one_folder(clips: list[Any], tmp_path: Path) -> None:
    layouts.ljspeech(tmp_path, clips)
    layouts.kaldi(tmp_path, clips)
    (tmp_path / "data" / "train" / "wav.scp").rename(tmp_path / "wav.scp")
    with pytest.raises(XlplError, match=r"could be several forms: ljspeech: .*kaldi: ") as caught:
        read_corpus(tmp_path, work=tmp_path / "work")
    assert "--form NAME" in str(caught.value)


def test_folder_that_holds_nothing_but_the_corpus(clips: list[Any], tmp_path: Path) -> None:
    layouts.commonvoice(tmp_path / "in" / "cv-corpus-22.0" / "sw", clips)
    assert read_corpus(tmp_path / "in", work=tmp_path / "work").form == "commonvoice"


def test_missing_recordings_are_listed(clips: list[Any], tmp_path: Path) -> None:
    """What happens with them is decided when they are prepared."""
    source = layouts.voxpopuli(tmp_path / "corpus", clips)
    for sound in source.rglob("*.ogg"):
        sound.unlink()
    corpus = read_corpus(source, work=tmp_path / "work")
    assert texts(corpus.items) == sorted(clip.text for clip in clips)


def test_one_page_describes_every_form() -> None:
    page = (ROOT / "docs" / "corpora.md").read_text(encoding="utf-8")
    assert [line.split()[1].strip("`") for line in page.splitlines() if line.startswith("## `")] == list(FORMS)
