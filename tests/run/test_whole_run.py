"""One round with nothing faked: tones as speech, fairseq as the trainer, flashlight as the decoder, then scores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from xlpl_plugin.cli.iterate import command as iterate
from xlpl_plugin.cli.score import command as score
from xlpl_plugin.evaluation.scoring import ScoreTable
from xlpl_plugin.monitoring.signals import Measurement

ROOT = Path(__file__).parent.parent.parent
SOURCE = ["ab cab", "bad", "dad face ab", "cab", "face", "a bad dad", "fad", "deaf cab", "bead", "ace", "add a", "dead"]
TARGET = ["cab dad", "bad face", "dad", "face cab", "ab bad", "dad bad cab"]
WORDS = ["cab", "dad", "bad", "face", "ab"]


@pytest.fixture
def project(tmp_path: Path, make_folder: Callable[..., Path]) -> Path:
    make_folder(tmp_path / "source", {"train": SOURCE, "valid": SOURCE[:3]})
    truth = make_folder(tmp_path / "target", {"train": TARGET, "valid": TARGET[:2], "test": TARGET[3:]})
    for split in ("train", "valid", "test"):
        for suffix in ("wrd", "ltr"):
            (truth / f"{split}.{suffix}").rename(tmp_path / f"{split}.{suffix}")
            (truth / f"{split}.{suffix}").write_bytes(b"\xff not to be opened\n")
    (tmp_path / "lexicon.txt").write_text("".join(f"{word}\t{' '.join(word)} |\n" for word in WORDS))
    unigrams = "".join(f"-1.0\t{word}\t0\n" for word in ["<unk>", "</s>", *WORDS])
    (tmp_path / "lm.arpa").write_text(  # KenLM wants two orders
        f"\\data\\\nngram 1={len(WORDS) + 3}\nngram 2=1\n\n"
        f"\\1-grams:\n-99\t<s>\t0\n{unigrams}\n\\2-grams:\n-0.9\tbad cab\n\n\\end\\\n"
    )
    training = f"""
    config_dir: {ROOT}/config
    config_name: train
    checkpoint: average
    average: 2
    overrides: [model=transformer_ctc, model.dim=32, model.layers=1, model.heads=2, model.ffn_dim=64, model.num_mels=40,
      model.dropout=0, model.freq_masks=0, model.time_masks=0, common.cpu=true, common.log_interval=20,
      "optimization.lr=[0.005]", optimization.max_update=UPDATES, dataset.max_tokens=40000, dataset.num_workers=0,
      dataset.validate_interval=1000, checkpoint.save_interval=1000, checkpoint.save_interval_updates=11,
      checkpoint.keep_interval_updates=2]
"""
    (tmp_path / "run.yaml").write_text(
        f"""
out: {tmp_path}/run
rounds: 1
source:
  data: {tmp_path}/source
  training: {training.replace("UPDATES", "200")}
target: {{data: {truth}, eval_splits: [test]}}
decoder: {{lexicon: {tmp_path}/lexicon.txt, lm: {tmp_path}/lm.arpa, beam: 20}}
tuning: {{search: {{sample: 3, trials: 4, local_trials: 2}}}}
student: {training.replace("UPDATES", "60")}
    init: source
    mix: [{tmp_path}/source]
    mix_weights: [0.5]
"""
    )
    return tmp_path


@pytest.mark.slow
def test_from_labelled_source_to_scores_of_the_target(project: Path) -> None:
    CliRunner().invoke(iterate, [str(project / "run.yaml")], catch_exceptions=False)
    for number in (0, 1):
        signals = Measurement.read(project / f"run/round-{number}/signals.json").signals
        assert signals.utterances == len(TARGET)
        assert signals.vocabulary <= len(WORDS)
        assert signals.label_free
        assert signals.label_free > 0
    assert signals.change is not None
    student = (project / "run/round-1/training/train.log").read_text()
    assert "units mapped" in student
    for split in ("train", "valid", "test"):
        for suffix in ("wrd", "ltr"):
            (project / f"{split}.{suffix}").replace(project / "target" / f"{split}.{suffix}")
    arguments = ["--run", project / "run", "--references", project / "target", "--json", project / "scores.json"]
    CliRunner().invoke(score, [str(argument) for argument in arguments], catch_exceptions=False)
    scores = ScoreTable.read(project / "scores.json").rows
    assert [entry.system for entry in scores] == ["zero-shot greedy", "zero-shot LM", "round 1 greedy", "round 1 LM"]
    assert {entry.utterances for entry in scores} == {3}
    # each letter is one tone, so even this small model hears nearly all; an untrained one writes nothing (CER 1)
    assert max(entry.cer.value for entry in scores) < 0.5
