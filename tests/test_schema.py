"""What is declared of an option is what is checked, what help says, and what the shipped files of runs hold."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from click.testing import CliRunner
from omegaconf import MISSING, OmegaConf

from xlpl_plugin.cli import xlpl
from xlpl_plugin.config import load_config
from xlpl_plugin.continuous.options import ContinuousOptions
from xlpl_plugin.emissions.compute import EmitConfig
from xlpl_plugin.errors import XlplError
from xlpl_plugin.labelling.label_split import LabelConfig
from xlpl_plugin.labelling.vote import VoteConfig
from xlpl_plugin.monitoring.signals import SignalsConfig
from xlpl_plugin.run.config import IterateConfig, PhaseConfig
from xlpl_plugin.schema import Option, check_options, option, options_of
from xlpl_plugin.tuning.choose_checkpoint import SelectConfig
from xlpl_plugin.tuning.rank_sources import RankConfig
from xlpl_plugin.tuning.tune import TuneConfig

ROOT = Path(__file__).parent.parent
# pretrain.yaml is fairseq's own
RUNS = sorted(
    file
    for file in [*(ROOT / "examples").glob("*/*.yaml"), *(ROOT / "benchmarks").glob("*.yaml")]
    if file.name != "pretrain.yaml"
)
SCHEMAS = (EmitConfig, LabelConfig, VoteConfig, SignalsConfig, TuneConfig, SelectConfig, RankConfig, IterateConfig)


@dataclass
class Search:
    beam: int = option(50, "hypotheses", least=1)
    share: float = option(0.5, "of the audio", above=0, most=1)
    range: list[float] = option([0.0, 1.0], "of weights", interval=True, least=0)
    kind: str = option("wide", "wide, narrow", choices=lambda: ("wide", "narrow"))

    def check_together(self, key: str) -> None:
        if self.kind == "narrow" and self.beam > 60:
            raise XlplError(f"{key}.beam={self.beam} is not narrow")


@dataclass
class Verb:
    out: str = option(MISSING, "folder")
    lm: str = option("", "a model", file="a KenLM model")
    limit: int | None = option(None, "of updates; null: none", least=1)
    search: Search = option(Search(beam=60), "how to search")
    more: list[Search] = option([], "other searches")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("search: {beam: 0}", r"search\.beam=0\n  expected: a whole number, at least 1"),
        ("search: {share: 0}", r"search\.share=0\.0\n  expected: a number, above 0 and at most 1"),
        ("search: {share: .nan}", r"search\.share=nan"),
        ("search: {share: .inf}", r"search\.share=inf"),
        ("search: {range: [1, 0]}", r"search\.range=\[1\.0, 0\.0\]\n  expected: \[lowest, highest\]"),
        (
            "search: {range: [-1, 0]}",
            r"search\.range=\[-1\.0, 0\.0\]\n  expected: for each of them a number, at least 0",
        ),
        ("search: {range: [1]}", r"search\.range=\[1\.0\]"),
        ("search: {kind: deep}", r"search\.kind='deep'\n  expected: one of wide, narrow"),
        ("limit: 0", r"^limit=0"),
        ("lm: /nowhere.bin", r"/nowhere\.bin: no such file(.|\n)*a KenLM model \(lm\)"),
        ("more: [{}, {beam: 0}]", r"more\[1\]\.beam=0"),
        ("search: {kind: narrow, beam: 61}", r"search\.beam=61 is not narrow"),
        ("more: [{kind: narrow, beam: 70}]", r"more\[0\]\.beam=70 is not narrow"),
    ],
)
def test_values_that_an_option_may_not_have(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "verb.yaml").write_text(f"out: x\n{text}\n")
    with pytest.raises(XlplError, match=problem):
        load_config(Verb, tmp_path / "verb.yaml")


def test_defaults_are_copies_and_may_be_set_later() -> None:
    one, other = Verb(), Verb()
    assert one.search.beam == 60
    assert one.search is not other.search
    assert one.more is not other.more
    check_options(one)  # out is still missing


@pytest.mark.parametrize(
    ("schema", "key", "hint"),
    [
        (LabelConfig, "lm_weight", "did you mean 'decoder.lm_weight'?"),
        (LabelConfig, "search.lm_weight", "did you mean 'decoder.lm_weight'?"),
        (TuneConfig, "lm_weight", "did you mean 'decoder.lm_weight' or 'search.lm_weight'?"),
        (TuneConfig, "decodr.beam", "did you mean 'decoder.beam'?"),
        (IterateConfig, "patience", "did you mean 'stop.patience'?"),
        (IterateConfig, "student.lrr", "did you mean 'student.lr'?"),
        (LabelConfig, "dvice", "did you mean 'device'?"),
    ],
)
def test_the_nearest_key_of_all_is_named(schema: type, key: str, hint: str) -> None:
    with pytest.raises(XlplError) as caught:
        load_config(schema, None, [f"{key}=3"])
    assert caught.value.problem == f"unknown key {key!r}"
    assert caught.value.remedy == hint


def test_no_hint_where_nothing_is_alike_and_lists_are_looked_into(tmp_path: Path) -> None:
    with pytest.raises(XlplError) as caught:
        load_config(LabelConfig, None, ["zzzz=3"])
    assert caught.value.remedy is None
    (tmp_path / "run.yaml").write_text("changes: [{round: 1, shares: 0.5}]")
    with pytest.raises(XlplError, match=r"unknown key 'changes\[\]\.shares'(.|\n)*changes\[\]\.share'"):
        load_config(IterateConfig, tmp_path / "run.yaml")


def test_every_option_has_a_help_that_names_its_choices_and_a_default_in_its_range() -> None:
    for declared in itertools.chain.from_iterable(map(options_of, SCHEMAS)):
        assert declared.help, declared.key
        if declared.group is None:
            declared.limits.check(declared.key, declared.default)
        if not declared.help.startswith("as in student"):
            for name in filter(None, declared.limits.names):
                assert name in declared.help, declared.key


def test_options_of_the_phase_are_those_of_its_task() -> None:
    declared = {item.key: item for item in options_of(ContinuousOptions)}
    phase, types = {item.key: item for item in options_of(PhaseConfig)}, get_type_hints(PhaseConfig)
    for name, kind in get_type_hints(ContinuousOptions).items():
        assert set(get_args(types[name])) == {kind, type(None)}, name
        assert (phase[name].help, phase[name].limits) == (declared[name].help, declared[name].limits)
        assert phase[name].default is None


@pytest.mark.parametrize(
    ("verb", "schema"), [("label", LabelConfig), ("tune", TuneConfig), ("rank", RankConfig), ("iterate", IterateConfig)]
)
def test_help_names_every_key(verb: str, schema: type) -> None:
    said = CliRunner().invoke(xlpl, [verb, "--help"]).output
    said += CliRunner().invoke(xlpl, [verb, "--keys"]).output if verb == "iterate" else ""
    lines = {line.split()[0] for line in said.splitlines() if line.strip()}
    for declared in options_of(schema):
        if declared.group is None:
            shown = declared.key if declared.default == MISSING else f"{declared.key}="
            assert any(line == shown or (line.startswith(shown) and shown.endswith("=")) for line in lines), shown


def test_keys_of_a_group() -> None:
    said = CliRunner().invoke(xlpl, ["iterate", "--keys", "stop"])
    assert said.exit_code == 0
    assert "stop.patience=2" in said.output
    assert "decoder." not in said.output
    with pytest.raises(XlplError, match=r"no key 'stopp'(.|\n)*stop\?"):
        CliRunner().invoke(xlpl, ["iterate", "--keys", "stopp"], catch_exceptions=False, standalone_mode=False)


def texts(value: Any) -> Iterator[str]:
    """Yield all texts in a configuration."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts(part)


@pytest.mark.parametrize("file", RUNS, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_shipped_runs_hold_known_keys_with_values_in_range(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORK", str(tmp_path / "work"))
    monkeypatch.setenv("XLPL_RUN", str(tmp_path / "run"))
    monkeypatch.setenv("ENCODER", str(tmp_path / "work/encoder.pt"))
    for name in ("SOURCE_DATA", "TARGET_DATA", "TEXT_DATA", "LM"):
        monkeypatch.setenv(name, str(tmp_path / "work" / name.lower()))
    for name in ("WORKERS", "UPDATE_FREQ"):
        monkeypatch.setenv(name, "2")
    for name in texts(OmegaConf.to_container(OmegaConf.load(file), resolve=True)):
        if name.startswith(str(tmp_path / "work")):
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).touch()
    config = load_config(IterateConfig, file, [f"out={tmp_path}/run"])
    assert config.target.data.startswith(str(tmp_path))


def test_the_shipped_runs_are_found() -> None:
    assert {file.name for file in RUNS} >= {"run.yaml", "short.yaml", "kill.yaml"}


def test_walk_names_groups_before_what_is_in_them() -> None:
    found = {declared.key: declared for declared in options_of(Verb)}
    assert list(found)[:5] == ["out", "lm", "limit", "search", "search.beam"]
    assert isinstance(found["more[].beam"], Option)
    assert (found["search.beam"].default, found["more[].beam"].default) == (60, 50)
