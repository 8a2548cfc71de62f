"""Files of Debian packages without installing them and without root: apt-get download, then dpkg-deb --extract."""

from __future__ import annotations

import functools
import getpass
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import make_folder


def default_cache() -> Path:
    """Return the folder that downloads are kept in: ``$XDG_CACHE_HOME/xlpl`` or ``~/.cache/xlpl``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xlpl"


def fetch_package(name: str, cache_dir: str | Path | None = None) -> Path:
    """Return the folder that holds the files of the Debian package ``name``, downloading it at the first call.

    The folder is ``cache_dir/name`` (by default under ``default_cache()``) and appears only when complete.

    Raises:
        XlplError: apt-get or dpkg-deb is missing, the package is unknown, or the download failed.
    """
    cache = Path(cache_dir) if cache_dir is not None else default_cache()
    target = cache / name
    if target.is_dir():
        return target
    make_folder(cache)
    with tempfile.TemporaryDirectory(dir=cache, prefix=f".{name}.") as work:
        _download(name, Path(work))
        archives = list(Path(work).glob("*.deb"))
        if len(archives) != 1:
            raise XlplError(f"apt-get download {name} left {len(archives)} .deb files", expected="one")
        _publish(extract_deb(archives[0], Path(work) / "files"), target)
    return target


def _download(name: str, folder: Path) -> None:
    problem = f"cannot download the Debian package {name!r}"
    try:
        _run(["apt-get", "download", name], folder, problem)
    except XlplError as refused:
        # a bare machine's package lists are empty or stale, and updating them takes root: use lists of our own
        try:
            _run(["apt-get", "download", *_own_lists().options, name], folder, problem)
        except XlplError:
            raise refused from None


class _PackageLists:
    """apt's lists in a temporary folder, which lives as long as this object."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="xlpl-apt-")
        root = Path(self._folder.name)
        for part in ("lists", "archives"):
            (root / part / "partial").mkdir(parents=True)
        settings = (
            f"Dir::State::Lists={root / 'lists'}",
            f"Dir::Cache={root}",
            f"APT::Sandbox::User={getpass.getuser()}",
        )
        self.options = [word for setting in settings for word in ("-o", setting)]
        _run(["apt-get", "update", *self.options], root, "cannot fetch Debian's package lists")


@functools.cache
def _own_lists() -> _PackageLists:
    """Fetch the lists once a process."""
    return _PackageLists()


def extract_deb(archive: str | Path, target: str | Path) -> Path:
    """Extract the files of a .deb into ``target`` (made if needed) and return it.

    Raises:
        XlplError: dpkg-deb is missing, or the archive is damaged.
    """
    archive, target = Path(archive).resolve(), Path(target)
    make_folder(target)
    _run(["dpkg-deb", "--extract", str(archive), "."], target, f"cannot unpack {archive}")
    return target


def _publish(folder: Path, target: Path) -> None:
    try:
        folder.rename(target)
    except OSError:
        if not target.is_dir():  # otherwise another process was first, and its files are the same
            raise


def _run(command: list[str], folder: Path, problem: str) -> None:
    if shutil.which(command[0]) is None:
        raise XlplError(
            f"{problem}: {command[0]} is not on this machine",
            expected="a Debian or Ubuntu machine",
            remedy="get the .deb elsewhere and pass it, or a folder with its files, by --from",
        )
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    if result.returncode != 0:
        said = [line for line in result.stderr.splitlines() if line.startswith(("E:", "dpkg"))]
        raise XlplError(
            f"{problem}: {' '.join(said) or result.stderr.strip()}",
            expected=f"{' '.join(command[:2])} to succeed",
            remedy="run apt-get update (as root), check the network, or pass the files by --from",
        )
