"""The command as a whole: what a user sees before any verb does its work."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import xlpl_plugin
from xlpl_plugin.cli import VERBS, main, xlpl
from xlpl_plugin.cli.prepare import KINDS
from xlpl_plugin.errors import XlplError


def run_main(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Return the exit status of the console script."""
    monkeypatch.setattr(sys, "argv", ["xlpl", *words])
    try:
        main()
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


def test_unknown_verb_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(monkeypatch, "labell") == 2
    assert "labell" in capsys.readouterr().err


def test_unknown_option_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(monkeypatch, "user-dir", "--nonsense") == 2
    assert "--nonsense" in capsys.readouterr().err


def test_bad_input_is_one_message_without_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def broken() -> None:
        raise XlplError("no lines", file="text.txt", line=3, expected="a sentence", remedy="write one")

    monkeypatch.setattr(xlpl, "get_command", lambda ctx, name: broken)
    assert run_main(monkeypatch, "lm") == 2
    said = capsys.readouterr().err
    assert said.splitlines() == ["xlpl: text.txt:3: no lines", "  expected: a sentence", "  to do: write one"]


def test_help_names_every_verb_and_loads_no_torch() -> None:
    program = (
        "import sys; from xlpl_plugin.cli import xlpl; xlpl(['--help'], standalone_mode=False); "
        "sys.exit('torch' in sys.modules)"
    )
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert child.returncode == 0, child.stderr
    for verb in VERBS:
        assert f"\n  {verb} " in child.stdout


FURTHER = [
    *(("prepare", kind) for kind in KINDS),
    ("import", "huggingface"),
    ("export", "huggingface"),
    ("export", "onnx"),
]


@pytest.mark.parametrize("words", [*((verb,) for verb in VERBS), *FURTHER], ids=" ".join)
def test_every_verb_teaches_by_example(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(xlpl, [*words, "--help"])
    assert result.exit_code == 0, result.output
    _usage, *rest = result.output.split("\n\n")
    assert f"xlpl {' '.join(words)}" in " ".join(" ".join(rest).split())


def test_user_dir_is_the_folder_of_the_package() -> None:
    result = CliRunner().invoke(xlpl, ["user-dir"])
    folder = Path(result.output.removesuffix("\n"))
    assert folder.name == "xlpl_plugin"
    assert (folder / "__init__.py").samefile(str(xlpl_plugin.__file__))


def test_config_dir_holds_the_training_configuration_and_the_examples() -> None:
    result = CliRunner().invoke(xlpl, ["config-dir"])
    assert (Path(result.output.removesuffix("\n")) / "train.yaml").exists()
    result = CliRunner().invoke(xlpl, ["config-dir", "--examples"])
    assert (Path(result.output.removesuffix("\n")) / "asterisk" / "short.yaml").exists()


def test_version_is_that_of_the_distribution() -> None:
    assert CliRunner().invoke(xlpl, ["--version"]).output == f"xlpl {metadata.version('xlpl')}\n"


@pytest.mark.parametrize(
    ("typed", "found"), [("xlpl it", "iterate"), ("xlpl labels me", "merge"), ("xlpl label --fo", "--force")]
)
def test_bash_completes_verbs_and_options(typed: str, found: str) -> None:
    words = typed.split()
    environment = {
        **os.environ,
        "_XLPL_COMPLETE": "bash_complete",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(words) - 1),
    }
    program = "from xlpl_plugin.cli import xlpl; xlpl(prog_name='xlpl')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=60)
    assert f"plain,{found}" in done.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(shell: str) -> None:
    assert "_XLPL_COMPLETE" in CliRunner().invoke(xlpl, ["completion", shell]).output
