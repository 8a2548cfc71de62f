"""Recordings that a model without weights understands: each frame is as loud as the number of its symbol."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from xlpl_plugin.data.manifest import Manifest, write_manifest
from xlpl_plugin.data.units import PIECE_MARK
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.decoding import DecoderConfig
from xlpl_plugin.decoding.greedy import GreedyDecoder
from xlpl_plugin.decoding.hypothesis import NOTHING
from xlpl_plugin.emissions.compute import EmitConfig, emit
from xlpl_plugin.labelling.label_split import LabelConfig

UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "a", "b")
STRIDE = 640
_LOUDNESS = 64

ARPA = """\\data\\
ngram 1=6
ngram 2=4

\\1-grams:
-1.5\t<unk>
-99\t<s>\t-0.4
-0.9\t</s>
-0.6\tÀb\t-0.3
-0.7\tB\t-0.2
-0.8\tA\t-0.3

\\2-grams:
-0.3\t<s> Àb
-0.4\tÀb B
-0.5\tB A
-0.2\tB </s>

\\end\\
"""


class Listener:
    """Gives 0.9 to the symbol of a frame; ``noise`` makes it unsure, the same way each time."""

    units = UNITS
    calls = 0

    def __init__(self, noise: float = 0.0) -> None:
        self.noise = noise

    def emit(self, waveforms: list[np.ndarray]) -> list[np.ndarray]:
        Listener.calls += 1
        return [self.hear(waveform) for waveform in waveforms]

    def hear(self, waveform: np.ndarray) -> np.ndarray:
        frames = len(waveform) // STRIDE
        symbols = np.rint(waveform[: frames * STRIDE : STRIDE] * _LOUDNESS).astype(int)
        probs = np.full((frames, len(UNITS)), 0.1 / (len(UNITS) - 1))
        probs[np.arange(frames), symbols] = 0.9
        logits = np.log(probs)
        if self.noise:
            logits += np.random.default_rng(symbols).normal(scale=self.noise, size=logits.shape)
        return (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)


class Confused(Listener):
    """Takes each letter for the other."""

    def hear(self, waveform: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(super().hear(waveform)[:, [0, 1, 2, 3, 4, 6, 5]])


class CyrillicListener(Listener):
    """Hears the same in Cyrillic letters."""

    units = (*UNITS[:5], "а", "б")


class PieceListener(Listener):
    """Hears the same in pieces of one or two letters, cut from the left of each word; it knows no word boundary."""

    units = (*UNITS[:4], *(mark + text for mark in (PIECE_MARK, "") for text in ("a", "b", "aa", "ab", "ba", "bb")))

    def hear(self, waveform: np.ndarray) -> np.ndarray:
        log_probs = super().hear(waveform)
        letters = GreedyDecoder(UNITS).decode(log_probs)[0] if len(log_probs) else NOTHING
        probs = np.full((len(log_probs), len(self.units)), 0.1 / (len(self.units) - 1))
        pieces = dict(self._pieces(letters.units, letters.frames))
        for frame, row in enumerate(probs):
            row[self.units.index(pieces[frame]) if frame in pieces else 0] = 0.9
        return np.log(probs).astype(np.float32)

    @staticmethod
    def _pieces(units: Sequence[str], frames: Sequence[int]) -> Iterator[tuple[int, str]]:
        start = 0
        for word in "".join(units).split("|"):
            for at in range(0, len(word), 2):
                yield frames[start + at], PIECE_MARK * (at == 0) + word[at : at + 2]
            start += len(word) + 1


# acoustic models of the same ears by the names of their checkpoints
LISTENERS = {"letters": Listener, "cyrillic": CyrillicListener, "pieces": PieceListener}


def speak(path: str) -> np.ndarray:
    """Return the recording of a CTC path over | a b and _ (blank), and a bit of silence that fills no frame."""
    symbols = [0 if letter == "_" else UNITS.index(letter) for letter in path]
    return np.concatenate([np.repeat(np.array(symbols) / _LOUDNESS, STRIDE), np.zeros(100)]).astype(np.float32)


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> type[Listener]:
    """Puts ``Listener`` in the place of every acoustic model, or what ``LISTENERS`` has for a checkpoint's name."""
    Listener.calls = 0

    def load(path: str | Path, **_: object) -> Listener:
        return LISTENERS.get(Path(path).stem, Listener)()

    monkeypatch.setattr("xlpl_plugin.models.acoustic.load_acoustic_model", load)
    return Listener


MakeConfig = Callable[[Mapping[str, str]], LabelConfig]


@pytest.fixture
def make_config(tmp_path: Path, listener: type[Listener]) -> MakeConfig:
    """Record utterances (id -> CTC path) and return the options to label them by lexicon, from stored emissions."""

    def make(paths: Mapping[str, str]) -> LabelConfig:
        audio, data = tmp_path / "audio", tmp_path / "data"
        utterances = []
        for name, path in paths.items():
            waveform = speak(path)
            file = audio / f"{name}.flac"
            file.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(file, waveform, 16_000)
            utterances.append(Utterance(f"{name}.flac", len(waveform)))
        write_manifest(data, "train", Manifest(audio, tuple(utterances)))
        (data / "train.ltr").write_text("no one\nreads\nthis\n")  # would be refused if it were read
        am = tmp_path / "am.pt"
        am.write_bytes(b"weights")
        emit(EmitConfig(am=str(am), data=str(data), out=str(tmp_path / "em")))
        (tmp_path / "lexicon.txt").write_text("Àb\ta b |\nB\tb |\nA\ta |\n", encoding="utf-8")
        (tmp_path / "lm.arpa").write_text(ARPA, encoding="utf-8")
        return LabelConfig(
            am=str(am),
            emissions=str(tmp_path / "em"),
            data=str(data),
            out=str(tmp_path / "out"),
            decoder=DecoderConfig(lexicon=str(tmp_path / "lexicon.txt")),
        )

    return make
