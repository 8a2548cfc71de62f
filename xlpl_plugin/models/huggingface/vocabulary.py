"""The units of a model: transformers' vocab.json and its special tokens, and fairseq's order of them."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist, read_json
from xlpl_plugin.text.symbols import SPECIAL_SYMBOLS, WORD_BOUNDARY

VOCABULARY_FILE, TOKENIZER_FILE, SPECIAL_FILE = "vocab.json", "tokenizer_config.json", "special_tokens_map.json"
_ADDED_FILE = "added_tokens.json"
# transformers' token for each of fairseq's first symbols, in their order. Both have the blank first; fairseq's
# padding, which no model learns, is where transformers' models have the beginning of a sentence.
_TOKENS = ("pad_token", "bos_token", "eos_token", "unk_token")
_NAMES = {
    "pad_token": ("<pad>", "[PAD]"),
    "bos_token": ("<s>",),
    "eos_token": ("</s>",),
    "unk_token": ("<unk>", "[UNK]"),
}
_DELIMITER = "word_delimiter_token"


@dataclass(frozen=True)
class Vocabulary:
    """fairseq's units, and of each the row of transformers' output layer; None: a special one without a row."""

    units: tuple[str, ...]
    rows: tuple[int | None, ...]
    lowered: bool


def read_vocabulary(folder: Path, blank: int | None, outputs: int, language: str | None = None) -> Vocabulary:
    """Read the units of a model.

    Args:
        folder: of the model.
        blank: ``pad_token_id`` of its config.json, transformers' blank.
        outputs: rows of its output layer.
        language: which of several languages' vocabularies, where vocab.json has several.

    Raises:
        XlplError: no vocabulary, outputs without a symbol, another blank in the tokenizer, no word boundary, or
            symbols that fairseq's label files cannot hold.
    """
    file = folder / VOCABULARY_FILE
    symbols = _symbols(folder, outputs, language)
    tokens = _special_tokens(folder)
    by_name = {symbol: row for row, symbol in enumerate(symbols)}
    special = [next((by_name[name] for name in tokens[token] if name in by_name), None) for token in _TOKENS]
    _require_blank(special[0], blank, symbols, file)
    boundary = next((by_name[name] for name in tokens[_DELIMITER] if name in by_name), None)
    if boundary is None:
        raise XlplError(
            f"no symbol ends a word: {WORD_BOUNDARY!r} is not in it",
            file=file,
            expected=f"letters and a word boundary ({_DELIMITER} of {TOKENIZER_FILE})",
            remedy="choose a model that marks words; phoneme models do not",
        )
    rest = [row for row in range(outputs) if row not in special]
    units, lowered = _in_lower_case([WORD_BOUNDARY if row == boundary else symbols[row] for row in rest])
    _require_usable(units, file)
    return Vocabulary((*SPECIAL_SYMBOLS, *units), (*special, *rest), lowered)


def _symbols(folder: Path, outputs: int, language: str | None) -> list[str]:
    """Return the symbol of each output; tokens that were added behind the last output have none."""
    file = folder / VOCABULARY_FILE
    vocabulary = _of_language(read_json(must_exist(file, "the symbol of each output")), language, file)
    names = {index: name for name, index in _added_tokens(folder).items()}
    for name, index in vocabulary.items() if isinstance(vocabulary, dict) else ():
        if isinstance(index, int) and names.setdefault(index, name) != name:
            raise XlplError(f"{name!r} and {names[index]!r} are both number {index}", file=file)
    missing = [row for row in range(outputs) if row not in names]
    if missing:
        raise XlplError(
            f"names {outputs - len(missing)} of the model's {outputs} outputs; number {missing[0]} has no symbol",
            file=file,
            expected="a number from 0 for each symbol",
            remedy="download the vocabulary that belongs to this model",
        )
    return [names[row] for row in range(outputs)]


def _of_language(vocabulary: Any, language: str | None, file: Path) -> Any:
    """Return a vocabulary, or that of a language where each has its own."""
    if not isinstance(vocabulary, dict) or not any(isinstance(value, dict) for value in vocabulary.values()):
        return vocabulary
    if language is None:
        raise XlplError(
            "a vocabulary for each of several languages",
            file=file,
            expected="that of one model",
            remedy="name the language: --adapter, with its code in the model's files, such as swh",
        )
    if not isinstance(vocabulary.get(language), dict):
        near = difflib.get_close_matches(language, vocabulary, n=5, cutoff=0.5) or sorted(vocabulary)[:5]
        raise XlplError(
            f"no vocabulary of {language!r}",
            file=file,
            expected=f"one of its {len(vocabulary)} languages, such as {', '.join(near)}",
            remedy="give --adapter a language of this file, by its code there",
        )
    return vocabulary[language]


def _added_tokens(folder: Path) -> dict[str, int]:
    found = {name: index for name, index in _json_object(folder / _ADDED_FILE).items() if isinstance(index, int)}
    decoder = _json_object(folder / TOKENIZER_FILE).get("added_tokens_decoder")
    tokens = decoder.items() if isinstance(decoder, dict) else ()
    return {_content(token): int(index) for index, token in tokens if index.isdigit()} | found


def _special_tokens(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the names that each special token may have: the one that the files say, or the usual ones."""
    said = {**_json_object(folder / SPECIAL_FILE), **_json_object(folder / TOKENIZER_FILE)}
    usual = {**_NAMES, _DELIMITER: (WORD_BOUNDARY,)}
    return {token: (_content(said[token]),) if said.get(token) else names for token, names in usual.items()}


def _json_object(file: Path) -> dict[str, Any]:
    content = read_json(file) if file.exists() else {}
    return content if isinstance(content, dict) else {}


def _content(token: Any) -> str:
    """A token stands as its text, or as an object with it."""
    return str(token.get("content", "")) if isinstance(token, Mapping) else str(token)


def _require_blank(row: int | None, blank: int | None, symbols: Sequence[str], file: Path) -> None:
    if row is None or row != blank:
        name = "no symbol" if row is None else f"{symbols[row]!r}, number {row}"
        raise XlplError(
            f"the tokenizer's padding is {name}, but pad_token_id of config.json is {blank}",
            file=file,
            expected="one blank, the symbol that pad_token_id and the tokenizer both mean",
            remedy="ask the model's author which it was trained with, and mend the other file",
        )


def _in_lower_case(units: list[str]) -> tuple[list[str], bool]:
    """Lower all units where no two become one: then letters have one case in this vocabulary."""
    lower = [unit.lower() for unit in units]
    return (lower, True) if lower != units and len(set(lower)) == len(set(units)) else (units, False)


def _require_usable(units: Sequence[str], file: Path) -> None:
    twice = [unit for unit, count in Counter((*SPECIAL_SYMBOLS, *units)).items() if count > 1]
    broken = [unit for unit in units if unit.split() != [unit]]
    if twice or broken:
        raise XlplError(
            f"cannot use the symbol {(twice or broken)[0]!r}" + (", which stands twice" if twice else ""),
            file=file,
            expected="symbols without spaces in them, each once",
        )


def vocabulary_files(units: Sequence[str], checkpoint: str | Path) -> dict[str, dict[str, Any]]:
    """Return the content of the files that make transformers' tokenizer of fairseq's ``units``, by name.

    Raises:
        XlplError: no word boundary among them (pieces), or not fairseq's first symbols.
    """
    names = [_NAMES[token][0] for token in _TOKENS]
    if tuple(units[: len(names)]) != SPECIAL_SYMBOLS or WORD_BOUNDARY not in units:
        raise XlplError(
            f"its units have no word boundary {WORD_BOUNDARY!r}: {' '.join(units[:10])} ...",
            file=checkpoint,
            expected="a model of letters; transformers' tokenizer for CTC cannot join pieces to words",
        )
    tokens = dict(zip(_TOKENS, names, strict=True))
    tokenizer = {
        **tokens,
        "tokenizer_class": "Wav2Vec2CTCTokenizer",
        _DELIMITER: WORD_BOUNDARY,
        "replace_word_delimiter_char": " ",
        "do_lower_case": False,
    }
    vocabulary = {name: row for row, name in enumerate((*names, *units[len(names) :]))}
    return {VOCABULARY_FILE: vocabulary, TOKENIZER_FILE: tokenizer, SPECIAL_FILE: tokens}
