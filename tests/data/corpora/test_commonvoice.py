"""Common Voice: plain tables, confirmed transcripts alone, and the official parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.layouts import layouts

from xlpl_plugin.data.corpora.forms import read_corpus
from xlpl_plugin.errors import XlplError


@pytest.fixture
def release(tmp_path: Path) -> Path:
    clips = layouts.make_clips(tmp_path / "made", 6, seconds=0.1)
    return layouts.commonvoice(tmp_path / "sw", clips)


def add_row(table: Path, **values: str) -> None:
    names = table.read_text().splitlines()[0].split("\t")
    with table.open("a") as stream:
        stream.write("\t".join(values.get(name, "") for name in names) + "\n")


def read(release: Path, **options: Any) -> Any:
    return read_corpus(release, work=release / "work", **options)


def test_quotes_and_empty_sentences(release: Path) -> None:
    add_row(release / "validated.tsv", client_id="x", path="q.mp3", sentence='"Hello, world!')
    add_row(release / "validated.tsv", path="e.mp3")
    add_row(release / "validated.tsv", client_id="y", path="old")
    corpus = read(release)
    found = {item.id: item for item in corpus.items}
    assert found["q"].text == '"Hello, world!'
    assert (found["e"].text, found["e"].speaker) == (None, "")
    # the first releases name clips without their suffix
    assert found["old"].audio == release / "clips" / "old.mp3"
    assert "no speaker in 1 of 9 rows" in corpus.notes


def test_what_is_left_out_is_counted(release: Path) -> None:
    assert read(release).passed_over == {"rows of invalidated.tsv": 1}
    add_row(release / "validated.tsv", client_id="x", path="q.mp3", sentence="more")
    corpus = read(release, division="corpus")
    assert corpus.passed_over == {"rows of invalidated.tsv": 1, "rows of validated.tsv in no part": 1}
    assert len(corpus.items) == 6


def test_a_table_that_is_named_itself(release: Path) -> None:
    add_row(release / "other.tsv", client_id="x", path="q.mp3", sentence="more")
    corpus = read(release / "other.tsv")
    assert (corpus.form, [item.id for item in corpus.items]) == ("commonvoice", ["q"])


def test_without_validated_table_the_parts_are_read(release: Path) -> None:
    (release / "validated.tsv").unlink()
    assert len(read(release).items) == 6


def test_without_clips(release: Path) -> None:
    (release / "clips").rename(release / "mp3")
    with pytest.raises(XlplError, match="sw: has no folder clips") as caught:
        read(release)
    assert "unpack" in str(caught.value.remedy)


def test_one_clip_in_two_parts(release: Path) -> None:
    row = (release / "train.tsv").read_text().splitlines()[1]
    (release / "dev.tsv").write_text((release / "dev.tsv").read_text() + row + "\n")
    with pytest.raises(XlplError, match=r"dev.tsv:3: duplicate id '100_7_000000', first in .*train.tsv:2"):
        read(release, division="corpus")
