"""The yardstick that reads references: best by word error rate, and never to be taken for a label-free choice."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from omegaconf import OmegaConf

from xlpl_plugin.cli.tune import command
from xlpl_plugin.config import load_config
from xlpl_plugin.errors import XlplError
from xlpl_plugin.evaluation.oracle import ORACLE, Oracle, tune_oracle
from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.tuning.tune import TuneConfig, Tuning, read_tuning, tune


@pytest.fixture
def references(config: TuneConfig) -> Path:
    config.search.trials, config.search.local_trials, config.search.beams = 8, 4, []
    return Path(config.data) / "references"


def test_best_is_the_lowest_word_error_rate(config: TuneConfig, references: Path) -> None:
    oracle = tune_oracle(config, references)
    rates = [trial.value for trial in oracle.trials]
    assert rates == sorted(rates)
    assert len(rates) == 12
    # each of 24 sentences has 4 words, so the rate counts errors of 96
    assert [rate * 96 for rate in rates] == pytest.approx([round(rate * 96) for rate in rates])
    assert rates[0] < 0.5 < rates[-1]
    assert oracle.label_free is None
    assert oracle.regret is None


def test_other_words_are_errors(config: TuneConfig, references: Path) -> None:
    file = references / "train.wrd"
    file.write_text("Other\n" * 24)
    oracle = tune_oracle(config, references)
    # one word each, never heard: as many errors as words are written, at least one an utterance
    assert oracle.best.value == pytest.approx(max(oracle.best.outcome.words, 24) / 24, abs=0.5)
    assert oracle.best.value >= 1


def test_label_free_choice_is_compared_on_the_same_sample(config: TuneConfig, references: Path) -> None:
    config.search.sample = 20
    choice = tune(config).best
    oracle = tune_oracle(config, references)
    assert oracle.utterances == 20
    assert oracle.label_free is not None
    assert oracle.label_free.weights == choice
    assert oracle.regret == oracle.label_free.value - oracle.best.value
    assert read_tuning(config.out).best == choice  # tune.json is as it was


def test_nothing_can_take_it_for_a_label_free_choice(config: TuneConfig, references: Path) -> None:
    tune_oracle(config, references)
    written = {file.name for file in Path(config.out).iterdir()}
    assert written == {"oracle.json", "oracle.png"}
    assert Oracle.read(Path(config.out) / "oracle.json").caution == ORACLE
    with pytest.raises(XlplError, match="not the choice of a tuning"):
        Tuning.read(Path(config.out) / "oracle.json")
    with pytest.raises(XlplError, match=r"tune\.json: no such file"):
        read_tuning(config.out)
    with pytest.raises(XlplError, match="already holds results"):
        tune_oracle(config, references)


def test_utterance_without_reference_is_named(config: TuneConfig, references: Path) -> None:
    for suffix in ("wrd", "ltr", "tsv"):
        file = references / f"train.{suffix}"
        file.write_text("".join(f"{line}\n" for line in file.read_text().splitlines()[:-1]))
    with pytest.raises(XlplError, match="no reference of 'u23'"):
        tune_oracle(config, references)
    assert not Path(config.out).exists()


@pytest.mark.parametrize("key", ["oracle", "tuning.oracle", "tuning.search.oracle"])
def test_iterate_has_no_key_for_it(key: str) -> None:
    with pytest.raises(XlplError, match=f"unknown key '{key}'"):
        load_config(IterateConfig, None, [f"{key}=references"])


@pytest.mark.parametrize("key", ["oracle", "search.oracle"])
def test_nor_has_tune(key: str) -> None:
    with pytest.raises(XlplError, match=f"unknown key '{key}'"):
        load_config(TuneConfig, None, [f"{key}=references"])


def test_verb_says_oracle_everywhere(config: TuneConfig, references: Path, tmp_path: Path) -> None:
    OmegaConf.save(OmegaConf.structured(config), tmp_path / "tune.yaml")
    CliRunner().invoke(command, ["--config", str(tmp_path / "tune.yaml")], catch_exceptions=False)
    arguments = ["--config", str(tmp_path / "tune.yaml"), "--oracle", str(references), "--show", "3"]
    lines = CliRunner().invoke(command, arguments, catch_exceptions=False).stdout.splitlines()
    assert lines[0] == f"picture: {config.out}/oracle.png"
    assert lines[1].startswith(ORACLE)
    assert lines[-1] == ORACLE  # a script that reads the last line for overrides gets none
    [heading] = [number for number, line in enumerate(lines) if "WER %" in line]
    assert len(lines[heading + 2 : lines.index("", heading)]) == 3
    assert any(line.startswith("label-free choice of tune.json") for line in lines)
