"""Streams of documents out of files, compressed files and archives; nothing is unpacked to the disk."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePath
from typing import Any, BinaryIO, NamedTuple

from xlpl_plugin.errors import XlplError
from xlpl_plugin.extras import optional_module
from xlpl_plugin.files import is_hidden
from xlpl_plugin.text.documents.bounds import DAMAGED, BoundedReader

# bytes from which form and compression are told; the name of a tar's form stands in them
HEAD = 512
_BUFFER = 1 << 16


class _Compression(NamedTuple):
    suffix: str
    start: bytes
    open: Callable[[BinaryIO, str], Any]


def _zstd(stream: BinaryIO, name: str) -> Any:
    pyarrow = optional_module("pyarrow", "parquet", "zstd", name)
    return pyarrow.CompressedInputStream(stream, "zstd")


_COMPRESSIONS = (
    _Compression(".gz", b"\x1f\x8b\x08", lambda stream, _: gzip.GzipFile(fileobj=stream)),
    _Compression(".bz2", b"BZh", lambda stream, _: bz2.BZ2File(stream)),
    _Compression(".xz", b"\xfd7zXZ\0", lambda stream, _: lzma.LZMAFile(stream)),  # noqa: SIM115
    _Compression(".zst", b"\x28\xb5\x2f\xfd", _zstd),
)
_COMPRESSED = {compression.suffix for compression in _COMPRESSIONS}
_SHORT = {".tgz": ".tar", ".tbz2": ".tar", ".txz": ".tar"}
ARCHIVES = (".zip", ".tar")
# zip archives that are one document
_ZIPPED = {"word/document.xml": ".docx", "content.xml": ".odt", "META-INF/container.xml": ".epub"}


class Opened(NamedTuple):
    """A document that can be read until the next one is asked for.

    Attributes:
        name: for people; a member of an archive stands behind the archive's name.
        bare: its name without the suffix of a compression.
        stream: buffered, at the start.
        position: returns how many bytes of the file on the disk are used up.
    """

    name: str
    bare: str
    stream: io.BufferedReader
    position: Callable[[], int]


def bare_name(name: str) -> str:
    """Return the name without the suffix of a compression: ``a.txt.gz`` -> ``a.txt``, ``a.tgz`` -> ``a.tar``."""
    path = PurePath(name)
    suffix = path.suffix.lower()
    return str(path.with_suffix(_SHORT.get(suffix, ""))) if suffix in _SHORT or suffix in _COMPRESSED else name


def open_documents(file: Path) -> Iterator[Opened]:
    """Yield the documents in a file: itself, or those in the archive that it is.

    Raises:
        XlplError: it is damaged, unpacks to too much, or needs a password.
    """
    with file.open("rb") as raw:
        yield from _unpacked(Opened(str(file), str(file), raw, raw.tell), seekable=True)


def _unpacked(found: Opened, *, seekable: bool = False, inside: bool = False) -> Iterator[Opened]:
    head = found.stream.peek(HEAD)[:HEAD]
    for compression in _COMPRESSIONS:
        if head.startswith(compression.start):
            unpacked = compression.open(found.stream, found.name)
            stream = _bounded(unpacked, found.position, found.name)
            yield from _unpacked(found._replace(bare=bare_name(found.bare), stream=stream), inside=inside)
            return
    if head.startswith(b"PK\x03\x04") and seekable:
        yield from _unzipped(found)
    elif head[257:262] == b"ustar" and not inside:
        yield from _untarred(found)
    else:
        yield found


def _bounded(unpacked: Any, packed: Callable[[], int], name: str) -> io.BufferedReader:
    return io.BufferedReader(BoundedReader(unpacked, packed, name), _BUFFER)


def _unzipped(found: Opened) -> Iterator[Opened]:
    try:
        archive = zipfile.ZipFile(found.stream)
        names = set(archive.namelist())
    except DAMAGED as error:
        if not found.bare.lower().endswith(tuple(_ZIPPED.values())):
            raise _damaged(found.name, "zip", error) from error
        names = set()  # its reader says what is wrong
    suffix = PurePath(found.bare).suffix.lower()
    suffix = next((known for part, known in _ZIPPED.items() if part in names), suffix)
    if suffix in _ZIPPED.values():
        found.stream.seek(0)
        yield found._replace(bare=str(PurePath(found.bare).with_suffix(suffix)))
        return
    for member in archive.infolist():
        if not member.is_dir() and not is_hidden(member.filename):
            yield from _member(archive, member, found)


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, found: Opened) -> Iterator[Opened]:
    name = f"{found.name}/{member.filename}"
    if member.flag_bits & 1:
        raise XlplError("has a password", file=name, expected="an archive that anyone can open")
    try:
        unpacked = archive.open(member)
    except DAMAGED as error:
        raise _damaged(name, "zip", error) from error
    with unpacked:
        stream = _bounded(unpacked, partial(getattr, member, "compress_size"), name)
        yield from _unpacked(Opened(name, member.filename, stream, found.position), inside=True)


def _damaged(name: str, kind: str, error: Exception) -> XlplError:
    return XlplError(f"a damaged {kind} archive: {error}", file=name, expected="a whole archive")


def _untarred(found: Opened) -> Iterator[Opened]:
    try:
        with tarfile.open(fileobj=found.stream, mode="r|") as archive:
            for member in archive:
                if member.isfile() and not is_hidden(member.name.removeprefix("./")):
                    name = f"{found.name}/{member.name}"
                    stream = _bounded(archive.extractfile(member), partial(getattr, member, "size"), name)
                    yield from _unpacked(Opened(name, member.name, stream, found.position), inside=True)
    except (tarfile.TarError, *DAMAGED) as error:
        raise _damaged(found.name, "tar", error) from error
