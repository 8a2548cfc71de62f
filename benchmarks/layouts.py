"""One set of clips, laid out as the corpora of each form are: for `corpora.py` and for the tests of their readers."""

from __future__ import annotations

import csv
import io
import json
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

PARTS = ("train", "dev", "test")
RATE = 16_000
_WORDS = ("red", "green", "blue", "black", "white", "brown", "pink", "grey", "gold", "one", "two", "three", "four")


class Clip(NamedTuple):
    """A recording, what is said in it, by whom, and in which part of its corpus (train, dev or test) it stands."""

    name: str
    audio: Path
    text: str
    speaker: str
    part: str


def make_clips(folder: Path, count: int, seconds: float = 1.2) -> list[Clip]:
    """Write ``count`` clips of noise, with texts that are all different; each speaker stands in one part."""
    folder.mkdir(parents=True)
    noise, words = np.random.default_rng(7), random.Random(7)
    clips = []
    for number in range(count):
        part = PARTS[max(0, number % 6 - 3)]
        speaker = str(100 + number % 6)
        text = " ".join(words.choices(_WORDS, k=2)) + f" {number:06d}".translate(
            {48 + n: chr(97 + n) for n in range(10)}
        )
        clip = Clip(f"{speaker}_7_{number:06d}", folder / f"{number}.flac", text, speaker, part)
        soundfile.write(clip.audio, noise.uniform(-0.2, 0.2, int(seconds * RATE)), RATE)
        clips.append(clip)
    return clips


def folder(root: Path, clips: Sequence[Clip]) -> Path:
    for clip in clips:
        put(clip, root / clip.part / f"{clip.name}.flac")
        (root / clip.part / f"{clip.name}.txt").write_text(clip.text + "\n", encoding="utf-8")
    return root


def table(root: Path, clips: Sequence[Clip]) -> Path:
    rows = [(put(clip, root / "audio" / f"{clip.name}.flac"), clip) for clip in clips]
    cells = [(str(path.relative_to(root)), clip.text, clip.speaker, clip.part) for path, clip in rows]
    return write_rows(root / "recordings.tsv", [("audio", "text", "speaker", "split"), *cells])


def commonvoice(root: Path, clips: Sequence[Clip]) -> Path:
    """The header of release 22."""
    header = "client_id path sentence_id sentence sentence_domain up_votes down_votes age gender accents variant locale"
    rows = [
        (clip.speaker * 8, f"{clip.name}.mp3", f"s{number}", clip.text, "", "2", "0", "", "", "", "", "sw", "")
        for number, clip in enumerate(clips)
    ]
    for clip in clips:
        put(clip, root / "clips" / f"{clip.name}.mp3")
    head = (*header.split(), "segment")
    for part in PARTS:
        own = [row for row, clip in zip(rows, clips, strict=True) if clip.part == part]
        write_rows(root / f"{part}.tsv", [head, *own])
    write_rows(root / "validated.tsv", [head, *rows])
    write_rows(root / "invalidated.tsv", [head, ("x", "bad.mp3", "s", "wrong", *("",) * 9)])
    write_rows(root / "other.tsv", [head])
    return root


def ljspeech(root: Path, clips: Sequence[Clip]) -> Path:
    for clip in clips:
        put(clip, root / "wavs" / f"{clip.name}.wav")
    return write_rows(root / "metadata.csv", [(clip.name, clip.text.upper(), clip.text) for clip in clips], "|").parent


def fleurs(root: Path, clips: Sequence[Clip]) -> Path:
    for part in PARTS:
        own = [clip for clip in clips if clip.part == part]
        for clip in own:
            put(clip, root / "audio" / part / f"{clip.name}.wav")
        # the same sentence is read by several people, so its id repeats
        rows = [("1", f"{c.name}.wav", c.text, c.text, "|".join(c.text), "19200", "FEMALE") for c in own]
        write_rows(root / f"{part}.tsv", rows)
    return root


def mls(root: Path, clips: Sequence[Clip]) -> Path:
    for part in PARTS:
        own = [clip for clip in clips if clip.part == part]
        for clip in own:
            speaker, book, _ = clip.name.split("_")
            put(clip, root / part / "audio" / speaker / book / f"{clip.name}.flac")
        write_rows(root / part / "transcripts.txt", [(clip.name, clip.text) for clip in own])
        write_rows(root / part / "segments.txt", [(clip.name, "http://x/y.mp3", "1.5", "2.7") for clip in own])
    write_rows(root / "metainfo.txt", [("SPEAKER", "GENDER"), ("100", "F")], "|")
    return root


def librispeech(root: Path, clips: Sequence[Clip]) -> Path:
    chapters: dict[Path, list[Clip]] = {}
    for clip in clips:
        speaker, book, number = clip.name.split("_")
        chapter = root / f"{clip.part}-clean" / speaker / book
        put(clip, chapter / f"{speaker}-{book}-{number}.flac")
        chapters.setdefault(chapter / f"{speaker}-{book}.trans.txt", []).append(clip)
    for file, own in chapters.items():
        write_rows(file, [(clip.name.replace("_", "-"), clip.text) for clip in own], " ")
    return root


def voxpopuli(root: Path, clips: Sequence[Clip]) -> Path:
    header = ("id", "raw_text", "normalized_text", "speaker_id", "split", "gender")
    for part in PARTS:
        own = [clip for clip in clips if clip.part == part]
        for clip in own:
            put(clip, root / "2012" / f"2012{clip.name}.ogg")
        rows = [(f"2012{c.name}", "", c.text, c.speaker, part, "male") for c in own]
        write_rows(root / f"asr_{part}.tsv", [header, *rows])
    return root


def kaldi(root: Path, clips: Sequence[Clip]) -> Path:
    """data/train and so on, where each clip is a segment of a recording."""
    for part in PARTS:
        own = [clip for clip in clips if clip.part == part]
        paths = [put(clip, root / "wavs" / f"{clip.name}.flac") for clip in own]
        rows = {
            "wav.scp": [(f"r{clip.name}", str(path)) for clip, path in zip(own, paths, strict=True)],
            "segments": [(clip.name, f"r{clip.name}", "0.00", "1.00") for clip in own],
            "text": [(clip.name, clip.text) for clip in own],
            "utt2spk": [(clip.name, clip.speaker) for clip in own],
        }
        for name, lines in rows.items():
            write_rows(root / "data" / part / name, lines, " ")
    return root / "data"


def lhotse(root: Path, clips: Sequence[Clip]) -> Path:
    """Recordings and supervisions, as lhotse's own recipes write them."""
    from lhotse import Recording, RecordingSet, SupervisionSegment, SupervisionSet

    for part in PARTS:
        recordings, supervisions = [], []
        for clip in (clip for clip in clips if clip.part == part):
            path = put(clip, root / "audio" / f"{clip.name}.flac")
            recordings.append(Recording.from_file(path))
            name, seconds = clip.name, recordings[-1].duration
            supervisions.append(SupervisionSegment(name, name, 0.0, seconds, text=clip.text, speaker=clip.speaker))
        RecordingSet.from_recordings(recordings).to_file(root / f"xx_recordings_{part}.jsonl.gz")
        SupervisionSet.from_segments(supervisions).to_file(root / f"xx_supervisions_{part}.jsonl.gz")
    return root


def audiofolder(root: Path, clips: Sequence[Clip]) -> Path:
    """Hugging Face's audio folder, with one table for all parts."""
    rows = [("file_name", "transcription", "speaker_id")]
    for clip in clips:
        path = put(clip, root / clip.part / f"{clip.name}.flac")
        rows.append((str(path.relative_to(root)), clip.text, clip.speaker))
    return write_rows(root / "metadata.csv", rows, ",").parent


def parquet(root: Path, clips: Sequence[Clip]) -> Path:
    """Hugging Face's parquet files, with the audio inside."""
    import pyarrow
    from pyarrow import parquet

    (root / "data").mkdir(parents=True)
    for part, name in zip(PARTS, ("train", "validation", "test"), strict=True):
        own = [clip for clip in clips if clip.part == part]
        columns = {
            "audio": [{"bytes": clip.audio.read_bytes(), "path": f"{clip.name}.flac"} for clip in own],
            "transcription": [clip.text for clip in own],
            "speaker_id": [int(clip.speaker) for clip in own],
            "gender": [0 for _ in own],
        }
        file = root / "data" / f"{name}-00000-of-00001.parquet"
        parquet.write_table(pyarrow.table(columns), file, row_group_size=64)
    return root


# a layout, and the name of the form that it belongs to
LAYOUTS: dict[Callable[[Path, Sequence[Clip]], Path], str] = {
    **{layout: layout.__name__ for layout in (folder, table, commonvoice, ljspeech, fleurs, mls, librispeech)},
    **{layout: layout.__name__ for layout in (voxpopuli, kaldi, lhotse)},
    audiofolder: "huggingface",
    parquet: "huggingface",
}


def put(clip: Clip, path: Path) -> Path:
    """Write a clip's audio to ``path``, in the form of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == clip.audio.suffix:
        os.link(clip.audio, path)
    else:
        soundfile.write(path, *soundfile.read(clip.audio))
    return path


def write_rows(file: Path, rows: Sequence[Sequence[str]], separator: str = "\t") -> Path:
    """Write rows of cells; CSV is quoted where it must be, other tables are plain."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if separator == ",":
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows(rows)
        file.write_text(stream.getvalue(), encoding="utf-8")
    else:
        file.write_text("".join(separator.join(row) + "\n" for row in rows), encoding="utf-8")
    return file


def write_objects(file: Path, rows: Sequence[object]) -> Path:
    """Write JSON lines."""
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return file
