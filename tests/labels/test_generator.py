"""Labelling a split: ids in = ids out, and files that fairseq reads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from xlpl_plugin.cli.label import command
from xlpl_plugin.data.manifest import Manifest, Utterance, read_manifest, write_manifest
from xlpl_plugin.data.units import read_units
from xlpl_plugin.decoding import DecoderConfig
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import sha256
from xlpl_plugin.labels.emissions import Emissions
from xlpl_plugin.labels.filters import FilterConfig
from xlpl_plugin.labels.generator import LabelConfig, label
from xlpl_plugin.labels.records import read_labels

UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "a", "b")
PATHS = {"x/one": "aab|_b|", "x/two": "_______", "x/three": "b|_a||", "x/four": "", "x/five": "b|b|_ab|"}


def peaked(path: str) -> np.ndarray:
    probs = np.full((len(path), len(UNITS)), 0.1 / (len(UNITS) - 1))
    for frame, symbol in enumerate(path):
        probs[frame, 0 if symbol == "_" else UNITS.index(symbol)] = 0.9
    return np.log(probs).astype(np.float32)


@pytest.fixture
def config(tmp_path: Path) -> LabelConfig:
    """Stored emissions of five utterances: three with words, one silent, one too short for a frame."""
    data, stored = tmp_path / "data", tmp_path / "em"
    utterances = tuple(Utterance(f"{name}.flac", 640 * len(path) + 100) for name, path in PATHS.items())
    write_manifest(data, "train", Manifest(tmp_path / "audio", utterances))
    (data / "train.ltr").write_text("no one\nreads\nthis\n")  # a transcript file that would be refused if it were read
    stored.mkdir()
    np.save(stored / "emissions-00000.npy", np.concatenate([peaked(path) for path in PATHS.values()]))
    starts = np.cumsum([0, *map(len, PATHS.values())])
    entries = [
        {"id": u.id, "num_samples": u.num_samples, "shard": 0, "start": int(start), "frames": len(PATHS[u.id])}
        for u, start in zip(utterances, starts[:-1], strict=True)
    ]
    am = tmp_path / "am.pt"
    am.write_bytes(b"weights")
    index = {"am_sha256": sha256(am), "units": UNITS, "utterances": entries}
    (stored / "index.json").write_text(json.dumps(index))
    (tmp_path / "lexicon.txt").write_text("Àb\ta b |\nB\tb |\nA\ta |\n", encoding="utf-8")
    return LabelConfig(
        am=str(am),
        emissions=str(stored),
        data=str(data),
        out=str(tmp_path / "out"),
        decoder=DecoderConfig(lexicon=str(tmp_path / "lexicon.txt")),
    )


def test_results_are_not_overwritten(config: LabelConfig) -> None:
    label(config)
    with pytest.raises(XlplError, match="already holds results"):
        label(config)
    config.filter = FilterConfig(min_letters=99)
    assert label(config, force=True).kept == 0
    assert read_manifest(config.out, "train").utterances == ()


def test_bad_input_writes_nothing(config: LabelConfig) -> None:
    wrong = [
        {"am": "", "emissions": ""},
        {"decoder": DecoderConfig(lexicon="none.txt")},
        {"filter": FilterConfig(min_agreement=7)},
        {"workers": 0},
        {"split": "valid"},
    ]
    for fields in wrong:
        with pytest.raises(XlplError):
            label(LabelConfig(**{**vars(config), **fields}))
        assert not Path(config.out).exists()


def test_emissions_of_another_model_are_refused(config: LabelConfig) -> None:
    Path(config.am).write_bytes(b"other weights")
    with pytest.raises(XlplError, match="another acoustic model"):
        label(config)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_id_gets_a_record(config: LabelConfig, workers: int) -> None:
    config.workers = workers
    summary = label(config)
    records = read_labels(Path(config.out) / "labels.jsonl")
    assert {record.id: (record.text, record.reason) for record in records} == {
        "x/one": ("Àb B", ""),
        "x/two": ("", "empty: no words"),
        "x/three": ("B A", ""),
        "x/four": ("", "failed: too short for a frame"),
        "x/five": ("B B Àb", ""),
    }
    assert [record.id for record in records] == list(PATHS)
    one = records[0]
    assert one.units == one.greedy == "a b | b |"
    assert one.confidence == pytest.approx(0.9, abs=1e-4)
    assert one.am_score == pytest.approx(one.greedy_score) == pytest.approx(7 * np.log(0.9), abs=1e-3)
    assert (one.agreement, one.frames, one.starts) == (1.0, 7, (0, 2, 3, 5, 6))
    assert (summary.utterances, summary.kept, summary.words) == (5, 3, 7)


def test_kept_labels_are_a_prepared_folder(config: LabelConfig) -> None:
    label(config)
    manifest = read_manifest(config.out, "train")
    assert [(u.id, u.words, u.units) for u in manifest.utterances] == [
        ("x/one", "Àb B", "a b | b |"),
        ("x/three", "B A", "b | a |"),
        ("x/five", "B B Àb", "b | b | a b |"),
    ]
    assert manifest.root == read_manifest(config.data, "train", labels=False).root
    assert read_units(Path(config.out) / "dict.ltr.txt") == UNITS
    provenance = json.loads((Path(config.out) / "provenance.json").read_text())
    assert provenance["am_sha256"] == sha256(config.am)
    assert provenance["decoder_sha256"] == {"lexicon": sha256(config.decoder.lexicon)}
    assert provenance["reasons"] == {"empty": 1, "failed": 1}


def test_without_lexicon_labels_are_greedy(config: LabelConfig) -> None:
    config.decoder = DecoderConfig()
    label(config)
    assert read_labels(Path(config.out) / "labels.jsonl")[4].text == "b b ab"


def test_wanted_emissions_are_computed_once_and_kept(config: LabelConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = Emissions(config.emissions)

    class Model:
        units = UNITS
        calls = 0

        def emit(self, waveforms: list[np.ndarray]) -> list[np.ndarray]:
            Model.calls += 1
            return [stored[stored.ids[len(waveform)]] for waveform in waveforms]

    ids = stored.ids
    monkeypatch.setattr("xlpl_plugin.models.acoustic.load_acoustic_model", lambda path, device: Model())
    # the "waveform" of the number of an utterance has that many samples
    monkeypatch.setattr("xlpl_plugin.labels.emissions._read", lambda root, u: np.zeros(ids.index(u.id), np.float32))
    config.emissions = str(Path(config.out).parent / "new")
    label(config)
    calls = Model.calls
    label(config, force=True)
    assert Model.calls == calls > 0
    assert read_labels(Path(config.out) / "labels.jsonl")[0].text == "Àb B"


def test_verb_reads_a_file_and_overrides(config: LabelConfig, tmp_path: Path) -> None:
    file = tmp_path / "label.yaml"
    file.write_text(
        f"emissions: {config.emissions}\ndata: {config.data}\nout: {config.out}\n"
        f"decoder: {{lexicon: {config.decoder.lexicon}}}\nfilter: {{min_letters: 99}}\n"
    )
    with pytest.raises(XlplError, match=r"filter\.min_letter'.*\n.*\n.*min_letters"):
        CliRunner().invoke(command, ["--config", str(file), "filter.min_letter=3"], catch_exceptions=False)
    result = CliRunner().invoke(command, ["--config", str(file), "filter.min_letters=3"], catch_exceptions=False)
    assert "kept 2 of 5 utterances (40%)" in result.stdout
    assert [line.split() for line in result.stdout.splitlines() if "few_letters" in line] == [
        ["few_letters", "1", "0.2", "2"]
    ]
