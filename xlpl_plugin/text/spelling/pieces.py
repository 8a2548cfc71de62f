"""Sentencepiece pieces of spelled text as output units."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import atomic_open
from xlpl_plugin.text.spelling.speller import Romanizer

MODEL_FILE = "pieces.model"


def train_pieces(
    lines: Iterable[str], romanize: Romanizer, folder: str | Path, *, size: int, letters: str = ""
) -> tuple[str, ...]:
    """Train a unigram model of ``size`` pieces on spelled words, write ``pieces.model`` and return the pieces.

    Every character of the text and of ``letters`` is a piece, so every word of them can be spelled. The mark of a
    word's beginning is always the first character of a piece.

    Raises:
        XlplError: no text, or fewer different pieces in it than asked for.
    """
    from sentencepiece import SentencePieceTrainer

    texts = [" ".join(spelled) for line in lines if (spelled := _spelled(line, romanize))]
    if not texts:
        raise XlplError("no text to train pieces on", expected="lines of normalised words")
    model = io.BytesIO()
    trainer: Any = SentencePieceTrainer
    try:
        trainer.train(
            sentence_iterator=iter(texts), model_writer=model, vocab_size=size + 1, model_type="unigram",
            character_coverage=1.0, unk_id=0, bos_id=-1, eos_id=-1, pad_id=-1, normalization_rule_name="identity",
            required_chars=letters, num_threads=1, minloglevel=2,
        )  # fmt: skip
    except RuntimeError as error:
        raise XlplError(
            f"cannot train {size} pieces: {str(error).rpartition('] ')[2]}",
            expected="more pieces than the text has characters, and no more than it has different strings",
            remedy="change --size, or give more text",
        ) from error
    with atomic_open(Path(folder) / MODEL_FILE, "wb") as stream:
        stream.write(model.getvalue())
    return read_pieces(Path(folder) / MODEL_FILE)


def read_pieces(model: Path) -> tuple[str, ...]:
    """Return a model's pieces in its order, without the unknown one."""
    from sentencepiece import SentencePieceProcessor

    processor: Any = SentencePieceProcessor(model_file=str(model))
    return tuple(processor.id_to_piece(i) for i in range(len(processor)) if i != processor.unk_id())


def _spelled(line: str, romanize: Romanizer) -> list[str]:
    return [spellings[0] for word in line.split() if (spellings := romanize(word))]
