"""Cells as the YAML files declare them: one file a question, base.yaml for what they share."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from study.settings import CellSettings, changed
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.schema import check_options

BASE = "base.yaml"
# raised where the same settings begin to mean something else, so that no record is taken for theirs
FORM = 1
T = TypeVar("T")


class BaseFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """``base.yaml``: the questions in the order in which their cells are run, expected hours, shared settings."""

    questions: list[str]
    hours: dict[str, float]
    settings: dict[str, Any]


class CellLine(msgspec.Struct, forbid_unknown_fields=True, frozen=True, rename={"each": "for"}):
    """An entry of ``cells``: a name with ``${key}`` of settings in it, values to multiply, and settings of its own.

    ``row`` says in which row of the table it stands; cells of one row differ in their seed alone.
    """

    name: str
    row: dict[str, str]
    each: dict[str, list[Any]] = {}
    set: dict[str, Any] = {}
    hours: dict[str, float] = {}


class Picture(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is drawn: the rounds, or one column over another, a line for each value of a label of the rows.

    ``only``: labels that a row must have to be drawn; ``joined``: whether a line goes through its points.
    """

    title: str
    x: str = "rounds"
    y: str = "WER"
    line: str = ""
    only: dict[str, str] = {}
    joined: bool = True


class Agreement(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Two columns whose orders are compared, over rows with the same value of the label ``within``."""

    of: str
    truth: str
    within: str


class QuestionFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A YAML file of cells.

    ``tuned_on``: targets on which recipes were chosen; the others are looked at once, at the end.
    """

    question: str
    columns: list[str]
    cells: list[CellLine]
    notes: list[str] = []
    tuned_on: list[str] = []
    settings: dict[str, Any] = {}
    hours: dict[str, float] = {}
    pictures: list[Picture] = []
    agreement: Agreement | None = None


@dataclass(frozen=True)
class Cell:
    """One experiment: what is set, the row of the table that it stands in, expected hours by the kind of step."""

    name: str
    question: str
    settings: CellSettings
    row: Mapping[str, str]
    hours: Mapping[str, float]

    @cached_property
    def key(self) -> str:
        """Stands for all that is set: a record with another key is of other settings."""
        content = json.dumps([FORM, changed(self.settings)], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Question:
    """What a file asks, and its cells in their order."""

    name: str
    file: QuestionFile
    cells: tuple[Cell, ...]

    @property
    def rows(self) -> list[dict[str, str]]:
        """Return the labels of the rows, each once, in the order of the cells."""
        return [dict(labels) for labels in dict.fromkeys(tuple(cell.row.items()) for cell in self.cells)]


def read_questions(folder: Path) -> list[Question]:
    """Read all files of cells, in the order that base.yaml gives.

    Raises:
        XlplError: an unknown key, a value of the wrong type or out of its range, or two cells of one name.
    """
    base = _read(folder / BASE, BaseFile)
    questions = [_question(folder / f"{name}.yaml", base) for name in base.questions]
    names = [cell.name for question in questions for cell in question.cells]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise XlplError(f"two cells are called {twice[0]!r}", file=folder, expected="a name for each cell")
    return questions


def _read(file: Path, kind: type[T]) -> T:
    try:
        return msgspec.convert(yaml.safe_load(must_exist(file, "a file of the study").read_text("utf-8")), kind)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise XlplError(f"cannot be read: {error}", file=file, expected=f"the keys of {kind.__name__}") from error


def _question(file: Path, base: BaseFile) -> Question:
    content = _read(file, QuestionFile)
    shared = [base.settings, content.settings]
    hours = {**base.hours, **content.hours}
    cells = [cell for line in content.cells for cell in _cells(line, file, shared, hours)]
    return Question(file.stem, content, tuple(cells))


def _cells(line: CellLine, file: Path, shared: Sequence[dict[str, Any]], hours: Mapping[str, float]) -> Iterator[Cell]:
    """Yield a cell for each combination of the values that an entry multiplies."""
    for values in itertools.product(*line.each.values()):
        chosen = dict(zip(line.each, values, strict=True))
        try:
            settings, labels = _resolve(line, [*shared, line.set], chosen)
        except (OmegaConfBaseException, XlplError) as error:
            raise XlplError(f"cell {line.name!r}: {error}", file=file, expected="settings of a cell") from error
        name = re.sub(r"[^\w.+]+", "-", labels.pop("")).strip("-")
        yield Cell(name, file.stem, settings, labels, {**hours, **line.hours})


def _resolve(
    line: CellLine, layers: Sequence[dict[str, Any]], chosen: Mapping[str, Any]
) -> tuple[CellSettings, dict[str, str]]:
    """Merge the layers and return the settings, and name ('') and labels with their ``${...}`` filled in."""
    merged = OmegaConf.merge(OmegaConf.structured(CellSettings), *layers)
    assert isinstance(merged, DictConfig)
    for key, value in chosen.items():
        OmegaConf.update(merged, key, value)
    settings = OmegaConf.to_object(merged)
    assert isinstance(settings, CellSettings)
    check_options(settings)
    plain = OmegaConf.create({**_shown(asdict(settings)), "labels": {"": line.name, **line.row}})
    labels = OmegaConf.to_container(plain.labels, resolve=True)
    assert isinstance(labels, dict)
    return settings, {str(name): _label(value) for name, value in labels.items()}


def _label(value: Any) -> str:
    """Return a label as the table shows it: an amount of 0 means all there is."""
    return " ".join(value) if isinstance(value, list) else "all" if value == 0 else str(value)


def _shown(value: Any) -> Any:
    """Return settings with 20 in place of 20.0, as names and labels have them."""
    if isinstance(value, dict):
        return {key: _shown(part) for key, part in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value
