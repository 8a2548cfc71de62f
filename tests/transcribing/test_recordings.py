"""Samples of a recording, which lie on the disk where they are many."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from xlpl_plugin.audio.reading import write_audio
from xlpl_plugin.errors import XlplError
from xlpl_plugin.transcribing.recordings import OpenRecording
from xlpl_plugin.transcribing.under_way import Feed


def tone(samples: int) -> np.ndarray:
    return (0.3 * np.sin(np.arange(samples) / 10)).astype(np.float32)


def test_a_short_recording_is_one_span_and_reads_what_was_given(tmp_path: Path) -> None:
    write_audio(tmp_path / "tone.flac", tone(8000))
    for audio in (tmp_path / "tone.flac", str(tmp_path / "tone.flac"), tone(8000)):
        recording = OpenRecording(audio, "tone")
        assert (recording.samples, recording.seconds, recording.spans) == (8000, 0.5, [(0, 8000)])
        assert recording.read(100, 200) == pytest.approx(tone(8000)[100:200], abs=1e-4)
        recording.close()


def test_no_space_for_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "write", full)
    with pytest.raises(XlplError, match=r"disk full(.|\n)*space on the disk"):
        OpenRecording(tone(8000), "tone")


def test_a_feed_names_what_it_cannot_open_and_goes_on(tmp_path: Path) -> None:
    feed = Feed([tmp_path, tmp_path / "gone.wav", tone(8000), tone(1600)])
    [pieces] = feed.shards()
    assert [(piece.id, piece.num_samples) for piece in pieces] == [("3/0", 8000), ("4/0", 1600)]
    assert np.array_equal(feed.read(Path(), pieces[1]), tone(1600))
    found = list(feed.finished())
    assert [one.name for one in found] == [str(tmp_path), str(tmp_path / "gone.wav")]
    assert all(one.error and not one.utterances for one in found)
    feed.close()


def test_recordings_are_gathered_into_shards_of_some_minutes() -> None:
    shards = list(Feed([tone(16_000 * 25)] * 25).shards())
    assert [len(shard) for shard in shards] == [10, 10, 5]
