"""The distribution: what it requires is used, what it uses is required, and a wheel alone is enough."""

from __future__ import annotations

import ast
import itertools
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import pytest

import xlpl_plugin

ROOT = Path(xlpl_plugin.__file__).parent.parent
# required by others' code, or started as a program: distribution -> why it is not imported
NOT_IMPORTED = {
    "tensorboardx": "fairseq imports it and does not declare it",
    "editdistance": "fairseq imports it and does not declare it",
    "hydra-submitit-launcher": "hydra finds it by itself",
    "mwparserfromhell": "imported by name, so that an error names the extra",
    "lhotse": "imported by name, so that an error names the extra",
    "onnxscript": "imported by name, so that an error names the extra",
    "onnxruntime": "imported by name, so that an error names the extra",
    "pyarrow": "imported by name, so that an error names the extra",
    "pypdf": "imported by name, so that an error names the extra",
    "pysubs2": "imported by name, so that an error names the extra",
    "urielplus": "benchmarks/study imports it by name, so that an error names the extra",
    "praatio": "imported by name, so that an error names the extra",
    "pympi-ling": "imported by name, so that an error names the extra",
    "transformers": "opens what xlpl writes for it, in the tests as well",
    "cryptography": "pypdf reads encrypted files with it",
    "urllib3": "lhotse imports it and does not declare it",
    "language-data": "langcodes imports it for names",
    "torchaudio": "torch's own audio functions, the yardstick of the decoder's tests; pinned beside torch",
}


def required() -> set[str]:
    """Return the names of the distributions that the package and its extras need, as setup.py declares them."""
    tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    lists = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}  # type: ignore[attr-defined]
    lines = [*ast.literal_eval(lists["REQUIRES"]), *itertools.chain(*ast.literal_eval(lists["EXTRAS"]).values())]
    return {re.split(r"[=<>!\[ ]", line)[0].lower() for line in lines}


def imported() -> set[str]:
    """Return the top-level modules that the package imports, but for the standard library's and its own."""
    found = set()
    for file in (ROOT / "xlpl_plugin").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            found |= {name.split(".")[0] for name in names}
    return {name for name in found if name and name not in sys.stdlib_module_names | {"xlpl_plugin"}}


def test_what_is_required_is_used_and_what_is_used_is_required() -> None:
    owners = {module: {name.lower() for name in names} for module, names in metadata.packages_distributions().items()}
    used = {module: owners.get(module, set()) for module in imported()}
    assert not {module: names for module, names in used.items() if not names & required()}
    unused = required() - set().union(*used.values()) - set(NOT_IMPORTED)
    assert not unused


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel; all other packages are seen, the checkout is not."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # a build leaves files beside its source, and takes what a former one left there
    for name in ("xlpl_plugin", "config", "examples"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, source]
    subprocess.run(list(map(str, wheel)), check=True)
    [built] = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", built]
    subprocess.run(list(map(str, install)), check=True)
    [packages] = (folder / "venv" / "lib").glob("python*/site-packages")
    # a path in a .pth file is searched, but the .pth files there are not read: an editable installation stays unseen
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "venv"


class Shell:
    """Runs commands of an environment in an empty folder."""

    def __init__(self, environment: Path, folder: Path) -> None:
        self.bin, self.folder = environment / "bin", folder
        self.variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def __call__(self, program: str, *words: object) -> str:
        command = [str(self.bin / program), *map(str, words)]
        done = subprocess.run(
            command, cwd=self.folder, env=self.variables, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture
def shell(environment: Path, tmp_path: Path) -> Shell:
    (tmp_path / "empty").mkdir()
    return Shell(environment, tmp_path / "empty")


@pytest.mark.slow
def test_a_wheel_goes_the_whole_way(shell: Shell, tmp_path: Path) -> None:
    assert shell("xlpl", "--version").startswith("xlpl ")
    plugin, config = Path(shell("xlpl", "user-dir")), Path(shell("xlpl", "config-dir"))
    assert plugin.is_relative_to(shell.bin.parent)
    assert config.is_relative_to(shell.bin.parent)
    assert (Path(shell("xlpl", "config-dir", "--examples")) / "quickstart" / "run.yaml").exists()
    data = tmp_path / "es"
    shell("xlpl", "prepare", "espeak", "--language", "es", "--minutes", "0.5", "--valid", "0.2", "--out", data)
    few = ["model=mini", "optimization.max_update=2", "dataset.max_tokens=160000", "common.cpu=true"]
    keys = [f"common.user_dir={plugin}", f"task.data={data}", f"checkpoint.save_dir={tmp_path}/am", *few]
    shell("python", "-m", "fairseq_cli.hydra_train", "--config-dir", config, "--config-name", "train", *keys)
    model = f"am={tmp_path}/am/checkpoint_last.pt"
    shell("xlpl", "label", model, f"data={data}", f"out={tmp_path}/labels", "device=cpu")
    assert (tmp_path / "labels" / "labels.jsonl").exists()


@pytest.mark.slow
def test_a_users_code_is_checked_against_its_types(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text("from xlpl_plugin.stage import Stage\nreveal_type(Stage.round(1).folder)\n")
    arguments = [
        "-m",
        "mypy",
        "--python-executable",
        shell.bin / "python",
        "--cache-dir",
        tmp_path / "cache",
        tmp_path / "user.py",
    ]
    assert 'Revealed type is "str"' in shell("python", *arguments)
