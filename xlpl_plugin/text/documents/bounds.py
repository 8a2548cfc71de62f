"""Bounds on what a file may unpack to, so that a small hostile or broken one cannot fill memory or disk."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

from lxml import etree

from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.documents.source import MAX_WHOLE

# text packs to a third or a tenth, endless repeats by gzip to a thousandth
MAX_RATIO = 200
# below this nothing is refused: small files of repeats pack well
FREE_BYTES = 1 << 26
# what the standard library raises for damaged archives and compressed data
DAMAGED = (
    OSError, EOFError, ValueError, KeyError, RuntimeError, zlib.error, lzma.LZMAError, zipfile.BadZipFile
)  # fmt: skip


def too_much(name: str) -> XlplError:
    return XlplError(
        f"unpacks to more than {MAX_RATIO} times its size: no text does",
        file=name,
        expected=f"at most {MAX_RATIO} bytes for each packed one, beyond the first {FREE_BYTES >> 20} MiB",
        remedy="if it is what you want to read, unpack it yourself and give the result",
    )


class BoundedReader(io.RawIOBase):
    """What a decompressor yields, as long as it stays within the bounds.

    Reading raises XlplError where it does not, or where the compressed data is damaged.

    Args:
        unpacked: the decompressor's stream.
        packed: returns how many compressed bytes are used up.
    """

    def __init__(self, unpacked: Any, packed: Callable[[], int], name: str) -> None:
        self._unpacked, self._packed, self._name = unpacked, packed, name
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            found = self._unpacked.read(len(buffer))
        except XlplError:
            raise
        except DAMAGED as error:
            raise XlplError(
                f"the compressed data is damaged: {error}", file=self._name, expected="a whole compressed file"
            ) from error
        self._given += len(found)
        if self._given > max(FREE_BYTES, MAX_RATIO * self._packed()):
            raise too_much(self._name)
        buffer[: len(found)] = found
        return len(found)


def check_archive(archive: zipfile.ZipFile, name: str) -> None:
    """Check what the members of a document that is a zip archive unpack to; reading stops at the sizes they declare.

    Raises:
        XlplError: too much, or a password is needed.
    """
    members = archive.infolist()
    unpacked, packed = sum(member.file_size for member in members), sum(member.compress_size for member in members)
    if unpacked > max(FREE_BYTES, MAX_RATIO * packed):
        raise too_much(name)
    if unpacked > MAX_WHOLE:
        raise XlplError(
            f"unpacks to more than {MAX_WHOLE >> 20} MiB",
            file=name,
            expected="a smaller document: it must be in memory whole",
            remedy="divide it",
        )
    if any(member.flag_bits & 1 for member in members):
        raise XlplError("has a password", file=name, expected="a file that anyone can open")


def safe_xml(raw: bytes, name: str) -> etree._Element:
    """Parse XML that may come from anyone: nothing is fetched, no entity is expanded, depth and length are bounded.

    Raises:
        XlplError: it declares entities of its own.
        etree.XMLSyntaxError: it is no XML.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    root = etree.fromstring(raw, parser)
    check_entities(root, name)
    return root


def check_entities(root: etree._Element, name: str) -> None:
    """Raise ``XlplError`` where a document declares entities, of which a few lines can make gigabytes."""
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and any(True for _ in declared.iterentities()):
        raise XlplError(
            "the XML declares entities of its own", file=name, expected="XML without them, as word processors write it"
        )
