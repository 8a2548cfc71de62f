"""The readers of fixed tables: LJ Speech, FLEURS, MLS, LibriSpeech, VoxPopuli."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.layouts import layouts

from xlpl_plugin.data.corpora.forms import read_corpus
from xlpl_plugin.errors import XlplError


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    return layouts.make_clips(tmp_path_factory.mktemp("made") / "clips", 6, seconds=0.1)


def read(source: Path, **options: Any) -> Any:
    return read_corpus(source, work=source / "work", **options)


def append(file: Path, line: str) -> None:
    file.write_text(file.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")


def test_ljspeech_of_two_columns(clips: list[Any], tmp_path: Path) -> None:
    layouts.ljspeech(tmp_path, clips)
    append(tmp_path / "metadata.csv", 'x.wav|"two" columns')
    append(tmp_path / "metadata.csv", "y|not normalised|")
    assert [item.text for item in read(tmp_path).items[-2:]] == ['"two" columns', "not normalised"]
    assert read(tmp_path).items[-2].audio == tmp_path / "wavs" / "x.wav"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("x,some text,some text", "metadata.csv:7: 1 cells"),
        ("x|a|b|c", "metadata.csv:7: 4 cells"),
        ("../x|a", "metadata.csv:7: unusable id '../x'"),
        ("|a", "metadata.csv:7: unusable id ''"),
        ("100_7_000000|a", "metadata.csv:7: duplicate id '100_7_000000', first on line 1"),
    ],
)
def test_bad_ljspeech(clips: list[Any], tmp_path: Path, line: str, complaint: str) -> None:
    layouts.ljspeech(tmp_path, clips)
    append(tmp_path / "metadata.csv", line)
    with pytest.raises(XlplError) as caught:
        read(tmp_path)
    assert complaint in str(caught.value)
    assert ("seem to be parted by ','" in str(caught.value)) == ("," in line)


def test_ljspeech_with_the_wrong_separator_or_no_recordings(clips: list[Any], tmp_path: Path) -> None:
    layouts.ljspeech(tmp_path, clips)
    table = tmp_path / "metadata.csv"
    table.write_text(table.read_text().replace("|", ";"))
    with pytest.raises(XlplError, match=r"metadata.csv:1: 1 cells(.|\n)*parted by ';': part them by '\|'"):
        read(tmp_path)
    table.write_text(table.read_text().replace(";", "|"))
    (tmp_path / "wavs").rename(tmp_path / "sounds")
    with pytest.raises(XlplError, match="has no folder wavs"):
        read(tmp_path)


def test_fleurs(clips: list[Any], tmp_path: Path) -> None:
    layouts.fleurs(tmp_path, clips)
    append(tmp_path / "dev.tsv", '1\t99.wav\t"No," he said, 3.5 \tno he said 3.5\tn o\t1600\tMALE')
    append(tmp_path / "dev.tsv", "2\t98.wav\t\tplain\tp l\t1600\tMALE")
    found = {item.id: item for item in read(tmp_path).items}
    raw, plain = found["99"], found["98"]
    assert (raw.id, raw.text, raw.audio) == ("99", '"No," he said, 3.5', tmp_path / "audio/dev/99.wav")
    assert plain.text == "plain"
    (tmp_path / "audio" / "test").rename(tmp_path / "test")
    assert all(item.audio.is_file() for item in read(tmp_path, division="corpus").items if item.part == "test")
    (tmp_path / "dev.tsv").unlink()
    assert "there is no dev.tsv" in read(tmp_path).notes
    append(tmp_path / "train.tsv", "1\tx.wav\tone")
    with pytest.raises(XlplError, match=r"train.tsv:5: 3 cells"):
        read(tmp_path)


def test_mls_of_opus_files(clips: list[Any], tmp_path: Path) -> None:
    layouts.mls(tmp_path, clips)
    for sound in tmp_path.rglob("*.flac"):
        sound.rename(sound.with_suffix(".opus"))
    (tmp_path / "train" / "limited_supervision").mkdir()
    corpus = read(tmp_path)
    assert all(item.audio.suffix == ".opus" and item.audio.is_file() for item in corpus.items)
    assert corpus.items[0].audio.parent == tmp_path / "dev" / "audio" / "104" / "7"
    append(tmp_path / "dev" / "transcripts.txt", "1_2_3 without a tab")
    with pytest.raises(XlplError, match=r"dev/transcripts.txt:2: cannot read the line '1_2_3 without"):
        read(tmp_path)


def test_one_part_of_librispeech(clips: list[Any], tmp_path: Path) -> None:
    layouts.librispeech(tmp_path, clips)
    items = read(tmp_path / "dev-clean", division="corpus").items
    assert [(item.id, item.speaker, item.part) for item in items] == [("104-7-000004", "104", "valid")]
    append(tmp_path / "dev-clean" / "104" / "7" / "104-7.trans.txt", "no id")
    with pytest.raises(XlplError, match=r"104-7.trans.txt:2: cannot read the line 'no id'"):
        read(tmp_path)


def test_voxpopuli_by_pieces_of_the_archive(clips: list[Any], tmp_path: Path) -> None:
    layouts.voxpopuli(tmp_path, clips)
    (tmp_path / "2012").rename(tmp_path / "train_part_0")
    append(tmp_path / "asr_dev.tsv", "20130101-x\tRaw 1.\t\tNone\tdev\tmale")
    corpus = read(tmp_path)
    assert sum(item.audio.is_file() for item in corpus.items) == 6
    item = next(item for item in corpus.items if item.id == "20130101-x")
    assert (item.text, item.speaker, item.audio) == ("Raw 1.", "", tmp_path / "2013" / "20130101-x.ogg")
    append(tmp_path / "asr_dev.tsv", "x\ty")
    with pytest.raises(XlplError, match=r"asr_dev.tsv:4: 2 cells\n  expected: 6"):
        read(tmp_path)


def test_annotations_of_voxpopuli(clips: list[Any], tmp_path: Path) -> None:
    """asr_sl.tsv, from which the recordings were cut, lists all parts, and rows of none."""
    head = "session_id|id_|original_text|normed_text|speaker_id|split|gender"
    rows = ["2012s|7_1|Raw|norm|12|train|male", "2012s|7_2|Raw 2||12||male"]
    (tmp_path / "asr_sl.tsv").write_text("\n".join([head, *rows]) + "\n")
    corpus = read(tmp_path, division="corpus")
    assert [(item.id, item.text, item.part) for item in corpus.items] == [("2012s-7_1", "norm", "train")]
    assert corpus.passed_over == {"rows of no part (asr_sl)": 1}
