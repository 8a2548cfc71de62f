"""A fine-tuning configuration of fairseq's wav2vec 2.0 examples trains here once its names are changed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import xlpl_plugin
from xlpl_plugin.models.checkpoint import checkpoint_updates, read_checkpoint

pytestmark = pytest.mark.slow
# examples/wav2vec/config/finetuning/base_100h.yaml, with xlpl_asr for audio_finetuning and xlpl_ctc for ctc
BASE_100H = """\
# @package _group_

common:
  fp16: true
  log_format: json
  log_interval: 200

checkpoint:
  no_epoch_checkpoints: true
  best_checkpoint_metric: wer

task:
  _name: xlpl_asr
  data: ???
  normalize: false
  labels: ltr

dataset:
  num_workers: 6
  max_tokens: 3200000
  skip_invalid_size_inputs_valid_test: true
  valid_subset: dev_other

distributed_training:
  ddp_backend: legacy_ddp
  distributed_world_size: 2

criterion:
  _name: xlpl_ctc
  zero_infinity: true

optimization:
  max_update: 80000
  lr: [0.00003]
  sentence_avg: true
  update_freq: [4]

optimizer:
  _name: adam
  adam_betas: (0.9,0.98)
  adam_eps: 1e-08

lr_scheduler:
  _name: tri_stage
  phase_ratio: [0.1, 0.4, 0.5]
  final_lr_scale: 0.05

model:
  _name: wav2vec_ctc
  w2v_path: ???
  apply_mask: true
  mask_prob: 0.65
  mask_channel_prob: 0.5
  mask_channel_length: 64
  layerdrop: 0.1
  activation_dropout: 0.1
  feature_grad_mult: 0.0
  freeze_finetune_updates: 0
"""


def test_names_changed_alone(
    tmp_path: Path, make_folder: Callable[..., Path], write_pretrained: Callable[[Path], None]
) -> None:
    """Eight updates of an encoder with 16 channels, whose masks of channels mostly come out as none."""
    words = ["ab cab", "bad", "dad face ab", "cab face", "face ab"]
    data = make_folder(tmp_path / "data", {"train": words, "dev_other": words[:3]})
    write_pretrained(tmp_path / "pretrained.pt")
    (tmp_path / "base_100h.yaml").write_text(BASE_100H, encoding="utf-8")
    command = [
        Path(sys.executable).parent / "fairseq-hydra-train", "--config-dir", tmp_path, "--config-name", "base_100h",
        f"task.data={data}", f"model.w2v_path={tmp_path}/pretrained.pt",
        f"common.user_dir={Path(xlpl_plugin.__file__).parent}", f"checkpoint.save_dir={tmp_path}/out",
        # what two GPUs were for
        "common.fp16=false", "distributed_training.distributed_world_size=1", "dataset.num_workers=0",
        "optimization.max_update=8", "optimization.update_freq=[1]", f"hydra.run.dir={tmp_path}/hydra",
    ]  # fmt: skip
    finished = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    )
    assert finished.returncode == 0, (finished.stdout + finished.stderr)[-3000:]
    assert checkpoint_updates(read_checkpoint(tmp_path / "out" / "checkpoint_best.pt")) == 8
