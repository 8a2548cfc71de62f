"""The same words and scores as torchaudio's decoder, on emissions like those of a trained model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xlpl_plugin.data.units import LETTERS, SPECIAL_SYMBOLS, words_of_units
from xlpl_plugin.decoding import DecoderConfig, build_decoder
from xlpl_plugin.text.lm import LmOptions, build_lm
from xlpl_plugin.text.spelling.lexicon import build_lexicon, write_lexicon
from xlpl_plugin.text.spelling.speller import make_speller, units_line

ctc_decoder = pytest.importorskip("torchaudio.models.decoder").ctc_decoder
torch = pytest.importorskip("torch")

UNITS = (*SPECIAL_SYMBOLS, *LETTERS)
TEXT = """\
la porta è aperta
la porta non è aperta
apri la porta di casa
non aprire la finestra
la casa è in città
in città non c'è nessuno
però la finestra è chiusa
chiudi la finestra e la porta
nessuno apre la porta
e poi apri la finestra
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("decoders")
    (path / "text.txt").write_text(TEXT, encoding="utf-8")
    speller = make_speller("unidecode")
    write_lexicon(path / "lexicon.txt", build_lexicon(TEXT.split(), speller))
    build_lm([path / "text.txt"], path / "words", LmOptions(order=3))
    build_lm([path / "text.txt"], path / "letters", LmOptions(order=4), speller=speller)
    return path


def spoken(text: str, seed: int, noise: float) -> np.ndarray:
    """Emissions of a model that hears ``text`` through noise: letters of one to three frames, blanks between.

    Boundaries last one frame and are clear, the last one too, since torchaudio's search by units lets words end the
    sentence without one, and asks the LM about those that end no word.
    """
    rng = np.random.default_rng(seed)
    path = [0]
    for unit in units_line(text, make_speller("unidecode")).split()[:-1]:
        path += [UNITS.index(unit)] * (1 if unit == "|" else int(rng.integers(1, 4))) + [0] * int(rng.integers(1, 3))
    logits = rng.normal(size=(len(path), len(UNITS))) * noise
    logits[np.arange(len(path)), path] += 4.0
    logits[:, UNITS.index("|")] = np.where(np.array(path) == UNITS.index("|"), 8.0, -40.0)
    logits[:, 1 : len(SPECIAL_SYMBOLS)] = -40.0
    tail = np.full((2, len(UNITS)), -40.0)
    tail[0, UNITS.index("|")] = tail[1, 0] = 0.0
    logits = np.concatenate([logits, tail])
    return (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("log_add", [False, True])
@pytest.mark.parametrize("by_lexicon", [True, False])
def test_torchaudio_hears_the_same(folder: Path, by_lexicon: bool, log_add: bool) -> None:
    lm = next((folder / ("words" if by_lexicon else "letters")).glob("lm.arpa"))
    lexicon = str(folder / "lexicon.txt") if by_lexicon else ""
    options = {"lm": str(lm), "lm_weight": 1.3, "word_score": -0.4 if by_lexicon else 0.0, "log_add": log_add}
    ours = build_decoder(
        DecoderConfig(lexicon=lexicon, beam=100, beam_token=len(UNITS), beam_threshold=50.0, **options), UNITS
    )
    # without this file torchaudio's search by units asks the LM about other units than it tries
    (folder / "units.txt").write_text("".join(f"{unit}\n" for unit in UNITS))
    theirs = ctc_decoder(
        lexicon=lexicon or None,
        lm_dict=None if by_lexicon else str(folder / "units.txt"),
        tokens=list(UNITS),
        beam_size=100,
        blank_token="<s>",
        sil_token="|",
        **options,
    )
    wrong = 0
    for seed, text in enumerate(TEXT.splitlines()):
        log_probs = spoken(text, seed, noise=1.0 + seed % 3)
        [mine] = ours.decode(log_probs)
        reference = theirs(torch.from_numpy(log_probs)[None])[0][0]
        # it counts silence before the first frame and after the last as boundaries
        spelled = words_of_units(theirs.idxs_to_tokens(reference.tokens))
        assert words_of_units(mine.units) == spelled
        assert mine.score == pytest.approx(reference.score, abs=1e-2)
        if by_lexicon:
            assert list(mine.words) == reference.words
        wrong += spelled != words_of_units(units_line(text, make_speller("unidecode")).split())
    assert 0 < wrong < 10  # hard enough to tell decoders apart, yet speech
