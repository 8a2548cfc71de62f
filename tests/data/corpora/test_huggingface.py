"""Hugging Face data sets: audio folders, and parquet files written by pyarrow."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
import soundfile

from xlpl_plugin.data.corpora.forms import read_corpus
from xlpl_plugin.data.corpora.listing import Corpus
from xlpl_plugin.errors import XlplError


def sound(form: str = "WAV") -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, np.full(1600, 0.1), 16_000, format=form)
    return stream.getvalue()


def write(file: Path, **columns: Any) -> Path:
    from pyarrow import parquet

    file.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.table(columns), file)
    return file


def audio(*names: str | None, form: str = "WAV") -> list[dict[str, Any]]:
    return [{"bytes": sound(form), "path": name} for name in names]


def read(source: Path, work: Path, division: Any = "own") -> Corpus:
    return read_corpus(source, work=work, division=division)


def test_audio_is_written_into_the_work_folder(tmp_path: Path) -> None:
    file = write(tmp_path / "in" / "x.parquet", audio=audio("d/a.wav", "b.wav"), sentence=["one", None], age=[1, 2])
    corpus = read(file, tmp_path / "work")
    assert corpus.unpacked
    assert [(item.id, item.text) for item in corpus.items] == [("a", "one"), ("b", None)]
    assert [item.audio for item in corpus.items] == [tmp_path / "work" / "a.wav", tmp_path / "work" / "b.wav"]
    assert corpus.items[0].audio.read_bytes() == sound()
    assert "columns passed over: age" in corpus.notes


def test_names_that_repeat_or_lack(tmp_path: Path) -> None:
    rows = [*audio("audio.flac", "audio.flac", form="FLAC"), *audio(None), *audio(None, form="OGG")]
    items = read(write(tmp_path / "in" / "x.parquet", audio=rows), tmp_path / "work").items
    assert [item.audio.name for item in items] == ["audio.flac", "x-000002.flac", "x-000003.wav", "x-000004.ogg"]
    assert [item.id for item in items] == ["audio", "x-000002", "x-000003", "x-000004"]
    assert all(item.audio.is_file() for item in items)


def test_audio_that_is_only_named(tmp_path: Path) -> None:
    rows = [{"bytes": None, "path": "wavs/a.wav"}, {"bytes": b"", "path": "b.wav"}]
    file = write(tmp_path / "x.parquet", audio=pyarrow.array(rows, HF_AUDIO))
    items = read(file, tmp_path / "work").items
    assert items[0].audio == tmp_path / "wavs" / "a.wav"
    assert items[1].audio.read_bytes() == b""


HF_AUDIO = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])


def test_parts_in_folders(tmp_path: Path) -> None:
    write(tmp_path / "in" / "train" / "0000.parquet", audio=audio("a.wav"))
    write(tmp_path / "in" / "validation" / "0000.parquet", audio=audio("b.wav"))
    items = read(tmp_path / "in", tmp_path / "work", "corpus").items
    assert [(item.id, item.part) for item in items] == [("a", "train"), ("b", "valid")]


def test_configurations_side_by_side(tmp_path: Path) -> None:
    write(tmp_path / "in" / "sw_ke" / "train-0.parquet", audio=audio("a.wav"))
    write(tmp_path / "in" / "en_us" / "train-0.parquet", audio=audio("b.wav"))
    with pytest.raises(XlplError, match="parquet files in 2 folders: en_us, sw_ke"):
        read(tmp_path / "in", tmp_path / "work")
    assert [item.id for item in read(tmp_path / "in" / "sw_ke", tmp_path / "work").items] == ["a"]


def test_bad_parquet_files(tmp_path: Path) -> None:
    work = tmp_path / "work"
    with pytest.raises(XlplError, match=r"x.parquet: no column of audio\n  expected: .*beside text"):
        read(write(tmp_path / "x.parquet", text=["one"]), work)
    with pytest.raises(XlplError, match=r"x.parquet: 2 columns of audio"):
        read(write(tmp_path / "x.parquet", a=audio("a"), b=audio("b")), work)
    with pytest.raises(XlplError, match=r"columns 'sentence' and 'transcription'"):
        read(write(tmp_path / "x.parquet", a=audio("a"), sentence=["x"], transcription=["x"]), work)
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(XlplError, match=r"x.parquet: cannot be read"):
        read(tmp_path / "x.parquet", work)


def test_audio_folders_with_a_table_in_each_part(tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / "data" / part).mkdir(parents=True)
        (tmp_path / "data" / part / "metadata.jsonl").write_text(f'{{"file_name": "{part}.wav", "text": "{part}"}}\n')
    corpus = read(tmp_path / "data", tmp_path / "work", "corpus")
    assert [(item.id, item.text, item.part) for item in corpus.items] == [
        ("test", "test", "test"),
        ("train", "train", "train"),
    ]
    assert corpus.items[0].audio == tmp_path / "data" / "test" / "test.wav"


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "x.parquet", audio=audio("a.wav"))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(XlplError, match=r"pyarrow cannot be imported(.|\n)*pip install 'xlpl\[parquet\]'"):
        read(file, tmp_path / "work")
