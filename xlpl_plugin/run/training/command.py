"""The command of a training that a person could type, its environment, and its length."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf

import xlpl_plugin
from xlpl_plugin.errors import XlplError
from xlpl_plugin.executors.launchers import LauncherConfig, arguments, refuse_sweeps, starter
from xlpl_plugin.run.plan.dependencies import composed_files, override
from xlpl_plugin.run.plan.steps import Continue, Train

# fairseq opens manifests without naming an encoding
_UTF8 = {"PYTHONUTF8": "1"}
# glibc gives the memory of every large tensor back to the kernel and asks for it again at the next step; on a CPU
# the page faults of that took more time than the training itself
_KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "-1", "MALLOC_TOP_PAD_": str(1 << 28)}
# threads that wait for each other sleep; spinning, two threads beside one other process were slower than one alone
_PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE"}
# what changes sums in their last bits: the command run by hand must find it as it was
_ARITHMETIC = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
    "CUBLAS_WORKSPACE_CONFIG",
    "NVIDIA_TF32_OVERRIDE",
)


def find_trainer() -> tuple[str, ...]:
    """Return the fairseq-hydra-train that was installed with this Python.

    Raises:
        XlplError: there is none.
    """
    trainer = Path(sys.executable).parent / "fairseq-hydra-train"
    if not trainer.exists():
        raise XlplError(
            "fairseq-hydra-train is not installed beside this Python",
            file=trainer,
            expected="a console script of fairseq in the same environment",
            remedy="install the package with pip, or name the trainer: train_command=[...]",
        )
    return (str(trainer),)


def training_command(
    step: Train, trainer: Sequence[str], launcher: LauncherConfig | None = None, workers: int = 1
) -> list[str]:
    """Return the argument list that trains ``step``; it means the same from any working directory.

    ``++`` sets a key whether or not the YAML file lists it. Without a launcher it is the local one. ``workers`` is the
    number of decoding processes, where the training searches labels.

    Raises:
        XlplError: an override that a queue's launcher would take for several trainings.
    """
    launcher, training = launcher or LauncherConfig(), step.training
    if launcher.queued:
        refuse_sweeps(training.overrides)
    folder = Path(step.out).absolute()
    keys: dict[str, object] = {
        "common.user_dir": Path(xlpl_plugin.__file__).parent,
        "task.data": Path(step.data).absolute(),
        "task.init_from": Path(step.init_from).absolute() if step.init_from else "",
        "task.mix": [Path(path).absolute() for path in training.mix],
        "task.mix_weights": list(training.mix_weights),
        "dataset.train_subset": "train",
        "dataset.valid_subset": "valid",
        "checkpoint.save_dir": folder / "checkpoints",
        **(_labelling_keys(step, workers) if isinstance(step, Continue) else {}),
    }
    return [
        *starter(launcher, folder),
        *trainer,
        "--config-dir",
        str(training.folder.absolute()),
        "--config-name",
        training.config_name,
        *arguments(launcher, folder, _hydra(folder / "hydra")),
        "hydra.job.chdir=False",
        *(f"++{key}={_hydra(value)}" for key, value in keys.items()),
        *training.overrides,
    ]


def _labelling_keys(step: Continue, workers: int) -> dict[str, object]:
    """Return what a training reads that labels by itself."""
    keys: dict[str, object] = {
        "task.unlabelled": Path(step.unlabelled).absolute(),
        "task.unlabelled_split": step.unlabelled_split,
    }
    files = {"task.dec_lexicon": step.lexicon, "task.dec_lm": step.lm}
    keys |= {key: Path(file).absolute() for key, file in files.items() if file}
    return keys | ({"task.label_workers": workers} if step.lexicon or step.lm else {})


def _hydra(value: object) -> str:
    """Write a value in the grammar of hydra's overrides."""
    if isinstance(value, list):
        return f"[{','.join(_hydra(item) for item in value)}]"
    if isinstance(value, int | float):
        return repr(value)
    if re.fullmatch(r"[A-Za-z/][\w./@%-]*", str(value), re.ASCII):
        return str(value)
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"


def training_settings(step: Train) -> dict[str, str]:
    """Return the environment variables that the command needs, or whose values change its result."""
    folder = Path(step.out).absolute()
    ours = {**_KEEP_MEMORY, **_PASSIVE}
    if _option(step, "common.wandb_project") not in ("", "null", "None"):
        # fairseq would name every run after its folder, 'checkpoints', and write to where the command was typed
        ours |= {"WANDB_NAME": "/".join(folder.parts[-3:-1]), "WANDB_DIR": str(folder)}
    ours = {name: os.environ.get(name, value) for name, value in ours.items()}
    return {**ours, **{name: os.environ[name] for name in _ARITHMETIC if name in os.environ}, **_UTF8}


def _option(step: Train, key: str) -> str:
    """Return what an override or the YAML file says of a key, as text; '' where neither does."""
    if (text := override(step.training, key)) is not None:
        return text
    for file in reversed(composed_files(step.training)):
        value = OmegaConf.select(OmegaConf.load(file), key)
        if value is not None:
            return str(value)
    return ""


def max_update(step: Train) -> int | None:
    """Return the length of the training in updates where the configuration holds it."""
    text = _option(step, "optimization.max_update")
    return int(text) if text.isdigit() and int(text) > 0 else None
