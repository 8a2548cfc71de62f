"""The files that results are made with: their hashes, and whether one was replaced meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist, sha256


class InputFiles:
    """Files by name (am, decoder.lm, ...).

    Attributes:
        sha256: the hash of each, when they were first looked at.
    """

    def __init__(self, files: Mapping[str, str | Path]) -> None:
        """Hash the files.

        Raises:
            XlplError: one is missing.
        """
        self._files = {name: must_exist(path, f"the file that {name} names") for name, path in files.items()}
        self._states = {name: _state(path) for name, path in self._files.items()}  # before they are read
        self.sha256 = {name: sha256(path) for name, path in self._files.items()}

    def check(self) -> None:
        """Compare size, times and inode, and, only where they differ, the content.

        Raises:
            XlplError: a file is not what it was.
        """
        for name, path in self._files.items():
            state = _state(path)
            if state == self._states[name]:
                continue
            if state is None or sha256(path) != self.sha256[name]:
                raise XlplError(
                    f"was {'removed' if state is None else 'replaced'} while it was in use ({name})",
                    file=path,
                    expected=f"the file with sha256 {self.sha256[name][:16]}..., which finished shards were made with",
                    remedy="put it back and run the same command again, which goes on; or start over with --force",
                )
            self._states[name] = state


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino
