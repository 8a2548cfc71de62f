"""Unicode text out of bytes: byte order marks, and what a file looks like that is not UTF-8."""

from __future__ import annotations

import io
import shlex
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from xlpl_plugin.errors import XlplError

# the mark of UTF-32 begins with that of UTF-16
_WIDE = ((BOM_UTF32_LE, "utf-32"), (BOM_UTF32_BE, "utf-32"), (BOM_UTF16_LE, "utf-16"), (BOM_UTF16_BE, "utf-16"))
# enough to tell what a file is
SAMPLE = 1 << 16
_OTHERS = "WINDOWS-1252 (western Europe), WINDOWS-1251 (Cyrillic), GB18030 (Chinese), SHIFT_JIS (Japanese)"


class _Signature(NamedTuple):
    """How a file that is no text begins, what it is, and the command that makes it one that can be read."""

    start: bytes
    kind: str
    remedy: str


_SIGNATURES = (
    _Signature(b"\x1f\x8b", "compressed with gzip", "gunzip -c {file} > {plain}"),
    _Signature(b"BZh", "compressed with bzip2", "bunzip2 -c {file} > {plain}"),
    _Signature(b"\xfd7zXZ\0", "compressed with xz", "unxz -c {file} > {plain}"),
    _Signature(b"\x28\xb5\x2f\xfd", "compressed with zstd", "unzstd -c {file} > {plain}"),
    _Signature(b"PK\x03\x04", "a zip archive, or a document kept as one (docx, odt, epub)", "unzip {file}"),
    _Signature(b"%PDF-", "a PDF", "pdftotext {file} {plain}"),
    _Signature(b"\xd0\xcf\x11\xe0", "an old Word document, or one with a password", "save it as docx or as text"),
    _Signature(b"{\\rtf", "a Rich Text document", "save it as docx or as text"),
)


def mark_of(head: bytes) -> tuple[str, int]:
    """Return the encoding that the byte order mark at the start names, and the mark's length; UTF-8 without one."""
    if head.startswith(BOM_UTF8):
        return "utf-8", len(BOM_UTF8)
    return next(((name, len(mark)) for mark, name in _WIDE if head.startswith(mark)), ("utf-8", 0))


def lines_of(stream: BinaryIO, name: str | Path) -> Iterator[str]:
    """Yield the lines of a text without their ends; a byte order mark is taken off, and UTF-16 or 32 follows its mark.

    Args:
        stream: can be moved back to its start.
        name: the file's, for the error.

    Raises:
        XlplError: a line is not in the encoding (the error names the line, and what the file looks like).
    """
    encoding, length = mark_of(stream.read(4))
    if encoding != "utf-8":
        stream.seek(0)
        yield from _wide_lines(stream, encoding, name)
        return
    stream.seek(length)
    for number, raw in enumerate(stream, start=1):
        yield decoded(raw, name, number, stream).rstrip("\r\n")


def decoded(raw: bytes, name: str | Path, line: int, stream: BinaryIO | None = None) -> str:
    """Return what UTF-8 bytes say.

    Args:
        raw: one line, or some whole ones.
        line: number of the first.
        stream: the whole, if it can be moved back to its start for a look.

    Raises:
        XlplError: they are not UTF-8, or hold a byte 0.
    """
    start = raw.find(b"\0")
    if start < 0:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            start = error.start
    sample = raw
    if stream is not None:
        stream.seek(0)
        sample = stream.read(SAMPLE)
    bad = start - (raw.rfind(b"\n", 0, start) + 1)
    raise not_text(name, line + raw.count(b"\n", 0, start), bad, sample)


def _wide_lines(stream: BinaryIO, encoding: str, name: str | Path) -> Iterator[str]:
    text = io.TextIOWrapper(stream, encoding=encoding, newline="\n")
    number = 0
    try:
        for line in text:
            number += 1
            yield line.rstrip("\r\n")
    except UnicodeError as error:
        problem = f"not {encoding.upper()}, which its byte order mark names"
        raise XlplError(problem, file=name, line=number + 1, expected="text in one encoding") from error
    finally:
        text.detach()


def not_text(name: str | Path, line: int, byte: int, sample: bytes) -> XlplError:
    """Return the error for bytes that are not UTF-8, by what the file looks like.

    Args:
        sample: bytes from the start of the file.
    """
    kind, remedy = _looks_like(sample)
    file = shlex.quote(str(name))
    plain = shlex.quote(str(_plain_name(Path(name))))
    return XlplError(
        f"byte {byte} of the line is not UTF-8; {kind}",
        file=name,
        line=line,
        expected="UTF-8 text",
        remedy=remedy.format(file=file, plain=plain),
    )


def _plain_name(file: Path) -> Path:
    """Return a name beside ``file`` for what its text is converted to; a table stays a table by its suffix."""
    bare = file.with_suffix("") if file.suffix in (".gz", ".bz2", ".xz", ".zst") else file
    suffix = ".txt" if bare.suffix in ("", ".pdf") else bare.suffix
    return bare.with_name(f"{bare.stem}-plain{suffix}")


def signature_of(head: bytes) -> tuple[str, str]:
    """Return what a file that begins so is, if it is no text, and the command that makes it text; else empty texts."""
    return next(((known.kind, known.remedy) for known in _SIGNATURES if head.startswith(known.start)), ("", ""))


def _looks_like(sample: bytes) -> tuple[str, str]:
    kind, remedy = signature_of(sample)
    if kind:
        return f"the file is {kind}", remedy
    if b"\0" in sample:
        return _with_zeros(sample)
    if not _good(sample).isascii():
        return (
            "what stands before it is, so the file is damaged here",
            "mend the line, or drop such bytes: iconv -c -f UTF-8 -t UTF-8 {file} > {plain}",
        )
    return (
        "the file looks like text in another encoding",
        f"convert it from the one that it has, such as {_OTHERS}: iconv -f ENCODING -t UTF-8 {{file}} > {{plain}}",
    )


def _good(sample: bytes) -> bytes:
    """Return what is UTF-8 at the start."""
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        return sample[: error.start]
    return sample


def _with_zeros(sample: bytes) -> tuple[str, str]:
    """Tell UTF-16 without its mark, where most of every other byte is 0 in Latin text, from what is no text."""
    for encoding, zeros in (("UTF-16LE", sample[1::2]), ("UTF-16BE", sample[0::2])):
        if zeros.count(0) > 0.4 * len(zeros) and zeros.count(0) > 0.9 * sample.count(0):
            remedy = f"convert it: iconv -f {encoding} -t UTF-8 {{file}} > {{plain}}"
            return f"the file looks like {encoding} without a byte order mark", remedy
    return "the file is no text: it holds bytes of value 0", "give the text, not this file"
