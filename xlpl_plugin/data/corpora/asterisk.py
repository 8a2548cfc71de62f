"""Asterisk's core sounds: real prompts by professional voices, with the transcripts that Debian ships beside them."""

from __future__ import annotations

import gzip
import re
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

from omegaconf import OmegaConf

from xlpl_plugin.data.items import Item
from xlpl_plugin.debian import extract_deb, fetch_package
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import iter_lines, must_exist

LANGUAGES = ("en", "es", "fr", "it", "ru")
LICENCE = "CC-BY-SA-3.0"
_RULES = Path(__file__).with_name("asterisk.yaml")
# 16 kHz first; the others are the same recordings at 8 kHz
_SUFFIXES = (".g722", ".wav")
_LONE_LETTER = re.compile(r"(?<![\w'’])([^\W\d_])(?![\w'’])")
# "[his] message": a word in brackets before others may or may not be spoken; "full stop [.]" is certain
_OPTIONAL_WORDS = re.compile(r"[\[(][^\])]*[^\W\d_][^\])]*[\])][^\w\[(]*\w")


@dataclass(frozen=True)
class TranscriptRules:
    """The quirks of one language's transcripts (asterisk.yaml)."""

    not_speech: Sequence[str]
    uncertain: Sequence[str]
    words: Sequence[str] = ()
    skip: Mapping[str, str] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    replace: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Recordings:
    """Items to prepare, and what is left out before: name -> reason."""

    items: list[Item]
    skipped: dict[str, str]


def load_rules(language: str) -> TranscriptRules:
    """Return the rules of one of ``LANGUAGES``.

    Raises:
        XlplError: Debian has no such prompts.
    """
    if language not in LANGUAGES:
        raise XlplError(f"no Asterisk sounds for language {language!r}", expected=f"one of {', '.join(LANGUAGES)}")
    table = cast(dict[str, Any], OmegaConf.to_container(OmegaConf.load(_RULES)))
    return TranscriptRules(table["not_speech"], table["uncertain"], **table["languages"][language])


def fetch(language: str, origins: Sequence[Path], work: Path) -> list[Path]:
    """Return folders that hold the transcripts and the recordings.

    Args:
        language: one of ``LANGUAGES``.
        origins: folders (of the files, or of .deb files), tarballs or .deb files; none = download from Debian.
        work: an existing folder that archives are unpacked into.
    """
    if not origins:
        names = (f"asterisk-core-sounds-{language}", f"asterisk-core-sounds-{language}-g722")
        return [fetch_package(name) for name in names]
    folders = []
    for origin in origins:
        must_exist(origin, "a folder, a tarball or a .deb file")
        if origin.is_dir():
            # other languages' packages may lie in the same folder
            debs = sorted(origin.glob(f"asterisk-core-sounds-{language}[_-]*.deb"))
            folders += [_unpack(deb, work) for deb in debs] or [origin]
        else:
            folders.append(_unpack(origin, work))
    return folders


def _unpack(archive: Path, work: Path) -> Path:
    target = work / archive.name
    if archive.suffix == ".deb":
        return extract_deb(archive, target)
    try:
        with tarfile.open(archive) as tar:
            _unpack_files(tar, target)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise XlplError(
            f"cannot be unpacked: {error}", file=archive, expected="a .tar, .tar.gz, .tar.xz or .deb file"
        ) from error
    return target


def _unpack_files(tar: tarfile.TarFile, target: Path) -> None:
    """Unpack regular files that stay below ``target``; Python 3.11.2 has no extraction filter that sees to it."""
    for member in tar:
        file = (target / member.name).resolve()
        if not file.is_relative_to(target.resolve()):
            raise tarfile.TarError(f"{member.name!r} would be written outside of the folder")
        content = tar.extractfile(member) if member.isfile() else None
        if content:
            file.parent.mkdir(parents=True, exist_ok=True)
            with content, file.open("wb") as stream:
                shutil.copyfileobj(content, stream)


def recordings(language: str, folders: Sequence[Path]) -> Recordings:
    """Pair the recordings in ``folders`` with their transcripts.

    Raises:
        XlplError: no transcripts or no recordings, or a transcript line that cannot be read.
    """
    rules = load_rules(language)
    sounds = _find_sounds(language, folders)
    texts = read_transcripts(_find_transcripts(language, folders), rules)
    # names differ in case here and there: letters/O: and letters/o.g722
    lowered = {name.lower(): text for name, text in texts.items()}
    items, skipped = [], {}
    for name, path in sorted(sounds.items()):
        if _matches(name, rules.not_speech):
            skipped[name] = "not speech"
        elif name in rules.skip:
            skipped[name] = f"transcript unusable: {rules.skip[name]}"
        else:
            text = texts.get(name, lowered.get(name.lower(), ""))
            uncertain = _matches(name, rules.uncertain) or bool(_OPTIONAL_WORDS.search(text))
            items.append(Item(name, path, text, part="train" if uncertain else ""))
    return Recordings(items, skipped)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _find_transcripts(language: str, folders: Sequence[Path]) -> Path:
    for folder in folders:
        for path in sorted(folder.rglob(f"core-sounds-{language}.txt*")):
            return path
    raise XlplError(
        f"no core-sounds-{language}.txt or .txt.gz",
        file=folders[0],
        expected=f"the files of the Debian package asterisk-core-sounds-{language}",
        remedy="name that package too",
    )


def _find_sounds(language: str, folders: Sequence[Path]) -> dict[str, Path]:
    """Return name -> file; names are relative to the voice's folder (it_IT_m_Carlo) or, without one, to ``folder``."""
    for folder in folders:
        roots = sorted(path for path in folder.rglob(f"{language}_*") if path.is_dir()) or [folder]
        for suffix in _SUFFIXES:
            for root in roots:
                found = {str(path.relative_to(root).with_suffix("")): path for path in root.rglob(f"*{suffix}")}
                if found:
                    return found
    raise XlplError(
        f"no recordings ({' or '.join(_SUFFIXES)})",
        file=folders[0],
        expected=f"the files of the Debian package asterisk-core-sounds-{language}-g722",
        remedy="name that package too",
    )


def read_transcripts(path: Path, rules: TranscriptRules) -> dict[str, str]:
    """Return name -> raw text of a ``core-sounds-XX.txt[.gz]`` (lines ``name: text``, comments after ``;``).

    Several entries glued into one line come apart, the entry's own name before the text goes, and of two entries
    with one name the first stands.
    """
    entries: list[tuple[str, str]] = []
    for number, line in enumerate(_lines(path), start=1):
        line = line.lstrip("\ufeff").strip()
        if not line or line.startswith(";"):
            continue
        name, colon, text = line.partition(":")
        if not colon or " " in name:
            raise XlplError(f"cannot read the line {line[:60]!r}", file=path, line=number, expected="name: text")
        entries.append((name, text.strip()))
    texts: dict[str, str] = {}
    glued: list[tuple[str, str]] = []
    names = {name for name, _ in entries}
    for name, text in entries:
        own, *others = _unglue(name, text, names)
        texts.setdefault(rules.rename.get(name, name), _mend(own[1], name, rules))
        glued += others
    for name, text in glued:  # an entry with a line of its own is the better one
        texts[name] = texts.get(name) or _mend(text, name, rules)
    return texts


def _lines(path: Path) -> list[str]:
    if path.suffix != ".gz":
        return list(iter_lines(path))
    try:
        return gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise XlplError(f"byte {error.start} is not UTF-8", file=path, expected="UTF-8 text") from error
    except (OSError, EOFError) as error:
        raise XlplError(f"cannot be unpacked: {error}", file=path, expected="a whole .gz file") from error


def _unglue(name: str, text: str, names: set[str]) -> list[tuple[str, str]]:
    """Cut a text where ``another-name:`` of the list stands in it."""
    pieces = [(name, "")]
    for position, word in enumerate(re.split(r"([\w/-]+:)(?=\s)", text)):
        if position % 2 and word[:-1] in names and ("-" in word or word[:-1] == name):
            pieces.append((word[:-1], "")) if word[:-1] != name else None
        else:
            pieces[-1] = (pieces[-1][0], pieces[-1][1] + word)
    return pieces


def _mend(text: str, name: str, rules: TranscriptRules) -> str:
    for damaged, meant in rules.replace.items():
        text = text.replace(damaged, meant)
    # the normaliser reads capitals that stand alone by their names; small letters may be words
    if name.startswith("letters/") and len(text) == 1:
        return text.upper()
    return _LONE_LETTER.sub(lambda found: found[1] if found[1].lower() in rules.words else found[1].upper(), text)
