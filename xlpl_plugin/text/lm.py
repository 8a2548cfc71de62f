"""N-gram language models: normalised text to ARPA and KenLM binary, and a report on a held-out part."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import iter_lines, make_folder, new_output, results_folder, write_lines
from xlpl_plugin.json_record import JsonRecord
from xlpl_plugin.schema import check_options, join, option
from xlpl_plugin.text.kenlm_tools import build_binary, estimate_with_lmplz, find_tool
from xlpl_plugin.text.kneser_ney import estimate_with_kaldingram
from xlpl_plugin.text.perplexity import HeldOut, evaluate_lm, load_lm
from xlpl_plugin.text.spelling.lexicon import rank_words
from xlpl_plugin.text.spelling.speller import Speller, units_line
from xlpl_plugin.text.symbols import LM_MARKS

# of a word LM: trigrams and longer ones that stand once in the text tell little and are most of the file
USUAL_PRUNE = (0, 0, 1)


@dataclass(frozen=True)
class LmOptions:
    """How a model is estimated and stored."""

    # KenLM, as the Python module and flashlight have it, reads no higher orders; its trie needs a bigram
    order: int = option(4, "length of the n-grams", least=2, most=6)
    prune: tuple[int, ...] = option(
        (), "n-grams with at most this count are left out; one value an order, the last also for higher ones", least=0
    )
    vocab_limit: int = option(0, "keep this many words, the commonest; 0: all", least=0)
    binary: str = option("trie", "form of lm.bin: trie is small, probing is fast", choices=("trie", "probing"))
    memory: str = option("1G", "memory in which lmplz may sort")

    def check_together(self, key: str) -> None:
        """Raise ``XlplError`` for counts to prune that KenLM would refuse."""
        rising = all(low <= high for low, high in zip(self.prune, self.prune[1:], strict=False))
        if len(self.prune) > self.order or not rising:
            raise XlplError(
                f"{join(key, 'prune')}={' '.join(map(str, self.prune))!r} with {join(key, 'order')}={self.order}",
                expected=f"up to {self.order} counts that do not fall, such as '0 0 1'",
            )


LM_REPORT = "lm.json"


@dataclass(frozen=True)
class LmReport(JsonRecord):
    """``lm.json``: a built model."""

    # the file to decode with, beside the report: lm.bin, or lm.arpa where KenLM's build_binary is missing
    model: str
    # lmplz (modified Kneser-Ney) or kaldingram (Kneser-Ney)
    estimator: str
    # estimated, or "constants (--discount_fallback)" where the text is too small or too regular to estimate them
    discounts: str
    order: int
    sentences: int
    words: int
    types: int
    # types after the vocabulary limit
    vocabulary: int
    heldout: HeldOut | None
    oov_rate: float | None

    holds = "the report of a language model"
    written_by = "`xlpl lm`"


def build_lm(
    texts: Sequence[str | Path],
    out: str | Path,
    options: LmOptions | None = None,
    *,
    heldout: str | Path | None = None,
    speller: Speller | None = None,
    force: bool = False,
) -> LmReport:
    """Write ``lm.arpa``, ``lm.bin`` and ``lm.json`` into ``out``.

    With a ``speller`` the model's words are the units of the lines' spellings (a character LM).

    Raises:
        XlplError: bad options, no words in the text or in the held-out text, a failing program, or results in ``out``.
    """
    options = options or LmOptions()
    check_options(options)
    out = new_output(out, force=force)
    with _work_folder(out) as work:
        counts, sentences = _write_corpus(texts, speller, work / "corpus.txt")
        words = rank_words(counts, max_words=options.vocab_limit or None)
        estimator, discounts = _estimate(work, options, words if len(words) < len(counts) else None)
        name = _write_binary(work, options)
        held = None
        if heldout is not None:
            held = evaluate_lm(load_lm(work / name), _lines([heldout], speller))
        (out / "lm.bin").unlink(missing_ok=True)  # with --force, and build_binary gone since
        for file in {"lm.arpa", name}:
            os.replace(work / file, out / file)
    report = LmReport(
        model=name, estimator=estimator, discounts=discounts, order=options.order, sentences=sentences,
        words=counts.total(), types=len(counts), vocabulary=len(words), heldout=held,
        oov_rate=held.oov_rate if held else None,
    )  # fmt: skip
    report.write(out / LM_REPORT)
    return report


@contextmanager
def _work_folder(out: Path) -> Iterator[Path]:
    """Make a folder inside ``out``, and leave no empty ``out`` behind where the work fails."""
    with results_folder(out), TemporaryDirectory(dir=make_folder(out), prefix=".lm.") as folder:
        yield Path(folder)


def _lines(texts: Iterable[str | Path], speller: Speller | None) -> Iterator[str]:
    """Yield the lines that hold words, as units if there is a speller."""
    for text in texts:
        for number, line in enumerate(iter_lines(text), start=1):
            if reserved := LM_MARKS.intersection(line.split()):
                raise XlplError(
                    f"{min(reserved)} is a word of this text", file=text, line=number, expected="normalised text",
                    remedy="pass the text through xlpl prepare text",
                )  # fmt: skip
            if converted := " ".join(line.split()) if speller is None else units_line(line, speller):
                yield converted


def _write_corpus(texts: Sequence[str | Path], speller: Speller | None, file: Path) -> tuple[Counter[str], int]:
    counts: Counter[str] = Counter()
    sentences = 0

    def counted() -> Iterator[str]:
        nonlocal sentences
        for line in _lines(texts, speller):
            counts.update(line.split())
            sentences += 1
            yield line

    write_lines(file, counted())
    if not sentences:
        raise XlplError(
            "no words for the language model", file=texts[0] if texts else None,
            expected="normalised sentences, one a line", remedy="make the text with xlpl prepare text",
        )  # fmt: skip
    return counts, sentences


def _estimate(work: Path, options: LmOptions, words: list[str] | None) -> tuple[str, str]:
    """Write lm.arpa; return the estimator and where its discounts come from."""
    corpus, arpa = work / "corpus.txt", work / "lm.arpa"
    lmplz = find_tool("lmplz")
    if lmplz is None:
        known = None if words is None else frozenset(words)
        estimate_with_kaldingram(corpus, arpa, order=options.order, prune=options.prune, vocabulary=known)
        return "kaldingram", "estimated"
    vocabulary = None
    if words is not None:
        vocabulary = work / "vocabulary.txt"
        write_lines(vocabulary, words)
    fallback = estimate_with_lmplz(
        lmplz, corpus, arpa, order=options.order, prune=options.prune, vocabulary=vocabulary, memory=options.memory
    )  # fmt: skip
    return "lmplz", "constants (--discount_fallback)" if fallback else "estimated"


def _write_binary(work: Path, options: LmOptions) -> str:
    program = find_tool("build_binary")
    if program is None:
        return "lm.arpa"
    build_binary(program, work / "lm.arpa", work / "lm.bin", options.binary)
    return "lm.bin"
