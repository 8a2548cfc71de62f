"""Devices that emulate bfloat16 say so, once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from xlpl_plugin.doctor import CHECKS, examine
from xlpl_plugin.models import precision
from xlpl_plugin.models.acoustic import load_acoustic_model

Save = Callable[..., Path]
WITH = "processor\t: 0\nflags\t\t: fpu avx2 avx512_bf16 amx_tile\n"
WITHOUT = "processor\t: 0\nflags\t\t: fpu avx2 avx512f\nmodel name\t: amx_bf16\n"


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Put a processor in the place of this machine's."""

    def put(content: str) -> None:
        (tmp_path / "cpuinfo").write_text(content)
        monkeypatch.setattr(precision, "_CPUINFO", tmp_path / "cpuinfo")

    precision.warn_of_emulation.cache_clear()
    yield put
    precision.warn_of_emulation.cache_clear()


@pytest.mark.parametrize(
    ("content", "computes"), [(WITH, True), (WITHOUT, False), ("Features\t: fp asimd bf16\n", True), ("", False)]
)
def test_a_cpu_is_known_by_its_instructions(cpu: Callable[[str], None], content: str, computes: bool) -> None:
    cpu(content)
    assert precision.computes_bf16("cpu") is computes
    (finding,) = examine([check for check in CHECKS if check.name == "torch"])
    assert finding.detail.endswith(f"the CPU {'computes in' if computes else 'emulates'} bfloat16")


def test_a_system_that_does_not_tell_counts_as_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(precision, "_CPUINFO", tmp_path / "missing")
    assert not precision.computes_bf16("cpu")


@pytest.mark.parametrize("content", [WITH, WITHOUT])
def test_labelling_warns_once(
    cpu: Callable[[str], None], content: str, tmp_path: Path, save: Save, caplog: pytest.LogCaptureFixture
) -> None:
    cpu(content)
    file = save(tmp_path / "am.pt", ("|", "a"))
    with caplog.at_level(logging.WARNING):
        for bf16 in (False, True, True):
            load_acoustic_model(file, "cpu", bf16=bf16)
    warnings = [record for record in caplog.records if "emulates bfloat16" in record.message]
    assert len(warnings) == (content == WITHOUT)
