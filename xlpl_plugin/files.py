"""Reading and writing files so that nothing is half written and nothing is overwritten by accident."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from xlpl_plugin.encoding import lines_of
from xlpl_plugin.errors import XlplError

# a neighbour under which a file is written is named .NAME.RANDOM.part; a killed writer leaves it behind
PART = ".part"
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextlib.contextmanager
def atomic_open(path: str | Path, mode: str = "w", *, sync: bool = True) -> Iterator[IO[Any]]:
    """Open a neighbour of ``path`` for writing and move it into place when the block ends without an error.

    Without ``sync`` a power failure may still damage the file: for what is checked when it is read, and can be made
    again; waiting for the disk can take longer than the work.

    Raises:
        XlplError: the file cannot be made, there is no space left, or not for so large a file.
    """
    with atomic_path(path, sync=sync) as part, part.open(mode, encoding=None if "b" in mode else "utf-8") as stream:
        yield stream


@contextlib.contextmanager
def atomic_path(path: str | Path, *, sync: bool = True) -> Iterator[Path]:
    """Give the name of a neighbour of ``path``, for what writes files by their names; otherwise as ``atomic_open``."""
    path = Path(path)
    with system_errors(path, "a file that can be written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _moved_into_place(path, sync) as part:
            yield part


@contextlib.contextmanager
def system_errors(path: str | Path, expected: str) -> Iterator[None]:
    """Turn what the system refuses about a path of the user's (``OSError``) into the error that a user reads.

    Errors about another file, or about a reader that has gone, pass unchanged.
    """
    try:
        yield
    except OSError as error:
        if not _is_about(error, Path(path).absolute()):
            raise
        raise path_error(error, path, expected) from error


def _is_about(error: OSError, path: Path) -> bool:
    """Whether an error is of ``path``, a folder above it or the neighbour that it is written under."""
    if not isinstance(error.filename, str):  # such as a write to a full disk
        return not isinstance(error, BrokenPipeError)
    named = Path(error.filename).absolute()
    neighbour = named.parent == path.parent and named.name.startswith(_part_prefix(path))
    return named in (path, *path.parents) or neighbour


def path_error(error: OSError, path: str | Path, expected: str = "a file or folder that can be used") -> XlplError:
    """Return the error that a user reads for one of the system about ``path``."""
    if error.errno in _NO_SPACE:
        return XlplError(
            f"cannot be written (disk full?): {error.strerror}",
            file=path,
            expected="space on the disk",
            remedy="make space, or raise the quota, and run the same command again",
        )
    reason = (error.strerror or str(error)).lower()
    place = f" ({error.filename})" if error.filename and str(error.filename) != str(path) else ""
    remedy = "check the path: what its folders are, who may write there, and how long its names are"
    return XlplError(f"{reason}{place}", file=path, expected=expected, remedy=remedy)


def make_folder(path: str | Path) -> Path:
    """Make a folder, and those above it, where it is not there; return it.

    Raises:
        XlplError: the system refuses.
    """
    path = Path(path)
    with system_errors(path, "a folder that can be made"):
        path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def results_folder(path: Path) -> Iterator[None]:
    """Take away a folder that was not there before the block, and those above it, if the block fails; if empty."""
    with system_errors(path, "a folder that can be made"):
        new = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for folder in new:
                folder.rmdir()
        raise


def is_hidden(name: str | Path) -> bool:
    """Whether a name, or a folder in it, is hidden, or one that macOS puts beside files and into archives."""
    return any(part.startswith(".") or part == "__MACOSX" for part in Path(name).parts)


def visible_files(folder: Path, again: list[Path] | None = None) -> Iterator[tuple[Path, list[str]]]:
    """Yield a folder and each below it, with the names of its files in alphabetical order; hidden ones are left out.

    Links to folders are followed, after the real folders, so that what a file is called does not depend on links. Each
    folder is read once, and links cannot go in a circle.

    Args:
        again: takes the paths that lead to a folder that was read already.

    Raises:
        XlplError: a folder cannot be read.
    """
    seen: set[Path] = set()
    starts = [folder]
    for start in starts:
        for path, below, names in os.walk(start, onerror=_refuse_folder):
            here = Path(path)
            if (real := here.resolve()) in seen:
                below.clear()
                if again is not None:
                    again.append(here)
                continue
            seen.add(real)
            visible = sorted(name for name in below if not is_hidden(name))
            below[:] = [name for name in visible if not (here / name).is_symlink()]
            starts += [here / name for name in visible if name not in below]
            yield here, sorted(name for name in names if not is_hidden(name))


def _refuse_folder(error: OSError) -> None:
    raise path_error(error, error.filename, "a folder that can be read") from error


def _part_prefix(path: Path) -> str:
    return f".{path.name}."


@contextlib.contextmanager
def _moved_into_place(path: Path, sync: bool) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_part_prefix(path), suffix=PART)
    os.close(handle)
    try:
        yield Path(name)
        if sync:
            with open(name, "rb") as stream:
                os.fsync(stream.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: str | Path, text: str, *, sync: bool = True) -> None:
    with atomic_open(path, sync=sync) as stream:
        stream.write(text)


def write_lines(path: str | Path, lines: Iterable[str]) -> None:
    with atomic_open(path) as stream:
        stream.writelines(f"{line}\n" for line in lines)


def copy_file(source: str | Path, target: str | Path) -> None:
    """Copy the bytes of a file; ``target`` is as it was, or whole.

    Raises:
        XlplError: no such file, or no space left.
    """
    source = must_exist(source, "a file to copy")
    with system_errors(source, "a file to copy"), source.open("rb") as reader, atomic_open(target, "wb") as writer:
        shutil.copyfileobj(reader, writer)


def write_json(path: str | Path, value: Any, *, sync: bool = True) -> None:
    """Write indented UTF-8 JSON; dataclasses become objects."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, default=_plain) + "\n", sync=sync)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def read_json(path: str | Path) -> Any:
    path = must_exist(path, "a JSON file")
    try:
        with system_errors(path, "a JSON file"):
            return json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise XlplError(f"not JSON: {error}", file=path, expected="a JSON file") from error


def read_lines(path: str | Path) -> list[str]:
    """Read lines without their ends and without a byte order mark: UTF-8, or UTF-16 and UTF-32 by their mark.

    An empty line is an empty text, the last one too.

    Raises:
        XlplError: the file is missing, or a line is not UTF-8 (the error names the line, and what the file looks like).
    """
    return list(iter_lines(path))


def iter_lines(path: str | Path) -> Iterator[str]:
    """Read as ``read_lines`` does, one line at a time, so that a corpus need not fit in memory."""
    path = must_exist(path, "a UTF-8 text file")
    with system_errors(path, "a UTF-8 text file"), path.open("rb") as stream:
        yield from lines_of(stream, path)


def read_end(path: Path, size: int = 4096) -> str:
    """Return the last bytes of a log that others write, as text."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - size))
        return stream.read().decode("utf-8", errors="replace")


def must_exist(path: str | Path, what: str) -> Path:
    path = Path(path)
    with system_errors(path, what):
        if not path.exists():
            raise XlplError("no such file or folder", file=path, expected=what, remedy="check the path")
    return path


def new_output(path: str | Path, *, force: bool = False) -> Path:
    """Return ``path`` if nothing would be overwritten by writing results there.

    Raises:
        XlplError: the file exists, or the folder holds something, and ``force`` is false.
    """
    path = Path(path)
    with system_errors(path, "a new file or an empty folder"):
        # what a killed writer left half written is no result
        occupied = any(file.suffix != PART for file in path.iterdir()) if path.is_dir() else path.exists()
    if occupied and not force:
        raise XlplError(
            "already holds results",
            file=path,
            expected="a new file or an empty folder",
            remedy="choose another output, or add --force to overwrite",
        )
    return path


def sha256(path: str | Path) -> str:
    digest = hashlib.sha256()
    path = must_exist(path, "a file to hash")
    with system_errors(path, "a file"), path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
