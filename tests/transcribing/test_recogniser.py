"""Recordings through a real run's model: the words of `xlpl label`, with times, whatever form the audio has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeFolder
from omegaconf import OmegaConf
from support.long_recording import LongRecording, record, silence

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import read_audio, write_audio
from xlpl_plugin.audio.speech_activity import find_speech
from xlpl_plugin.decoding import DecoderConfig
from xlpl_plugin.errors import XlplError
from xlpl_plugin.labelling.label_split import LabelConfig, label
from xlpl_plugin.labelling.records import LABELS_FILE, LabelRecord, read_labels
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.result import Result
from xlpl_plugin.transcribing.recogniser import Recogniser, load_recogniser
from xlpl_plugin.transcribing.transcript import Transcript

# the run that they share takes a minute to make
pytestmark = pytest.mark.slow
NEW = ["cab dad", "face", "bad dad cab ab", "dad dad face"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, make_folder: MakeFolder) -> Path:
    """New tones, which the run has not heard."""
    return make_folder(tmp_path_factory.mktemp("new") / "data", {"test": NEW}, labels=False)


def recordings(prepared: Path) -> list[Path]:
    return sorted((prepared / "audio" / "test").iterdir())


@pytest.fixture(scope="module")
def talk() -> LongRecording:
    return record([silence(2), silence(12), silence(15)])


def labels(
    out: Path, am: Path, data: Path, tuning: str = "", decoder: DecoderConfig | None = None
) -> list[LabelRecord]:
    config = LabelConfig(am=str(am), data=str(data), split="test", out=str(out), tuning=tuning, device="cpu")
    config.decoder = decoder or DecoderConfig()
    label(config)
    return read_labels(out / LABELS_FILE)


def same(transcript: Transcript, record: LabelRecord) -> None:
    assert [word.text for word in transcript.words] == list(record.words)
    assert transcript.text == record.text
    assert [(word.start, word.end) for word in transcript.words] == list(record.word_times)
    assert [word.confidence for word in transcript.words] == pytest.approx(record.word_confidences, abs=1e-4)
    assert [other.text for other in transcript.alternatives] == [text for text, _ in record.alternatives]


def alike(found: Transcript, expected: Transcript) -> bool:
    """Compare but for the last digits, which depend on the batch."""
    sure, wanted = ([word.confidence for word in one.words] for one in (found, expected))
    return (
        [(word.text, word.start, word.end) for word in found.words]
        == [(word.text, word.start, word.end) for word in expected.words]
        and [(piece.start, piece.end) for piece in found.utterances]
        == [(piece.start, piece.end) for piece in expected.utterances]
        and [other.text for other in found.alternatives] == [other.text for other in expected.alternatives]
        and sure == pytest.approx(wanted, abs=1e-4)
    )


def test_words_are_those_of_xlpl_label(tmp_path: Path, tiny_run: Path, prepared: Path, recogniser: Recogniser) -> None:
    layout, result = RunLayout(tiny_run), Result.read(tiny_run / "result.json")
    written = OmegaConf.load(layout.config).decoder
    decoder = DecoderConfig(lexicon=written.lexicon, lm=written.lm, nbest=3)
    tuning = str(layout.tuning(result.best_stage))
    records = labels(tmp_path / "labels", tiny_run / result.model, prepared, tuning, decoder)
    transcripts = recogniser.transcribe(recordings(prepared))
    assert sum(len(transcript.words) for transcript in transcripts) > 3
    assert any(transcript.alternatives for transcript in transcripts)
    for transcript, path, found in zip(transcripts, recordings(prepared), records, strict=True):
        assert transcript.name == str(path)
        assert transcript.seconds == found.seconds
        same(transcript, found)


def test_a_checkpoint_is_decoded_greedily(tmp_path: Path, tiny_run: Path, prepared: Path) -> None:
    am = tiny_run / "source" / "model.pt"
    records = labels(tmp_path / "labels", am, prepared)
    transcripts = load_recogniser(am, device="cpu").transcribe(recordings(prepared))
    assert any(transcript.text for transcript in transcripts)
    for transcript, found in zip(transcripts, records, strict=True):
        same(transcript, found)


def test_samples_are_heard_as_their_file(prepared: Path, recogniser: Recogniser) -> None:
    first, second = recordings(prepared)[:2]
    from_file, from_samples = recogniser.transcribe([first, read_audio(second)])
    assert alike(recogniser.transcribe(first), from_file)
    assert recogniser.transcribe(first) == recogniser.transcribe(str(first))
    assert (from_file.name, from_samples.name) == (str(first), "array-2")
    assert from_samples.words
    assert alike(from_samples, recogniser.transcribe(second))


def test_workers_say_the_same_and_can_be_left_early(tiny_run: Path, prepared: Path, recogniser: Recogniser) -> None:
    paths = recordings(prepared) * 10
    with load_recogniser(tiny_run, device="cpu", workers=2, nbest=3) as several:
        first = next(several.stream(paths))
        for found, expected in zip(several.transcribe(paths), recogniser.transcribe(paths), strict=True):
            assert alike(found, expected)
        assert alike(first, recogniser.transcribe(paths[0]))


def test_long_recordings_are_cut_where_they_hold_speech(
    tmp_path: Path, talk: LongRecording, recogniser: Recogniser
) -> None:
    assert len(talk.samples) > 30 * SAMPLE_RATE
    write_audio(tmp_path / "talk.flac", talk.samples)
    transcript = recogniser.transcribe(tmp_path / "talk.flac")
    samples = read_audio(tmp_path / "talk.flac")
    spans = find_speech(lambda start, end: samples[start:end], len(samples))
    assert len(spans) >= 3
    placed = [(piece.start, piece.end) for piece in transcript.utterances]
    assert placed == [(round(start / SAMPLE_RATE, 3), round(end / SAMPLE_RATE, 3)) for start, end in spans]
    assert transcript.words
    for piece, (start, end) in zip(transcript.utterances, spans, strict=True):
        alone = recogniser.transcribe(samples[start:end])
        assert alone.text == piece.text
        assert [round(word.start + piece.start, 2) for word in alone.words] == pytest.approx(
            [word.start for word in piece.words], abs=0.011
        )


@pytest.mark.parametrize(
    "samples",
    [np.zeros(8000, np.float32), np.zeros(40 * SAMPLE_RATE, np.float32), np.full(100, 0.1, np.float32)],
    ids=["silence", "long silence", "shorter than a frame"],
)
def test_without_speech_a_transcript_is_empty(samples: np.ndarray, recogniser: Recogniser) -> None:
    transcript = recogniser.transcribe(samples)
    assert (transcript.text, transcript.words, transcript.error) == ("", (), "")
    assert transcript.seconds == len(samples) / SAMPLE_RATE


def test_what_cannot_be_read_is_named_and_the_others_go_on(
    tmp_path: Path, prepared: Path, recogniser: Recogniser
) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF nonsense")
    first, second = recordings(prepared)[:2]
    asked = [first, tmp_path / "broken.wav", tmp_path / "gone.wav", second]
    found = list(recogniser.stream(asked))
    assert [one.name for one in found] == [str(path) for path in asked]
    assert [bool(one.error) for one in found] == [False, True, True, False]
    assert "broken.wav" in found[1].error
    assert alike(found[3], recogniser.transcribe(second))
    with pytest.raises(XlplError, match=r"gone\.wav: no such file"):
        recogniser.transcribe(tmp_path / "gone.wav")


@pytest.mark.parametrize(
    "samples",
    [np.zeros(9), np.zeros((2, 9), np.float32), np.zeros(0, np.float32), np.array([np.nan], np.float32)],
    ids=["float64", "two channels", "none", "NaN"],
)
def test_samples_of_another_kind_are_refused(samples: np.ndarray, recogniser: Recogniser) -> None:
    with pytest.raises(XlplError, match=r"array-1: .*\n  expected: finite float32 samples"):
        recogniser.transcribe(samples)


def test_a_piece_that_fails_is_named_and_its_words_are_missing(
    talk: LongRecording, recogniser: Recogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where one piece does not fit in the device's memory."""
    import torch

    emit, longest = recogniser._source._model.emit, 0.0

    def short_of_memory(waveforms: list[np.ndarray]) -> list[np.ndarray]:
        if max(map(len, waveforms)) >= longest:
            raise torch.OutOfMemoryError("full")
        return emit(waveforms)

    whole = recogniser.transcribe(talk.samples)
    lengths = [round((piece.end - piece.start) * SAMPLE_RATE) for piece in whole.utterances]
    longest = max(lengths) - 16
    monkeypatch.setattr(recogniser._source._model, "emit", short_of_memory)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    [found] = recogniser.stream([talk.samples])
    worst = lengths.index(max(lengths))
    assert f"{whole.utterances[worst].start:.1f} to {whole.utterances[worst].end:.1f} s: " in found.error
    assert "memory" in found.error
    others = [piece for number, piece in enumerate(found.utterances) if number != worst]
    assert [piece.text for piece in others] == [p.text for n, p in enumerate(whole.utterances) if n != worst]
    with pytest.raises(XlplError, match=r"not transcribed: .*memory"):
        recogniser.transcribe(talk.samples)


def test_fairseq_and_verbs_need_not_wait_for_it() -> None:
    code = (
        "import sys, xlpl_plugin; assert 'torch' not in sys.modules, 'torch'; "
        "assert 'numpy' not in sys.modules, 'numpy'; assert not hasattr(xlpl_plugin, 'other'); "
        "from xlpl_plugin import load_recogniser; assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
