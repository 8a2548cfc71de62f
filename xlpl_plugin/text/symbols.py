"""The symbols that spellings and dictionaries share."""

from __future__ import annotations

import string

WORD_BOUNDARY = "|"
# sentencepiece: the first character of a piece that begins a word
PIECE_MARK = "\u2581"
LETTERS: tuple[str, ...] = (WORD_BOUNDARY, "'", *string.ascii_lowercase)
# fairseq's Dictionary puts these before the symbols of dict.ltr.txt; <s> is the CTC blank
SPECIAL_SYMBOLS: tuple[str, ...] = ("<s>", "<pad>", "</s>", "<unk>")
# what an n-gram model says of the ends of a sentence and of all words that it lacks
LM_MARKS = frozenset({"<s>", "</s>", "<unk>"})
