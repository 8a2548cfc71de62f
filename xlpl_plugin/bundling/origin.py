"""What is known of where a model comes from: its run, the data of that, models given to it, and what was judged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from xlpl_plugin.data.summary import REPORT, PrepareReport
from xlpl_plugin.errors import XlplError
from xlpl_plugin.evaluation.scoring import FIRST, Score, ScoreTable
from xlpl_plugin.monitoring.expected_error import ExpectedError, expected_error
from xlpl_plugin.monitoring.signals import Measurement
from xlpl_plugin.report.gathering import SCORES_FILE
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.result import Result

TARGET, SOURCE = "target, audio alone", "source, with transcripts"
# models that people start from, by a word of their path -> the licence that they were published under
_PUBLISHED = {"mms": "CC-BY-NC-4.0, if it is Meta's MMS: not for commercial use, and so for what is fine-tuned from it"}
_PRETRAINED = re.compile(r"\+*model\.w2v_path=(.+)")


@dataclass(frozen=True)
class DataFolder:
    """A prepared folder that the run read; None and '' where it is not there any more, or does not say."""

    name: str
    role: str
    language: str = ""
    minutes: float | None = None
    utterances: int | None = None
    licence: str = ""


@dataclass(frozen=True)
class GivenModel:
    """A trained model that the run began with; '' where its licence is not known here."""

    name: str
    licence: str


@dataclass(frozen=True)
class Origin:
    """What is known of a model; empty where it is a checkpoint alone.

    Attributes:
        run: name of its run.
        folders: prepared folders that were read, each once.
        models: that were given to the run.
        corrected_minutes: of the target that a person transcribed for it.
        result: which round is the best, and why.
        scores: of the best stage and of round 0, under the decoder, where references were compared with.
        expected: what the signals of the best stage lead to expect of its words.
    """

    run: str = ""
    folders: tuple[DataFolder, ...] = ()
    models: tuple[GivenModel, ...] = ()
    corrected_minutes: float = 0.0
    result: Result | None = None
    scores: tuple[Score, ...] = ()
    expected: ExpectedError | None = None

    @property
    def language(self) -> str:
        """The target's, as it was prepared; '' where that is not known."""
        return next((folder.language for folder in self.folders if folder.role == TARGET), "")

    @property
    def transcribed_target(self) -> bool:
        """Whether a folder of transcripts is of the target's language: then the model is a supervised one."""
        return bool(self.language) and any(
            folder.language == self.language for folder in self.folders if folder.role == SOURCE
        )


def find_origin(model: Path) -> Origin:
    """Return what is known of a run, or of a checkpoint, of which that is nothing.

    Raises:
        XlplError: a result or scores that cannot be read.
    """
    layout = RunLayout(model)
    if not layout.result.exists():
        return Origin()
    config: Any = OmegaConf.to_container(OmegaConf.load(layout.config))
    result = Result.read(layout.result)
    return Origin(
        run=layout.run.resolve().name,
        folders=tuple(_folders(config)),
        models=tuple(_models(config)),
        corrected_minutes=sum(table.minutes for table in result.corrections),
        result=result,
        scores=tuple(_scores(layout, result)),
        expected=_expected(layout, result),
    )


def _folders(config: Mapping[str, Any]) -> Iterator[DataFolder]:
    target = _at(config, "target")
    yield _folder(target.get("data"), TARGET, str(target.get("train_split") or "train"))
    paths = [path for section in _sources(config) if not section.get("checkpoint") for path in _labelled(section)]
    mixed = [path for name in ("student", "continuous") for path in _at(config, name).get("mix") or ()]
    for path in dict.fromkeys(map(str, (*paths, *mixed))):
        yield _folder(path, SOURCE, "train")


def _labelled(section: Mapping[str, Any]) -> Iterator[str]:
    yield from (str(path) for path in (section.get("data"), *(_at(section, "training").get("mix") or ())) if path)


def _folder(path: Any, role: str, part: str) -> DataFolder:
    name = Path(str(path)).name
    try:
        report = PrepareReport.read(Path(str(path)) / REPORT)
    except XlplError:  # gone, or of another version: the card says that it is not known
        return DataFolder(name, role)
    found = next((one for one in report.parts if one.part == part), None)
    minutes, utterances = (found.minutes, found.utterances) if found else (None, None)
    return DataFolder(name, role, report.language, minutes, utterances, report.licence)


def _models(config: Mapping[str, Any]) -> Iterator[GivenModel]:
    """Yield the source AMs and pre-trained encoders; of their places only the names are told."""
    sources = _sources(config)
    trainings = [*(_at(source, "training") for source in sources), _at(config, "student"), _at(config, "continuous")]
    overrides = [str(text) for training in trainings for text in training.get("overrides") or ()]
    encoders = [found[1] for text in overrides if (found := _PRETRAINED.fullmatch(text))]
    for path in dict.fromkeys([*(str(one["checkpoint"]) for one in sources if one.get("checkpoint")), *encoders]):
        words = set(re.split(r"[^a-z]+", path.lower()))
        yield GivenModel(Path(path).name, next((_PUBLISHED[word] for word in words & _PUBLISHED.keys()), ""))


def _sources(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [_at(config, "source"), *(config.get("voters") or ())]


def _at(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return config.get(name) or {}


def _scores(layout: RunLayout, result: Result) -> Iterator[Score]:
    table = ScoreTable.read_if_there(layout.run / SCORES_FILE)
    rows = {row.stage: row for row in (table.rows if table else ()) if row.stage is not None and not row.greedy}
    yield from (rows[stage] for stage in dict.fromkeys((result.best_stage, FIRST)) if stage in rows)


def _expected(layout: RunLayout, result: Result) -> ExpectedError | None:
    measured = Measurement.read_if_there(layout.signals(result.best_stage))
    return expected_error(measured.signals) if measured else None
