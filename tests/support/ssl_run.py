"""A real run over a self-supervised encoder: tones as speech, a wav2vec 2.0 that fairseq itself pre-trains on them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.tiny_run import ROOT, made_once, recipe

# the example's YAML file, with an encoder of 36,000 parameters and a few updates
_PRETRAINING = (
    *("common.log_interval=4", "dataset.max_tokens=120000", "dataset.num_workers=0", "optimization.max_update=8"),
    *("task.min_sample_size=4000", "lr_scheduler.warmup_updates=2", "model.num_negatives=8", "model.latent_vars=8"),
    'model.conv_feature_layers="[(32, 10, 5)] + [(32, 3, 2)] * 4 + [(32, 2, 2)] * 2"',
    *("model.encoder_layers=2", "model.encoder_embed_dim=48", "model.encoder_ffn_embed_dim=96", "model.final_dim=16"),
    *("model.encoder_attention_heads=2", "model.conv_pos=8", "model.conv_pos_groups=2"),
)
# the convolutions learn too, since eight updates taught them little
_COMMON = (
    *("model.feature_grad_mult=1.0", "model.mask_prob=0.1", "model.mask_length=2", "model.mask_channel_length=8"),
    *("model.layerdrop=0.05", "common.cpu=true", "common.log_interval=10", "dataset.max_tokens=40000"),
    *("dataset.num_workers=0", "dataset.validate_interval=1000", "checkpoint.save_interval=1000"),
    *("checkpoint.save_interval_updates=10", "checkpoint.keep_interval_updates=1", '"optimization.lr=[0.003]"'),
)
_RUN = """\
out: {folder}/run
rounds: 1
source:
  data: {folder}/one
  training:
    config_name: ssl
    max_update: 160
    overrides: [{common}, model.w2v_path={folder}/encoder/checkpoint_last.pt, model.freeze_finetune_updates=20]
target: {{data: {folder}/target, eval_splits: [test]}}
decoder: {{lexicon: {folder}/lexicon.txt, lm: {folder}/lm/lm.arpa, beam: 20}}
tuning: {{search: {{sample: 6, trials: 6, local_trials: 2, beams: [5, 10]}}}}
stop: {{enabled: false}}
# nothing but what is not as in the source's training: the encoder is that of the source AM
student: {{config_name: ssl, max_update: 30, overrides: [{common}, model.layerdrop=0.2, model.mask_prob=0.15]}}
continuous:
  {{enabled: true, config_name: ssl_continuous, max_update: 30, cache_size: 3, replace_prob: 0.5, dropout_scale: 0.5}}
"""


@pytest.fixture(scope="session")
def ssl_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run (``run``), its YAML file, and all that it is made of; not to be changed."""
    return made_once(tmp_path_factory, "ssl-run", make_ssl_run)


def make_ssl_run(folder: Path) -> None:
    """Pre-train, fine-tune the source AM, label, train a student, let it go on by itself, score."""
    verbs_of = recipe()
    verbs_of.write_corpus(folder)
    verbs_of.run_verbs(ROOT, folder, verbs_of.preparing(folder))
    pretrain(folder / "one", folder / "encoder")
    (folder / "run.yaml").write_text(_RUN.format(folder=folder, common=", ".join(_COMMON)))
    scoring = f"score --run {folder}/run --references {folder}/references --json {folder}/run/score.json"
    verbs_of.run_verbs(ROOT, folder, [f"iterate {folder}/run.yaml", scoring])


def pretrain(data: Path, out: Path) -> None:
    """Pre-train by fairseq's own task, model and criterion, without anything of xlpl."""
    trainer = Path(sys.executable).parent / "fairseq-hydra-train"
    config = ("--config-dir", str(ROOT / "examples" / "ssl"), "--config-name", "pretrain")
    places = (f"task.data={data}", f"checkpoint.save_dir={out}")
    out.mkdir()
    with (out / "log").open("wb") as log:
        command = [str(trainer), *config, *places, *_PRETRAINING]
        settings = {**os.environ, "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1"}
        subprocess.run(command, stdout=log, stderr=log, env=settings, check=True)
