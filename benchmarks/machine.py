"""Where a benchmark ran, and what its processes took: CPU time and memory, read from /proc."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

_PACKAGES = ("xlpl", "torch", "torchaudio", "flashlight-text", "kenlm", "numpy", "pyctcdecode")
_TICKS = os.sysconf("SC_CLK_TCK")


class Memory(NamedTuple):
    """Memory of one process in MB (10^6 bytes).

    Attributes:
        name: its role, from its command line.
        rss: resident now, pages shared with other processes counted in full.
        rss_peak: the largest that ``rss`` has been.
        pss: resident now, each shared page divided among those who share it.
        private: resident now and shared with no one.
    """

    pid: int
    name: str
    rss: float
    rss_peak: float
    pss: float
    private: float

    @property
    def private_peak(self) -> float:
        """Upper bound of the largest ``private``: what has gone since the peak is taken for private."""
        return self.private + self.rss_peak - self.rss


def about() -> dict[str, str]:
    """Return machine, versions and commit, as printed above each table."""
    here = Path(__file__).parents[1]
    commit = _output(["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"])
    memory = int(_fields(Path("/proc/meminfo")).get("MemTotal", "0 kB").split()[0]) / 2**20
    allocator = " ".join(f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("MALLOC_"))
    return {
        "cpu": f"{_cpu_model()}, {os.cpu_count()} cores, {memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {_version(name)}" for name in _PACKAGES),
        "commit": commit or "no git repository",
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "allocator": allocator or "default",
    }


def process_tree(root: int) -> list[int]:
    """Return ``root`` and all its descendants that live."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (fields := _fields(folder / "status")):
            parents[int(folder.name)] = int(fields["PPid"])
    found = [root]
    for pid in found:  # grows while it is read
        found.extend(child for child, parent in parents.items() if parent == pid)
    return found


def cpu_seconds(pids: Sequence[int]) -> float:
    """Return the CPU time that living processes have taken so far, user and system."""
    total = 0
    for pid in pids:
        # the name in brackets may hold spaces
        user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        total += int(user) + int(system)
    return total / _TICKS


def memory(pid: int) -> Memory:
    status, rollup = _fields(Path(f"/proc/{pid}/status")), _fields(Path(f"/proc/{pid}/smaps_rollup"))
    private = _megabytes(rollup, "Private_Clean") + _megabytes(rollup, "Private_Dirty")
    return Memory(
        pid, status.get("Name", "?"), _megabytes(status, "VmRSS"), _megabytes(status, "VmHWM"),
        _megabytes(rollup, "Pss"), private,
    )  # fmt: skip


def resident(pid: int) -> float:
    """Return the resident memory in MB; 0 for a process that is gone."""
    return _megabytes(_fields(Path(f"/proc/{pid}/status")), "VmRSS")


def _megabytes(fields: Mapping[str, str], name: str) -> float:
    return int(fields.get(name, "0 kB").split()[0]) * 1024 / 1e6


def _fields(file: Path) -> dict[str, str]:
    """Read ``name: value`` lines; nothing where the process ended in the meantime."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _cpu_model() -> str:
    return _fields(Path("/proc/cpuinfo")).get("model name\t", platform.machine())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _output(command: Sequence[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
