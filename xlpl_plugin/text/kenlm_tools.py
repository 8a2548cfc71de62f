"""KenLM's programs: where they are, and running them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from xlpl_plugin.errors import XlplError

# with --limit_vocab_file lmplz takes new memory for zeros, and dies by a signal where it holds something else, as under
# the malloc settings that a CPU training gains from. glibc fills new memory with the complement of this byte
_ZEROED_MEMORY = {"MALLOC_PERTURB_": "255"}


def find_tool(name: str) -> Path | None:
    """Look for ``lmplz`` or ``build_binary`` on the PATH, in $XLPL_KENLM_BIN, and beside this Python."""
    for folder in (None, os.environ.get("XLPL_KENLM_BIN"), str(Path(sys.prefix) / "bin")):
        if folder != "" and (found := shutil.which(name, path=folder)):
            return Path(found)
    return None


def estimate_with_lmplz(
    program: Path, text: Path, arpa: Path, *, order: int, prune: Sequence[int], vocabulary: Path | None, memory: str
) -> bool:
    """Estimate modified Kneser-Ney with ``lmplz``; return whether its discounts had to be replaced by constants.

    Raises:
        XlplError: lmplz failed, also with ``--discount_fallback``.
    """
    command = [str(program), "--order", str(order), "--text", str(text), "--arpa", str(arpa), "--memory", memory]
    command += ["--temp_prefix", f"{arpa.parent}/", "--prune", *map(str, prune or [0])]
    command += ["--limit_vocab_file", str(vocabulary)] if vocabulary is not None else []
    environment = {} if vocabulary is None else _ZEROED_MEMORY
    result = _run(command, environment)
    fallback = result.returncode != 0 and "discount_fallback" in result.stderr
    if fallback:
        result = _run([*command, "--discount_fallback"], environment)
    if result.returncode != 0:
        raise _failed("lmplz", result)
    return fallback


def build_binary(program: Path, arpa: Path, binary: Path, kind: str, *, bits: int = 0) -> None:
    """Write KenLM's memory-mapped form: ``trie`` (small) or ``probing`` (fast).

    Args:
        bits: for each probability and back-off weight of a trie, which become one of so many values; 0: all of theirs.

    Raises:
        XlplError: build_binary failed.
    """
    quantised = ["-q", str(bits), "-b", str(bits)] if bits else []
    result = _run([str(program), "-T", f"{binary.parent}/", *quantised, kind, str(arpa), str(binary)], {})
    if result.returncode != 0:
        raise _failed("build_binary", result)


def _run(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a program, with more variables than ours."""
    variables = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, errors="replace", env=variables)


def _failed(name: str, result: subprocess.CompletedProcess[str]) -> XlplError:
    said = " ".join(result.stderr.split())[-600:]
    return XlplError(f"{name} failed with status {result.returncode}: {said}", remedy="xlpl doctor tests the program")
