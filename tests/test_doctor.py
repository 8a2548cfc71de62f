"""The doctor: a broken component is a finding with a remedy, never a crash."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from xlpl_plugin import doctor
from xlpl_plugin.cli.doctor import command
from xlpl_plugin.doctor import BrokenComponent, Check, examine, healthy
from xlpl_plugin.text.kenlm_tools import find_tool


def breaks() -> str:
    raise BrokenComponent("it says nothing")


def explodes() -> str:
    raise OSError("libfoo.so: cannot open\nsecond line")


def named(name: str) -> Check:
    return next(check for check in doctor.CHECKS if check.name == name)


def test_a_failing_probe_is_a_finding_with_its_remedy() -> None:
    own, foreign = examine([Check("own", breaks, remedy="mend it"), Check("foreign", explodes)])
    assert (own.works, own.detail, own.remedy) == (False, "it says nothing", "mend it")
    assert (foreign.works, foreign.detail) == (False, "OSError: libfoo.so: cannot open")
    assert foreign.remedy


def test_an_absent_module_has_no_version() -> None:
    (finding,) = examine([Check("absent", breaks, "xlpl_no_such_module")])
    assert finding.version == "not installed"


@pytest.mark.parametrize(("required", "status"), [(True, 1), (False, 0)])
def test_only_a_required_component_decides_the_exit_status(
    monkeypatch: pytest.MonkeyPatch, required: bool, status: int
) -> None:
    monkeypatch.setattr(doctor, "CHECKS", (Check("voice", breaks, required=required, remedy="mend it"),))
    table = CliRunner().invoke(command)
    assert table.exit_code == status
    assert "it says nothing" in table.output
    assert "mend it" in table.output

    report = CliRunner().invoke(command, ["--json"])
    assert report.exit_code == status
    assert json.loads(report.output)["ok"] is not required


def test_what_a_gpu_gives_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is none where the tests run: torch's answers are stand-ins."""
    answers = {
        "is_available": True, "device_count": 2, "get_device_name": "NVIDIA H200", 
        "mem_get_info": (9 * 2**30, 140 * 2**30),
    }  # fmt: skip
    for name, answer in answers.items():
        monkeypatch.setattr(torch.cuda, name, lambda answer=answer: answer)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    ones = torch.ones
    monkeypatch.setattr(torch, "ones", lambda *shape, device: ones(*shape))
    (finding,) = examine([named("GPU")])
    assert finding.works
    assert finding.detail.startswith("2 x NVIDIA H200, 140 GiB, 9 of them free, bfloat16, CUDA ")


def test_a_codec_that_returns_silence_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    silence = np.zeros(8000, dtype=np.float32)
    monkeypatch.setattr("xlpl_plugin.audio.reading.read_audio", lambda path: silence)
    (finding,) = examine([named("audio: flac")])
    assert not finding.works
    assert "level 0.00" in finding.detail


def test_missing_lmplz_is_told_with_the_script_and_is_not_fatal(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    empty = str(tmp_path_factory.mktemp("empty"))
    monkeypatch.setenv("PATH", empty)
    monkeypatch.setenv("XLPL_KENLM_BIN", empty)
    monkeypatch.setattr(sys, "prefix", empty)
    findings = examine([named("lmplz, build_binary")])
    assert not findings[0].works
    assert "scripts/build_kenlm.sh" in findings[0].remedy
    assert healthy(findings)


@pytest.mark.skipif(find_tool("lmplz") is None, reason="no lmplz: run scripts/build_kenlm.sh")
def test_lmplz_works_where_it_is_found() -> None:
    (finding,) = examine([named("lmplz, build_binary")])
    assert finding.works, finding.detail


@pytest.mark.slow
def test_all_that_is_required_works_here() -> None:
    result = CliRunner().invoke(command, ["--json"])
    report = json.loads(result.stdout)
    broken = [component for component in report["components"] if component["required"] and not component["works"]]
    assert broken == []
    assert result.exit_code == 0
    names = {component["name"] for component in report["components"]}
    assert {"fairseq and plugin", "decoder bindings", "lmplz, build_binary", "audio: g722", "GPU"} <= names
