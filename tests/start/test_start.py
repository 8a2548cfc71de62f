"""`xlpl start`: from recordings, text and labelled speech of another language to the end of a run."""

from __future__ import annotations

import re
import shutil
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from omegaconf import OmegaConf
from support.huggingface_folder import write_model
from support.long_recording import record, silence

from xlpl_plugin.audio.reading import write_audio
from xlpl_plugin.cli import xlpl
from xlpl_plugin.config import load_config
from xlpl_plugin.data.corpora.synthetic import phrases, synthesize
from xlpl_plugin.data.items import Item
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.data.prepare import PrepareOptions, prepare
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import write_lines
from xlpl_plugin.models.checkpoint import write_weights
from xlpl_plugin.models.encoder import EncoderConfig
from xlpl_plugin.models.huggingface.importing import import_huggingface
from xlpl_plugin.models.precision import computes_bf16
from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.start.inputs import Inputs, check_inputs
from xlpl_plugin.start.settings import Hardware, choose_settings
from xlpl_plugin.start.source_model import student_training

SPANISH = ("la casa de mi hermano es grande", "no sabemos cuando llega el tren", "el agua del mar esta muy fria hoy")


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a user has: a long recording and clips, a book, labelled English, three transcripts."""
    folder = tmp_path_factory.mktemp("brought")
    long = record([silence(1.0)] * 12, "es", texts=SPANISH).samples
    write_audio(folder / "recordings" / "radio.flac", long)
    clips = synthesize(phrases("es", 1), "es", 0.5, folder / "recordings", seed=1)
    rows = [f"recordings/{item.audio.name}\t{item.text}" for item in clips[:3]]
    write_lines(folder / "known.tsv", ["audio\ttext", *rows])
    write_lines(folder / "book.txt", islice(phrases("es", 2), 600))
    english = synthesize(phrases("en", 1), "en", 0.7, folder / "clips", seed=1)
    prepare(english, folder / "en", PrepareOptions(language="en", test=0.0, valid=0.2))
    return folder


def start(brought: Path, run: Path, *more: str) -> Result:
    words = ["start", str(run), "--language", "spa", "--audio", str(brought / "recordings")]
    words += ["--text", str(brought / "book.txt"), "--source", str(brought / "en")]
    return CliRunner().invoke(xlpl, [*words, "--references", str(brought / "known.tsv"), *more])


def test_everything_is_prepared_and_the_configuration_is_valid(brought: Path, tmp_path: Path) -> None:
    run = tmp_path / "es"
    result = start(brought, run)
    assert result.exit_code == 0, result.exception
    config = load_config(IterateConfig, run / "run.yaml", [])
    target = Path(config.target.data)
    train, valid, test = (read_manifest(target, part) for part in ("train", "valid", "test"))
    assert sum(name.startswith("radio-") for name in (*train.ids, *valid.ids)) == 12
    assert len(test.ids) == 3
    assert not set(test.ids) & {*train.ids, *valid.ids}
    assert all(utterance.words is None for part in (train, valid, test) for utterance in part.utterances)
    assert read_manifest(run / "data" / "references", "test").utterances[0].words
    for training in (config.source.training, config.student):
        assert ("common.bf16=true" in training.overrides) == computes_bf16()
    assert Path(config.decoder.lm).exists()
    assert Path(config.decoder.lexicon).exists()
    assert "model mini" in (run / "run.yaml").read_text()
    assert "espeak-ng knows how Spanish sounds: with --speller phonemes" in result.output
    assert f"xlpl iterate {run / 'run.yaml'}" in result.output


def test_students_are_built_as_the_model_that_was_brought(tmp_path: Path) -> None:
    """Whatever size the hours of audio would suggest."""
    folder = write_model(tmp_path / "hf", feat_extract_norm="layer")
    import_huggingface(folder, tmp_path / "imported.pt")
    brought = student_training(tmp_path / "imported.pt", 4_000_000)
    assert (brought.config_name, brought.overrides) == ("ssl", ["task.normalize=true", "dataset.max_tokens=1280000"])
    model = {"_name": "xlpl_transformer_ctc", **asdict(EncoderConfig(dim=32, positions="relative"))}
    state = {"cfg": {"model": model, "task": {}}, "task_state": {}}
    write_weights(state, {"w": torch.zeros(1)}, tmp_path / "own.pt", origin=tmp_path)
    own = student_training(tmp_path / "own.pt", 640_000)
    assert own.config_name == "train"
    assert own.overrides == [
        *("model=transformer_ctc", "model.dim=32", "model.positions=relative", "dataset.max_tokens=640000")
    ]


def test_a_configuration_for_a_model_that_was_brought(brought: Path, tmp_path: Path) -> None:
    import_huggingface(write_model(tmp_path / "hf", feat_extract_norm="layer"), tmp_path / "imported.pt")
    words = ["start", str(tmp_path / "es"), "--language", "es", "--audio", str(brought / "recordings")]
    words += ["--text", str(brought / "book.txt"), "--source-model", str(tmp_path / "imported.pt")]
    result = CliRunner().invoke(xlpl, words)
    assert result.exit_code == 0, result.exception
    config = load_config(IterateConfig, tmp_path / "es" / "run.yaml", [])
    assert config.source.checkpoint == str(tmp_path / "imported.pt")
    assert (config.student.config_name, config.student.lr) == ("ssl", 0.00003)
    assert not [name for name in config.student.overrides if name.startswith("model=")]


def test_what_is_left_out_is_told(brought: Path, tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    write_lines(book, ["Это не по-испански"] * 2 + (brought / "book.txt").read_text("utf-8").splitlines())
    said = start(brought, tmp_path / "es", "--text", str(book)).output
    assert re.search(r"\d+ sentences, \d+ different words; left out sentences: .*2 letters of another script", said)
    assert re.search(r"3 utterances, 0\.\d+ hours", said)
    assert re.search(r"6-grams over \d+ letters", said)
    assert re.search(r"4-grams over \d+ words, \d+\.\d% of held out text unknown to it", said)


def test_a_second_call_keeps_what_is_there_and_refuses_other_things(brought: Path, tmp_path: Path) -> None:
    run = tmp_path / "es"
    start(brought, run)
    (run / "run.yaml").write_text("# mine\n")
    again = start(brought, run)
    assert again.exit_code == 0
    assert (run / "run.yaml").read_text() == "# mine\n"
    assert again.output.count("there already") == 7
    assert "espeak-ng knows" not in again.output
    other = start(brought, run, "--speller", "uroman")
    assert isinstance(other.exception, XlplError)
    assert "was spelled by 'unidecode'" in str(other.exception)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (("--language", "Spnish"), "did you mean Spanish"),
        (("--audio", "nowhere"), r"nowhere: no such file or folder(.|\n)*--audio"),
        (("--audio", "{0}/book.txt"), "no form of corpus is recognised"),
        (("--references", "nowhere"), r"nowhere: no such file or folder(.|\n)*--references"),
        (("--references", "{0}/book.txt"), "no form of corpus is recognised"),
        (("--text", "nowhere"), r"nowhere: no such file or folder(.|\n)*--text"),
        (("--source", "nowhere"), r"nowhere: no such file or folder(.|\n)*--source"),
        (("--source", "{0}/recordings"), r"is no prepared folder(.|\n)*xlpl prepare manifest"),
        (("--source-model", "nowhere"), r"nowhere: no such file or folder(.|\n)*--source-model"),
        (("--source-model", "{0}/book.txt"), r"book\.txt: "),
        (("--speller", "uroman"), "was spelled by 'unidecode'"),
    ],
)
def test_nothing_is_written_before_all_is_there(
    brought: Path, tmp_path: Path, more: tuple[str, str], problem: str
) -> None:
    result = start(brought, tmp_path / "es", *(word.format(brought) for word in more))
    assert isinstance(result.exception, XlplError)
    assert re.search(problem, str(result.exception))
    assert not (tmp_path / "es").exists()


def inputs(brought: Path, **more: Any) -> Inputs:
    plain = {"language": "es", "audio": brought / "recordings", "sources": (brought / "en",)}
    return Inputs(**{**plain, "text": (brought / "book.txt",), **more})


def test_recordings_are_no_text_and_a_folder_without_transcripts_is_no_source(brought: Path, tmp_path: Path) -> None:
    with pytest.raises(XlplError, match=r"no text in .*passed over: \d+ \.flac"):
        check_inputs(inputs(brought, text=(brought / "recordings",)))
    items = [Item("radio", brought / "recordings" / "radio.flac")]
    prepare(items, tmp_path / "plain", PrepareOptions(valid=0.0, test=0.0))
    with pytest.raises(XlplError, match="plain: has no labels"):
        check_inputs(inputs(brought, sources=(tmp_path / "plain",)))


def test_what_failed_may_be_given_otherwise(brought: Path, tmp_path: Path) -> None:
    run = tmp_path / "es"
    untold = start(brought, run, "--references", str(brought / "recordings"), "--text", str(brought / "book.txt"))
    assert "all of its recordings have references" in str(untold.exception) or "transcript" in str(untold.exception)
    assert start(brought, run).exit_code == 0, "no product stands in the way of the right references"
    other = start(brought, run, "--audio", str(brought / "clips"))
    assert re.search("was started with audio .*recordings, not .*clips", str(other.exception))


def test_little_of_everything_is_enough(brought: Path, tmp_path: Path) -> None:
    """Of eight clips and eight sentences a twentieth and a fiftieth is mostly none."""
    for clip in sorted((brought / "recordings").glob("es-*"))[:8]:
        (tmp_path / "few").mkdir(exist_ok=True)
        shutil.copy(clip, tmp_path / "few")
    book = (brought / "book.txt").read_text("utf-8").splitlines()[:8]
    write_lines(tmp_path / "book.txt", book)
    words = ["start", str(tmp_path / "es"), "--language", "es", "--audio", str(tmp_path / "few")]
    result = CliRunner().invoke(xlpl, [*words, "--text", str(tmp_path / "book.txt"), "--source", str(brought / "en")])
    assert result.exit_code == 0, result.exception
    target = tmp_path / "es" / "data" / "target"
    assert len(read_manifest(target, "train").utterances) + len(read_manifest(target, "valid").utterances) == 8
    for clip in sorted((tmp_path / "few").iterdir())[1:]:
        clip.unlink()
    words[1] = str(tmp_path / "one")
    result = CliRunner().invoke(xlpl, [*words, "--text", str(tmp_path / "book.txt"), "--source", str(brought / "en")])
    assert re.search(r"few: the valid part would be empty(.|\n)*bring more recordings", str(result.exception))


def test_a_run_is_a_folder(brought: Path) -> None:
    result = start(brought, brought / "book.txt")
    assert "book.txt: is a file" in str(result.exception)


def test_sizes_grow_with_audio_and_hardware() -> None:
    laptop, server = Hardware(2, 0, bf16=False), Hardware(32, 4, bf16=True)
    small = choose_settings(0.2, 0.4, laptop, 16_000)
    assert (small.model, small.source_updates, small.student_updates, small.bf16) == ("mini", 1000, 200, False)
    assert choose_settings(1.0, 3.0, laptop, 16_000).model == "tiny"
    big = choose_settings(50.0, 500.0, server, 16_000)
    assert (big.model, big.source_updates, big.workers, big.bf16) == ("base", 80_000, 32, True)
    assert all(big.reasons)


@pytest.mark.slow
def test_the_run_that_was_written_goes_to_its_end(brought: Path, tmp_path: Path) -> None:
    run = tmp_path / "es"
    assert start(brought, run).exit_code == 0
    file = run / "run.yaml"
    config = OmegaConf.load(file)
    tiny = ["model=mini", "model.dim=16", "model.ffn_dim=32", "model.layers=1"]
    for name in ("source.training", "student"):
        OmegaConf.update(config, f"{name}.max_update", 4)
        OmegaConf.update(config, f"{name}.overrides", tiny)
    OmegaConf.save(config, file)
    search = [f"tuning.search.{key}" for key in ("sample=4", "trials=2", "local_trials=0")]
    done = CliRunner().invoke(xlpl, ["iterate", str(file), "rounds=1", "workers=1", *search])
    assert done.exit_code == 0, done.exception
    scored = CliRunner().invoke(
        xlpl, ["score", "--run", str(run / "rounds"), "--references", str(run / "data" / "references")]
    )
    assert "round 1" in scored.output, scored.exception
