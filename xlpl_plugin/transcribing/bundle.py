"""``bundle.json``: a folder that holds all that transcribing needs, checked before anything in it is used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from xlpl_plugin.decoding import DecoderConfig
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist, read_json, sha256, system_errors
from xlpl_plugin.json_record import JsonRecord, convert

BUNDLE_FILE = "bundle.json"
AM_FILE, LEXICON_FILE, CARD_FILE = "model.safetensors", "lexicon.txt", "README.md"
# of the files' form; a bundle that this version's reader would misread has a higher one
FORM = 1
_REMEDY = "copy or download the whole bundle again"


@dataclass(frozen=True)
class BundledFile:
    """Size and hash of a file, by which a damaged one is found."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Bundle(JsonRecord):
    """``bundle.json``.

    Attributes:
        form: of the bundle (``FORM``).
        xlpl: the version that wrote it.
        language: code of what is spoken; '' where that is not known.
        licence: as who made the bundle gave it; '' where none was given.
        decoder: weights and beam; lexicon and LM are names of files beside this one.
        files: all that transcribing opens, by name.
    """

    form: int
    xlpl: str
    language: str
    licence: str
    decoder: DecoderConfig
    files: dict[str, BundledFile]

    holds = "the list of a bundle"
    written_by = "`xlpl bundle`"

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read as ``JsonRecord.read`` does.

        Raises:
            XlplError: besides, a bundle of a newer form.
        """
        content = read_json(path)
        form = content.get("form") if isinstance(content, dict) else None
        if isinstance(form, int) and form > FORM:
            raise XlplError(
                f"a bundle of form {form}, written by xlpl {content.get('xlpl', 'of a newer version')}",
                file=path,
                expected=f"form {FORM} or lower, which this version of xlpl reads",
                remedy="pip install --upgrade xlpl",
            )
        return convert(content, cls, path, holds=cls.holds, written_by=cls.written_by)


def list_files(folder: Path, names: Iterable[str]) -> dict[str, BundledFile]:
    """Return size and hash of files of a folder."""
    return {name: BundledFile((folder / name).stat().st_size, sha256(folder / name)) for name in names}


def open_bundle(folder: Path) -> tuple[Path, DecoderConfig]:
    """Return the acoustic model and the decoder of a bundle, all of whose files are as they were written.

    Nothing in the folder is opened but bundle.json and what that lists.

    Raises:
        XlplError: another form, a name that leads out of the folder, a file that is missing or damaged, or that is
            used and not listed.
    """
    bundle = Bundle.read(folder / BUNDLE_FILE)
    used = {AM_FILE} | {name for name in (bundle.decoder.lexicon, bundle.decoder.lm) if name}
    if unlisted := sorted(used - bundle.files.keys()):
        raise XlplError(f"does not list {unlisted[0]}", file=folder / BUNDLE_FILE, remedy=_REMEDY)
    for name, written in bundle.files.items():
        _require_inside(name, folder)
        _require_same(folder / name, written)
    decoder = bundle.decoder
    lexicon, lm = (str(folder / name) if name else "" for name in (decoder.lexicon, decoder.lm))
    return folder / AM_FILE, replace(decoder, lexicon=lexicon, lm=lm)


def _require_inside(name: str, folder: Path) -> None:
    if name in ("", ".", "..") or any(character in name for character in "/\\\0"):
        raise XlplError(
            f"names a file outside of the bundle: {name!r}",
            file=folder / BUNDLE_FILE,
            expected="names of files that stand beside it",
            remedy="do not use this bundle: `xlpl bundle` writes no such names",
        )


def _require_same(file: Path, written: BundledFile) -> None:
    with system_errors(file, "a file of the bundle"):
        size = must_exist(file, f"a file that {BUNDLE_FILE} lists").stat().st_size
    if size != written.bytes:
        problem, expected = f"has {size} bytes", f"{written.bytes} bytes, as {BUNDLE_FILE} says"
    elif (found := sha256(file)) != written.sha256:
        problem, expected = f"is not the file that was bundled: its SHA-256 is {found}", written.sha256
    else:
        return
    raise XlplError(problem, file=file, expected=expected, remedy=_REMEDY)
