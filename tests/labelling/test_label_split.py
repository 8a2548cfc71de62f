"""Labelling a split: ids in = ids out, and files that fairseq reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from xlpl_plugin.cli.label import command
from xlpl_plugin.data.manifest import Manifest, read_manifest, write_manifest
from xlpl_plugin.data.units import read_units
from xlpl_plugin.decoding import DecoderConfig
from xlpl_plugin.decoding.pool import Decoded, DecoderPool
from xlpl_plugin.emissions.source import Emission, Window
from xlpl_plugin.emissions.stored import Emissions
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import sha256
from xlpl_plugin.labelling.filtering.filters import FilterConfig
from xlpl_plugin.labelling.label_split import LabelConfig, label
from xlpl_plugin.labelling.records import iter_labels, read_labels

UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "a", "b")
PATHS = {"x/one": "aab|_b|", "x/two": "_______", "x/three": "b|_a||", "x/four": "", "x/five": "b|b|_ab|"}


@pytest.fixture
def config(make_config: Callable[[dict[str, str]], LabelConfig]) -> LabelConfig:
    """Stored emissions of five utterances: three with words, one silent, one too short for a frame."""
    return make_config(PATHS)


def test_bad_input_writes_nothing(config: LabelConfig) -> None:
    wrong = [
        {"am": "", "emissions": ""},
        {"decoder": DecoderConfig(lexicon="none.txt")},
        {"filter": FilterConfig(min_agreement=7)},
        {"workers": 0},
        {"shard_size": 0},
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


def test_a_folder_of_something_else_is_refused(config: LabelConfig) -> None:
    Path(config.out).mkdir()
    (Path(config.out) / "thesis.txt").touch()
    with pytest.raises(XlplError, match="already holds results"):
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
    assert one.am_score == pytest.approx(one.greedy_score) == pytest.approx(7 * np.log(0.9), abs=1e-3)
    assert (one.agreement, one.frames, one.starts) == (1.0, 7, (0, 2, 3, 5, 6))
    stretch = one.seconds / 7  # the frames are laid over the recording
    assert one.word_times == ((0.0, round(3 * stretch, 3)), (round(5 * stretch, 3), round(6 * stretch, 3)))
    assert len(one.word_confidences) == 2
    assert min(one.word_confidences) > 0.8
    assert (summary.utterances, summary.kept, summary.words) == (5, 3, 7)


def test_alternatives_are_the_other_hypotheses(config: LabelConfig) -> None:
    config.decoder.nbest = 3
    label(config)
    one = read_labels(Path(config.out) / "labels.jsonl")[0]
    assert len(one.alternatives) == 2
    assert one.text not in [text for text, _ in one.alternatives]
    assert one.score >= one.alternatives[0][1] >= one.alternatives[1][1]


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


def test_weights_reach_records_and_manifest(config: LabelConfig) -> None:
    config.filter = FilterConfig(weight_by="confidence")
    label(config)
    records = {record.id: record.weight for record in read_labels(Path(config.out) / "labels.jsonl") if record.kept}
    manifest = {utterance.id: utterance.weight for utterance in read_manifest(config.out, "train").utterances}
    assert manifest == pytest.approx(records, rel=1e-5)
    assert len(set(records.values())) > 1
    config.filter = FilterConfig(weight_by="")
    label(config)
    assert {utterance.weight for utterance in read_manifest(config.out, "train").utterances} == {1.0}


def test_provenance_tells_what_made_the_labels(config: LabelConfig) -> None:
    label(config)
    provenance = json.loads((Path(config.out) / "provenance.json").read_text())
    settings = provenance["settings"]
    assert settings["am"] == sha256(config.am)
    assert settings["decoder"]["lexicon"] == sha256(config.decoder.lexicon)
    assert settings["decoder"]["lm"] == ""
    assert (settings["split"], settings["shards"], settings["decoder"]["beam"]) == ("train", 1, 500)
    assert provenance["config"]["decoder"]["lexicon"] == config.decoder.lexicon
    assert provenance["reasons"] == {"empty": 1, "failed": 1}
    assert provenance["summary"]["kept"] == 3
    assert provenance["words_left_out"] == 0


def test_words_without_room_are_told(config: LabelConfig) -> None:
    words = [f"w{number}" for number in range(9)]
    Path(config.decoder.lexicon).write_text("".join(f"{word}\ta |\n" for word in words))
    label(config)
    left_out = (Path(config.out) / "left-out-words.txt").read_text().split()
    assert 0 < len(left_out) < 9
    assert set(left_out) < set(words)
    assert json.loads((Path(config.out) / "provenance.json").read_text())["words_left_out"] == len(left_out)
    Path(config.decoder.lexicon).write_text("w\ta |\n")
    label(config, force=True)
    assert not (Path(config.out) / "left-out-words.txt").exists()


def test_without_lexicon_labels_are_greedy(config: LabelConfig) -> None:
    config.decoder = DecoderConfig()
    label(config)
    assert read_labels(Path(config.out) / "labels.jsonl")[4].text == "b b ab"


def test_an_empty_split_gives_empty_labels(config: LabelConfig) -> None:
    write_manifest(config.data, "train", Manifest(Path(config.data), ()))
    assert label(config).utterances == 0
    assert read_labels(Path(config.out) / "labels.jsonl") == []


def test_an_utterance_that_kills_its_worker_is_set_aside(config: LabelConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    decode = DecoderPool.decode

    def deadly(self: DecoderPool, tasks: object) -> object:
        for decoded in decode(self, tasks):  # type: ignore[arg-type]
            yield Decoded(decoded.id, []) if decoded.id == "x/one" else decoded

    monkeypatch.setattr(DecoderPool, "decode", deadly)
    label(config)
    reasons = {record.id: record.reason for record in read_labels(Path(config.out) / "labels.jsonl")}
    assert reasons["x/one"] == "failed: the decoder's process died twice on it"
    assert reasons["x/five"] == ""


def test_windows_of_a_recording_are_joined_on_its_clock(config: LabelConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last recording in three windows: "b|b|", one without a frame, and "_ab|", played at half the speed."""
    stream = Emissions.stream

    def cut(self: Emissions, manifest: Manifest) -> object:
        for emission in stream(self, manifest):
            if emission.utterance.id == "x/five":
                windows = (Window(4, 0.0, 0.16), Window(0, 0.16, 0.01), Window(4, 0.17, 0.32))
                emission = Emission(emission.utterance, emission.log_probs, windows)
            yield emission

    monkeypatch.setattr(Emissions, "stream", cut)
    label(config)
    five = read_labels(Path(config.out) / "labels.jsonl")[4]
    assert five.text == "B B Àb"
    assert five.units == five.greedy == "b | b | a b |"
    assert (five.frames, five.starts) == (8, (0, 1, 2, 3, 5, 6, 7))
    assert five.word_times == ((0.0, 0.04), (0.08, 0.12), (0.25, 0.41))
    assert five.am_score == pytest.approx(8 * np.log(0.9), abs=1e-3)
    assert len(five.word_confidences) == 3
    decode = DecoderPool.decode

    def deadly(self: DecoderPool, tasks: object) -> object:
        for decoded in decode(self, tasks):  # type: ignore[arg-type]
            yield Decoded(decoded.id, []) if "window 3" in decoded.id else decoded

    monkeypatch.setattr(DecoderPool, "decode", deadly)
    label(config, force=True)
    five = read_labels(Path(config.out) / "labels.jsonl")[4]
    assert five.reason == "failed: the decoder's process died twice on it, in the windows from 0.2 s"
    assert five.text == ""


@pytest.mark.parametrize("stored", [True, False])
def test_what_cannot_be_read_is_set_aside(config: LabelConfig, stored: bool) -> None:
    audio = Path(config.data).parent / "audio/x"
    (audio / "three.flac").write_bytes((audio / "three.flac").read_bytes()[:60])
    (audio / "two.flac").unlink()
    config.emissions = f"{config.emissions}-new" if stored else ""
    config.shard_size = 2
    assert label(config).kept == 2
    records = list(iter_labels(Path(config.out) / "labels.jsonl"))
    assert [record.id for record in records] == list(PATHS)
    assert records[1].reason.startswith("failed: unreadable: no such file")
    assert records[2].reason.startswith("failed: unreadable: ")
    assert read_manifest(config.out, "train").ids == ["x/one", "x/five"]


def test_a_folder_of_audio_that_is_gone_stops_the_run(config: LabelConfig) -> None:
    config.emissions = ""
    audio = Path(config.data).parent / "audio"
    audio.rename(f"{audio}-moved")
    with pytest.raises(XlplError, match="no such file"):
        label(config)
    assert not Path(config.out).exists()


def test_wanted_emissions_are_computed_once_and_kept(config: LabelConfig, listener: type) -> None:
    config.emissions = str(Path(config.out).parent / "new")
    label(config)
    calls = listener.calls  # type: ignore[attr-defined]
    label(config, force=True)
    assert listener.calls == calls > 0  # type: ignore[attr-defined]
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
    part = CliRunner().invoke(command, ["--config", str(file), "--shard", "1/2", "--force"])
    assert part.exit_code == 2
    assert "--force" in part.output
