"""The language model of a bundle: KenLM's trie with quantised numbers, where it can be had."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xlpl_plugin.files import copy_file, must_exist, system_errors
from xlpl_plugin.text.kenlm_tools import build_binary, find_tool
from xlpl_plugin.text.lm import LM_REPORT, LmReport

# the first bytes of a KenLM binary, by which KenLM itself knows one
_BINARY = b"mmap lm http://kheafield.com/code"


@dataclass(frozen=True)
class BundledLm:
    """The file that was written, beside the bundle's others, and in words how it differs from the run's LM."""

    name: str
    note: str


def write_lm(lm: str | Path, folder: Path, bits: int) -> BundledLm:
    """Write a language model into a folder, with ``bits`` for each number if that makes it smaller.

    KenLM quantises only what it reads as ARPA: the model itself, or the ``lm.arpa`` that `xlpl lm` leaves beside.

    Raises:
        XlplError: no such file, or KenLM's program fails.
    """
    lm = must_exist(lm, "the language model of the run")
    if bits == 0:
        return _copied(lm, folder, "as in the run")
    arpa, program = _find_arpa(lm), find_tool("build_binary")
    if arpa is None:
        return _copied(lm, folder, "not quantised, since its ARPA is not beside it, as `xlpl lm` leaves it")
    if program is None:
        return _copied(lm, folder, "not quantised, since KenLM's build_binary is not there (xlpl doctor)")
    small = folder / "lm.bin"
    build_binary(program, arpa, small, "trie", bits=bits)
    before, after = lm.stat().st_size, small.stat().st_size
    if after >= before:
        return _copied(lm, folder, f"not quantised, since that does not make its {before:,} bytes fewer")
    return BundledLm(small.name, f"quantised to {bits} bits: {after:,} bytes instead of {before:,}")


def _find_arpa(lm: Path) -> Path | None:
    """Return the ARPA file of a model, None where there is none that is known to be of the same model."""
    if not _is_binary(lm):
        return lm
    arpa, report = lm.with_name("lm.arpa"), LmReport.read_if_there(lm.with_name(LM_REPORT))
    return arpa if report and report.model == lm.name and arpa.exists() else None


def _is_binary(lm: Path) -> bool:
    with system_errors(lm, "a KenLM model"), lm.open("rb") as stream:
        return stream.read(len(_BINARY)) == _BINARY


def _copied(lm: Path, folder: Path, note: str) -> BundledLm:
    name = "lm.bin" if _is_binary(lm) else "lm.arpa"
    (folder / "lm.bin").unlink(missing_ok=True)
    copy_file(lm, folder / name)
    return BundledLm(name, note)
