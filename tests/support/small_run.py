"""What a finished run leaves for transcribing, with an untrained model, so that it is there in a second."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from xlpl_plugin.data.summary import REPORT, PartReport, PrepareReport
from xlpl_plugin.data.units import LETTERS
from xlpl_plugin.evaluation.scoring import Interval, Score, ScoreTable
from xlpl_plugin.files import write_lines, write_text
from xlpl_plugin.monitoring.best_round import Verdict
from xlpl_plugin.monitoring.signals import DecoderWeights
from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.result import Result
from xlpl_plugin.stage import Stage
from xlpl_plugin.text.lm import LM_REPORT, LmOptions, LmReport, build_lm
from xlpl_plugin.text.spelling.lexicon import build_lexicon, write_lexicon
from xlpl_plugin.text.spelling.speller import make_speller

WEIGHTS = DecoderWeights(lm_weight=1.5, word_score=0.25, blank_penalty=1.0, beam=40)


@dataclass(frozen=True)
class SmallRun:
    """A run of its own, to change and to break; ``config`` is what config.yaml holds."""

    layout: RunLayout
    config: IterateConfig

    @property
    def path(self) -> Path:
        return self.layout.run

    def write_config(self) -> None:
        write_text(self.layout.config, OmegaConf.to_yaml(OmegaConf.structured(self.config)))

    def write_scores(self, *systems: str) -> None:
        rate = Interval(0.25, 0.2, 0.3)
        rows = tuple(Score(system, "native", 90, 439, 80, 20, 10, rate, rate) for system in systems)
        ScoreTable(rows).write(self.path / "score.json")


@pytest.fixture(scope="session")
def run_parts(tmp_path_factory: pytest.TempPathFactory, save: Callable[..., Path]) -> Path:
    """Model, lexicon and LM, to be copied."""
    folder = tmp_path_factory.mktemp("parts")
    save(folder / "model.pt", LETTERS)
    _write_text(folder / "text")
    return folder


@pytest.fixture
def small_run(tmp_path: Path, run_parts: Path) -> SmallRun:
    return make_small_run(tmp_path / "made", run_parts)


def make_small_run(root: Path, parts: Path) -> SmallRun:
    """Write round 1 of Swahili, from Spanish, with lexicon and LM."""
    layout, text = RunLayout(root / "run"), root / "text"
    lm = text / "lm" / LM_REPORT
    layout.stage(Stage.round(1)).mkdir(parents=True)
    shutil.copy(parts / "model.pt", layout.model(Stage.round(1)))
    shutil.copytree(parts / "text", text)
    config = IterateConfig(out=str(layout.run), rounds=1)
    config.target.data, config.source.data = str(prepared(root / "sw", "sw")), str(prepared(root / "es", "es"))
    config.decoder.lexicon, config.decoder.lm = str(text / "lexicon.txt"), str(lm.with_name(LmReport.read(lm).model))
    Result(1, 1, "round-1/model.pt", WEIGHTS, True, "", Verdict(True, "it recognises words of the target", "")).write(
        layout.result
    )
    run = SmallRun(layout, config)
    run.write_config()
    return run


def prepared(folder: Path, language: str, parts: Sequence[str] = ("train", "valid")) -> Path:
    """Write the summary of a prepared folder, which is all that a card reads of it."""
    folder.mkdir(parents=True)
    sizes = tuple(PartReport(part, 237, 11.18, 0, 0) for part in parts)
    licence = "CC0-1.0" if language == "es" else ""
    PrepareReport(language, "unidecode", 1, 474, sizes, (), {}, {}, licence=licence).write(folder / REPORT)
    return folder


def _write_text(folder: Path) -> None:
    """Write lexicon and LM of a few hundred words, in sentences of chance."""
    chance = random.Random(3)
    words = ["".join(chance.choices("abcdefgh", k=chance.randint(2, 5))) for _ in range(400)]
    lines = [" ".join(chance.choices(words, weights=range(400, 0, -1), k=7)) for _ in range(1500)]
    write_lines(folder / "text.txt", lines)
    write_lexicon(folder / "lexicon.txt", build_lexicon(dict.fromkeys(words, 1), make_speller("identity")))
    build_lm([folder / "text.txt"], folder / "lm", LmOptions(order=3))
