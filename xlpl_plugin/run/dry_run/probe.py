"""The speed of a training on this machine, from a few of its updates."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.errors import XlplError
from xlpl_plugin.executors.launchers import LauncherConfig
from xlpl_plugin.run.plan.steps import Train
from xlpl_plugin.run.training.command import training_command, training_settings

# the first updates wait for memory and for the readers of audio
_UPDATES, _WARM_UP = 6, 2
_LINE = re.compile(r"\{.*\}")


@dataclass(frozen=True)
class Speed:
    """Seconds that an update takes, and seconds of audio in it."""

    update: float
    audio: float


def time_training(step: Train, trainer: Sequence[str], launcher: LauncherConfig, data: str, encoder: str = "") -> Speed:
    """Run some updates of ``step`` on the train split of ``data``, in a temporary folder.

    From where the step starts, if that is there already; else from ``encoder``, or from random weights without one.

    Raises:
        XlplError: the training does not start; the error shows the end of its log.
    """
    extra = (
        f"++optimization.max_update={_UPDATES}",
        "++common.log_interval=1",
        "++common.log_format=json",
        # fairseq opens a validation part even where it does not validate
        "++dataset.valid_subset=train",
        "++dataset.disable_validation=true",
        "++checkpoint.no_save=true",
    )
    start = step.init_from if Path(step.init_from).is_file() else ""
    own = (f"++model.w2v_path={encoder}",) if encoder and step.init_from and not start else ()
    with tempfile.TemporaryDirectory() as folder:
        training = replace(step.training, mix=[], mix_weights=[], overrides=[*step.training.overrides, *own, *extra])
        short = replace(step, out=folder, data=data, init_from=start, training=training)
        command = training_command(short, trainer, launcher)
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, **training_settings(short)},
            check=False,
        )
    updates = [line for line in map(_parse, done.stdout.splitlines()) if "ups" in line][_WARM_UP:]
    if done.returncode or not updates:
        end = "\n    ".join(done.stdout.splitlines()[-10:])
        raise XlplError(
            f"{step.name} cannot be timed; its log ends with\n    {end}",
            expected="a training that makes some updates",
            remedy="mend what the log names, or leave the timing out with --no-probe",
        )
    manifest = read_manifest(data, "train", labels=False)
    utterances = fmean(float(line.get("bsz", 1)) for line in updates)
    return Speed(
        update=fmean(1 / max(float(line["ups"]), 1e-6) for line in updates),
        audio=utterances * manifest.seconds / max(1, len(manifest.utterances)),
    )


def _parse(line: str) -> dict[str, str]:
    found = _LINE.search(line)
    try:
        told = json.loads(found[0]) if found else {}
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
