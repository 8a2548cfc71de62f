"""Speech in long recordings: all of it is found, little else, and pieces have the length that a model learns from."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.long_recording import LongRecording, music, noise, record, say, silence

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.speech_activity import Cutting, Span, detector, find_speech, pieces_of_speech

CUTTING = Cutting()


def pieces_of(samples: npt.NDArray[np.float32]) -> list[Span]:
    return find_speech(lambda start, end: samples[start:end], len(samples))


def mask(spans: list[Span], total: int) -> npt.NDArray[np.bool_]:
    inside = np.zeros(total, bool)
    for start, end in spans:
        inside[start:end] = True
    return inside


def check_form(pieces: list[Span], total: int) -> None:
    """Pieces lie in the recording, in order, do not overlap, and last 1 to 20 seconds."""
    assert all(start >= 0 and end <= total for start, end in pieces)
    assert all(first[1] <= second[0] for first, second in pairwise(pieces))
    lengths = [(end - start) / SAMPLE_RATE for start, end in pieces]
    assert all(CUTTING.shortest <= length <= CUTTING.longest for length in lengths), lengths


@pytest.fixture(scope="module")
def mixed() -> LongRecording:
    gaps = (silence(1), noise(2), music(3), silence(0.2), music(2, (440.0, 554.4, 659.3)), noise(4, 0.04))
    return record(gaps * 3)


def test_probabilities_are_those_of_the_packages_own_interface(mixed: LongRecording) -> None:
    from silero_vad import load_silero_vad

    samples = mixed.samples[: 41 * SAMPLE_RATE + 77]
    expected = load_silero_vad().audio_forward(torch.from_numpy(samples)[None], SAMPLE_RATE)[0].numpy()
    for size in (100, 5000, len(samples)):
        found = detector().probabilities(samples[at : at + size] for at in range(0, len(samples), size))
        np.testing.assert_allclose(found, expected, atol=2e-5)
    assert detector().probabilities([]).size == 0


def test_threads_of_torch_are_as_before() -> None:
    before = torch.get_num_threads()
    detector().probabilities([silence(1)])
    assert torch.get_num_threads() == before


def test_speech_between_silence_noise_and_music(mixed: LongRecording) -> None:
    pieces = pieces_of(mixed.samples)
    check_form(pieces, len(mixed.samples))
    speech, found = mask(mixed.speech, len(mixed.samples)), mask(pieces, len(mixed.samples))
    assert (speech & found).sum() >= 0.99 * speech.sum()
    assert not [piece for piece in pieces if not speech[slice(*piece)].any()]
    assert (found & ~speech).sum() <= 0.15 * found.sum()


def test_boundaries_are_within_a_third_of_a_second(mixed: LongRecording) -> None:
    pieces = pieces_of(mixed.samples)
    assert len(pieces) == len(mixed.speech)
    for piece, speech in zip(pieces, mixed.speech, strict=True):
        assert abs(piece[0] - speech[0]) <= 0.3 * SAMPLE_RATE
        assert abs(piece[1] - speech[1]) <= 0.3 * SAMPLE_RATE


@pytest.mark.parametrize("language", ["sw", "it", "hi", "vi"])
def test_other_languages(language: str) -> None:
    recording = record([silence(0.5), music(2), noise(1)] * 2, language)
    pieces = pieces_of(recording.samples)
    check_form(pieces, len(recording.samples))
    speech, found = mask(recording.speech, len(recording.samples)), mask(pieces, len(recording.samples))
    assert (speech & found).sum() >= 0.95 * speech.sum()
    assert not [piece for piece in pieces if not speech[slice(*piece)].any()]


@pytest.mark.parametrize(
    "samples", [silence(40), noise(40), music(40), silence(0)], ids=["silence", "noise", "music", "-"]
)
def test_where_nobody_speaks_there_is_no_piece(samples: npt.NDArray[np.float32]) -> None:
    assert pieces_of(samples) == []


def test_speech_without_pauses_is_cut_in_pieces_that_tile_it() -> None:
    text = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen " * 12
    samples = np.concatenate([silence(1), say(text), silence(1)])
    pieces = pieces_of(samples)
    check_form(pieces, len(samples))
    assert len(samples) / SAMPLE_RATE > 60
    assert len(pieces) >= 3
    assert all(second[0] - first[1] < SAMPLE_RATE for first, second in pairwise(pieces))
    assert sum(end - start for start, end in pieces) >= 0.95 * (len(samples) - 2 * SAMPLE_RATE)


def test_a_short_word_is_widened_by_the_silence_around_it_and_not_lost() -> None:
    recording = record([silence(3), silence(3), silence(3)], texts=("no", "yes", "good morning"))
    pieces = pieces_of(recording.samples)
    check_form(pieces, len(recording.samples))
    speech, found = mask(recording.speech, len(recording.samples)), mask(pieces, len(recording.samples))
    assert (speech & found).sum() >= 0.95 * speech.sum()
    assert len(pieces) == 3


def probabilities(runs: list[tuple[int, bool]]) -> npt.NDArray[np.float32]:
    return np.concatenate([np.full(frames, 0.99 if speech else 0.01, np.float32) for frames, speech in runs])


@settings(max_examples=80)
@given(st.lists(st.tuples(st.integers(1, 900), st.booleans()), min_size=1, max_size=25), st.integers(0, 511))
def test_any_pattern_of_speech_gives_pieces_of_the_right_form(runs: list[tuple[int, bool]], cut: int) -> None:
    found = probabilities(runs)
    total = len(found) * 512 - cut
    samples = noise(total / SAMPLE_RATE + 1, 0.1)[:total]
    longest = 0

    def read(start: int, end: int) -> npt.NDArray[np.float32]:
        nonlocal longest
        assert 0 <= start < end <= total
        longest = max(longest, end - start)
        return samples[start:end]

    pieces = pieces_of_speech(found, read, total, CUTTING)
    check_form(pieces, total)
    assert longest <= 40 * SAMPLE_RATE
    inside = mask(pieces, total)
    at = 0
    for frames, speech in runs:
        start, end = at * 512, min(total, (at + frames) * 512)
        if speech and frames >= 40 and total >= SAMPLE_RATE:  # 1.28 s: long enough by itself
            assert inside[start:end].all()
        at += frames
    assert not pieces or any(speech for _, speech in runs)
