"""The package's shape: imports point one way, folders stay small, a name means one thing, references are walled off."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import xlpl_plugin

PACKAGE = Path(xlpl_plugin.__file__).parent
TESTS = Path(__file__).parent
# each may import those before it; a name is a folder or a module of the package
LAYERS = (
    ("errors",),
    ("encoding", "extras"),
    ("files", "stage", "text_table"),
    ("schema", "json_record", "concurrency", "debian", "shipped", "espeak"),
    ("config", "audio", "text"),
    ("data",),
    ("models", "decoding"),
    ("criterions",),
    ("continuous",),
    ("tasks", "shards"),
    ("registry",),
    ("emissions",),
    ("tuning",),
    ("labelling",),
    ("monitoring", "executors", "picking"),
    ("run",),
    ("transcribing",),
    ("export",),
    ("start",),
    ("evaluation",),
    ("report",),
    ("bundling",),
    ("doctor",),
    ("cli",),
)
# models load what fairseq must know by then, inside a function
LATER = {("models", "registry")}


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for file in PACKAGE.rglob("*.py"):
        yield file, ast.parse(file.read_text(encoding="utf-8"))


def layer_of(file: Path) -> str:
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(tree: ast.Module) -> Iterator[str]:
    """Yield the layers that a module names in its imports, those inside functions too."""
    for node in ast.walk(tree):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (name.split(".")[1] for name in names if name.startswith("xlpl_plugin."))


def test_imports_point_one_way() -> None:
    rank = {name: number for number, names in enumerate(LAYERS) for name in names}
    wrong = [
        f"{file.relative_to(PACKAGE)} imports {other}"
        for file, tree in modules()
        if (own := layer_of(file)) != "__init__"
        for other in imported(tree)
        if other != own and rank[other] >= rank[own] and (own, other) not in LATER
    ]
    assert not wrong


def test_only_scoring_sees_references() -> None:
    """Code that makes labels, or decides by them, cannot import the folder that reads references."""
    readers = {layer_of(file) for file, tree in modules() if "evaluation" in imported(tree)}
    assert readers <= {"evaluation", "report", "bundling", "cli"}


def test_no_folder_but_the_verbs_has_above_14_modules() -> None:
    sizes: dict[Path, int] = defaultdict(int)
    for file, _ in modules():
        sizes[file.parent] += file.name != "__init__.py"
    assert {str(folder) for folder, size in sizes.items() if size > 14} <= {str(PACKAGE / "cli")}


def test_no_module_name_in_three_folders() -> None:
    folders = defaultdict(set)
    for file, _ in modules():
        folders[file.stem].add(file.parent)
    assert not {name for name, found in folders.items() if len(found) > 2} - {"__init__"}


def test_no_two_classes_of_one_name() -> None:
    files = defaultdict(list)
    for file, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                files[node.name].append(file.name)
    assert not {name: found for name, found in files.items() if len(found) > 1}


def test_no_file_is_longer_than_400_lines() -> None:
    assert not [file.name for file, _ in modules() if len(file.read_text(encoding="utf-8").splitlines()) > 400]


def test_tests_mirror_the_package() -> None:
    folders = {path.relative_to(TESTS) for path in TESTS.rglob("*") if path.is_dir() and path.name != "__pycache__"}
    folders -= {folder for folder in folders if folder.parts[0] == "support"}
    assert not [str(folder) for folder in folders if not (PACKAGE / folder).is_dir()]
