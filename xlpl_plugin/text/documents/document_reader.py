"""All documents below some paths, piece by piece, in an order that is always the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tqdm import tqdm

from xlpl_plugin.debian import extract_deb
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist, path_error
from xlpl_plugin.text.documents.finding import files_below, is_known, suffix_of
from xlpl_plugin.text.documents.forms import FORMS, Form, expected, form_of
from xlpl_plugin.text.documents.opening import HEAD, Opened, open_documents
from xlpl_plugin.text.documents.source import DocumentPiece, Source, Unreadable


class DocumentReader:
    """The documents below some paths; a .deb is unpacked for as long as the ``with`` block lasts.

    Attributes:
        files: those that are read, on the disk.
        passed_over: suffix -> how many files of unknown form were found in folders and archives; whole when all
            pieces have been read.
    """

    def __init__(self, paths: Iterable[str | Path], field: str = "text") -> None:
        self.files: list[Path] = []
        self.passed_over: Counter[str] = Counter()
        self._paths = [Path(path) for path in paths]
        self._named: set[Path] = set()
        self._field = field
        self._stack = ExitStack()

    def __enter__(self) -> DocumentReader:
        with self._stack:
            for path in self._paths:
                self._find(must_exist(path, "a document, a folder or archive of them, or a .deb"))
            if not self.files:
                over = ", ".join(f"{count} {suffix}" for suffix, count in self.passed_over.most_common())
                raise XlplError(
                    f"no text in {', '.join(map(str, self._paths))}" + (f"; passed over: {over}" if over else ""),
                    expected=expected(),
                )
            self._stack = self._stack.pop_all()  # nothing failed: keep what was unpacked until __exit__
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _find(self, path: Path) -> None:
        if path.suffix == ".deb":
            path = extract_deb(path, self._stack.enter_context(TemporaryDirectory(prefix="xlpl-")))
        if path.is_dir():
            self.files += files_below(path, self.passed_over)
        else:
            self.files.append(path)
            self._named.add(path)

    def pieces(self, *, show: bool = False) -> Generator[DocumentPiece | Unreadable, None, None]:
        """Yield the pieces of each document, or that no more of it can be read; ``show`` draws how far it is."""
        total = sum(map(_size, self.files)) if show else None
        with tqdm(total=total, desc="reading", unit="B", unit_scale=True, disable=None if show else True) as bar:
            for file in self.files:
                begin = bar.n
                for piece, position in self._pieces_of(file):
                    bar.update(begin + position - bar.n)
                    yield piece

    def _pieces_of(self, file: Path) -> Iterator[tuple[DocumentPiece | Unreadable, int]]:
        try:
            for opened in open_documents(file):
                # what a user names is read whatever its suffix is
                named = file in self._named and opened.name == str(file)
                yield from ((piece, opened.position()) for piece in self._document(opened, named))
        except XlplError as error:
            yield Unreadable(str(file), error), _size(file)
        except OSError as error:
            yield Unreadable(str(file), path_error(error, file, "a document that can be read")), _size(file)

    def _document(self, opened: Opened, named: bool) -> Iterator[DocumentPiece | Unreadable]:
        try:
            form = self._form(opened, named)
            if form is None:
                self.passed_over[suffix_of(opened.name)] += 1
                return
            source = Source(opened.name, form.name, self._field)
            empty = True
            for piece in form.cut(opened.stream, source):
                empty = False
                yield piece
            if empty:
                yield DocumentPiece(source, b"")
        except XlplError as error:
            yield Unreadable(opened.name, error)

    def _form(self, opened: Opened, named: bool) -> Form | None:
        form = form_of(opened.bare, opened.stream.peek(HEAD)[:HEAD], opened.name)
        if form is None and named and is_known(opened.bare):
            raise XlplError("XML, and no dump of a MediaWiki", file=opened.name, expected=expected())
        return FORMS["txt"] if form is None and named else form


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
