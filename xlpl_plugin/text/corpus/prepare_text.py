"""Documents to text of a language: normalised, different sentences, one a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from xlpl_plugin.concurrency import stream_map
from xlpl_plugin.files import atomic_open, new_output, results_folder, write_lines
from xlpl_plugin.schema import check_options, option
from xlpl_plugin.text.corpus.collecting import Collector
from xlpl_plugin.text.corpus.exclusion import read_transcripts
from xlpl_plugin.text.corpus.normalizing import Job, normalize, start
from xlpl_plugin.text.corpus.text_report import TEXT_REPORT, TextReport
from xlpl_plugin.text.documents.document_reader import DocumentReader
from xlpl_plugin.text.documents.source import PIECE, DocumentPiece, Unreadable
from xlpl_plugin.text.identifying import Identifier
from xlpl_plugin.text.language import find_language
from xlpl_plugin.text.normalizer import Normalizer
from xlpl_plugin.text.wordlist import frequent_words


@dataclass(frozen=True)
class TextOptions:
    """How text is read and divided."""

    heldout: float = option(0.0, "fraction of sentences for heldout.txt", least=0, most=0.5)
    words: int = option(
        0, "write so many frequent words of the language to words.txt, for lexicon and LM; 0: none", least=0
    )
    field: str = option("text", "where JSON Lines (the key) and tables (the column) have the text")
    skip_unreadable: bool = option(False, "leave out documents that cannot be read, with the reason, and go on")
    identify: bool = option(
        False,
        "leave out sentences of five words or more that are surely in another language (py3langid); the work takes "
        "twice as long",
    )
    workers: int = option(0, "processes that normalise; 0: one for each core; the result is the same", least=0)


def prepare_text(
    language: str,
    paths: Sequence[str | Path],
    out: str | Path,
    options: TextOptions | None = None,
    *,
    exclude: Sequence[Path] = (),
    rules: Path | None = None,
    force: bool = False,
) -> TextReport:
    """Write ``text.txt`` (and ``heldout.txt``) of the different normalised sentences below ``paths``, and a report.

    With ``options.words``, so many frequent words of the language go to ``words.txt``, normalised, one a line.

    A sentence is held out by its hash, so that the same sentence is always on the same side.

    Args:
        exclude: prepared folders whose transcripts the text must not share.
        rules: the normaliser's, of your own.

    Raises:
        XlplError: nothing to read, nothing left of it, a document that cannot be read, or results in ``out`` already.
    """
    options = options or TextOptions()
    check_options(options)
    out = new_output(out, force=force)
    language = find_language(language).code
    words = _frequent(Normalizer(language, rules), options.words) if options.words else []
    if options.identify:
        Identifier(language)  # a language that it does not know is told before the work begins
    state = (language, rules, read_transcripts(exclude), options.identify)
    with DocumentReader(paths, options.field) as reader, results_folder(out):
        report = _write(reader, out, options, state)
        if options.words:
            write_lines(out / "words.txt", words)
        report.write(out / TEXT_REPORT)
    return report


def _write(
    reader: DocumentReader, out: Path, options: TextOptions, state: tuple[str, Path | None, list[str], bool]
) -> TextReport:
    with ExitStack() as files:
        text = files.enter_context(atomic_open(out / "text.txt"))
        # without --heldout no sentence goes there
        heldout = files.enter_context(atomic_open(out / "heldout.txt")) if options.heldout else text
        collector = Collector(text, heldout, options.heldout, skip_unreadable=options.skip_unreadable)
        jobs = _jobs(reader.pieces(show=True))
        for pieces in stream_map(normalize, jobs, workers=options.workers, start=start, state=state):
            for piece in pieces:
                collector.add(piece)
        collector.refuse_nothing()
    if not options.heldout:
        (out / "heldout.txt").unlink(missing_ok=True)  # of an earlier run, under --force
    return collector.report(state[0], reader.passed_over)


def _frequent(normalizer: Normalizer, count: int) -> list[str]:
    spoken = (normalizer.spoken(word) for word in frequent_words(normalizer.language.code, count))
    return list(dict.fromkeys(word.words for word in spoken if not word.problem))


def _jobs(pieces: Iterable[DocumentPiece | Unreadable]) -> Iterator[Job]:
    """Yield the pieces, small ones together, so that a job is worth its way to a worker and back."""
    job: list[DocumentPiece | Unreadable] = []
    size = 0
    for piece in pieces:
        job.append(piece)
        size += piece.size if isinstance(piece, DocumentPiece) else 0
        if size >= PIECE or len(job) >= 256:
            yield job
            job, size = [], 0
    if job:
        yield job
