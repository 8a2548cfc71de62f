"""lhotse's manifests (cuts, or recordings and supervisions), and so every corpus that lhotse prepares."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xlpl_plugin.data.corpora.listing import Listing, Place, error_at, first_line, part_of, resolve_below
from xlpl_plugin.data.items import Item
from xlpl_plugin.extras import optional_module

_ENDINGS = (".jsonl", ".jsonl.gz")
_RECORDINGS, _SUPERVISIONS = "recordings", "supervisions"
# lhotse rounds durations
_SAME_SECONDS = 0.01


def recognise(source: Path) -> str:
    """Say what makes ``source`` a manifest of lhotse, or a folder of them; '' if it is none."""
    if source.is_file():
        if source.name.endswith(".jsonl.gz"):
            return "a .jsonl.gz file"
        return "a .jsonl file of cuts" if source.suffix == ".jsonl" and _is_cut(first_line(source)) else ""
    manifests = _manifests(source)
    return manifests[0].name if manifests else ""


def read(source: Path, listing: Listing) -> None:
    """List the supervisions, each with its stretch of the recording, and the cuts without any.

    Parts are those in the names of the files, such as ``sw_supervisions_train.jsonl.gz``.

    Raises:
        XlplError: lhotse is not installed; a manifest that it cannot read; cuts that are no stretch of one recording;
            sound that does not lie in a file as it is to be heard (commands, addresses, transforms).
    """
    for manifest in [source] if source.is_file() else _manifests(source):
        if _SUPERVISIONS in manifest.name:
            _read_supervisions(manifest, listing)
        else:
            _read_cuts(manifest, listing)


def _is_cut(line: str) -> bool:
    try:
        row = json.loads(line)
    except ValueError:
        return False
    return isinstance(row, dict) and str(row.get("type")).endswith("Cut")


def _manifests(folder: Path) -> list[Path]:
    """Return the supervisions whose recordings stand beside them; where there are none, the cuts."""
    if not folder.is_dir():
        return []
    files = sorted(file for file in folder.iterdir() if file.name.endswith(_ENDINGS) and not file.name.startswith("."))
    pairs = [file for file in files if _SUPERVISIONS in file.name and _recordings_of(file).is_file()]
    return pairs or [file for file in files if "cuts" in file.name]


def _recordings_of(supervisions: Path) -> Path:
    return supervisions.with_name(supervisions.name.replace(_SUPERVISIONS, _RECORDINGS))


def _read_supervisions(manifest: Path, listing: Listing) -> None:
    recordings = {recording.id: (recording, place) for place, recording in _load(_recordings_of(manifest))}
    heard, split = set(), _split(manifest)
    for place, segment in _load(manifest):
        if segment.recording_id not in recordings:
            raise error_at(place, f"no recording {segment.recording_id!r}", f"one of {_recordings_of(manifest)}")
        heard.add(segment.recording_id)
        recording, _ = recordings[segment.recording_id]
        listing.add(_item(segment, recording, 0.0, place), place, split)
    if silent := len(recordings) - len(heard):
        listing.passed_over["recordings without a supervision"] += silent


def _read_cuts(manifest: Path, listing: Listing) -> None:
    split = _split(manifest)
    for place, cut in _load(manifest):
        if type(cut).__name__ != "MonoCut" or not cut.has_recording:
            kind = type(cut).__name__ if type(cut).__name__ != "MonoCut" else "cut without a recording"
            raise error_at(place, f"a {kind}", "MonoCut, with its recording", "leave it out, or save the cut's audio")
        for segment in cut.supervisions:
            listing.add(_item(segment, cut.recording, cut.start, place), place, split)
        if not cut.supervisions:
            audio, channel = _sound(cut.recording, cut.channel, place)
            end = _end(cut.end, cut.start, cut.recording)
            listing.add(Item(cut.id, audio, None, "", "", cut.start, end, channel), place, split)


def _split(manifest: Path) -> str:
    """Return the part in a manifest's name: CORPUS_supervisions_PART.jsonl.gz, where a corpus may be called a test."""
    name = manifest.name.removesuffix(".gz").removesuffix(".jsonl")
    after = re.split("supervisions|cuts", name)[-1]
    return after if part_of(after) else name


def _item(segment: Any, recording: Any, offset: float, place: Place) -> Item:
    audio, channel = _sound(recording, segment.channel, place)
    start = max(0.0, offset + segment.start)
    end = _end(offset + segment.end, start, recording)
    return Item(segment.id, audio, segment.text or None, "", segment.speaker or "", start, end, channel)


def _end(end: float, start: float, recording: Any) -> float | None:
    """Return the end of a stretch; None where the stretch is the recording."""
    return None if start == 0 and abs(end - recording.duration) < _SAME_SECONDS else end


def _sound(recording: Any, channels: int | list[int], place: Place) -> tuple[Path, int | None]:
    """Return the file that holds these channels of a recording, and which of its own it is; None: all it has."""
    if recording.transforms:
        raise error_at(place, f"{recording.id} is changed when it is read", "a recording without transforms")
    wanted = {channels} if isinstance(channels, int) else set(channels)
    for source in recording.sources:
        if wanted <= set(source.channels):
            if source.type != "file":
                expected = "a file of its own"
                raise error_at(place, f"{recording.id} is of type {source.type!r}", expected, "save the audio to files")
            all_of_it = wanted == set(source.channels)
            if len(wanted) == 1 or all_of_it:
                own = None if all_of_it else source.channels.index(next(iter(wanted)))
                return resolve_below(source.source, place.file.parent), own
    raise error_at(
        place, f"no file of {recording.id} with channels {sorted(wanted)}", "one channel, or all of one file"
    )


def _load(manifest: Path) -> Iterator[tuple[Place, Any]]:
    """Yield what a manifest holds with its line, one object at a time."""
    lhotse = optional_module("lhotse.serialization", "lhotse", "a manifest of lhotse", manifest)
    line = 0
    try:
        for line, found in enumerate(lhotse.load_manifest_lazy(manifest) or (), start=1):
            yield Place(manifest, line), found
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError, OSError, EOFError) as error:
        problem = f"lhotse cannot read it: {type(error).__name__}: {error}"
        expected = "cuts, recordings or supervisions as JSON lines"
        raise error_at(Place(manifest, line + 1), problem, expected) from error
