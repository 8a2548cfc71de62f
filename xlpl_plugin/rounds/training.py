"""Training as a child process: the command that a person could type, its log, its progress, its failure."""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import zipfile
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from omegaconf import OmegaConf
from tqdm import tqdm

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import atomic_open, must_exist, write_text
from xlpl_plugin.rounds.steps import Train

_LINES_SHOWN = 15
# fairseq opens manifests without naming an encoding
_UTF8 = {"PYTHONUTF8": "1"}
# glibc gives the memory of every large tensor back to the kernel and asks for it again at the next step; on a CPU
# the page faults of that took more time than the training itself
_KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "-1", "MALLOC_TOP_PAD_": str(1 << 28)}
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
# fairseq's log lines, with log_format json ("num_updates": "100") or simple (num_updates=100)
_FIELD = re.compile(r"""\b(num_updates|train_loss|valid_loss|loss)["']?\s*[:=]\s*["']?([-+.\w]+)""")


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


def training_command(step: Train, trainer: Sequence[str]) -> list[str]:
    """Return the argument list that trains ``step``; it means the same from any working directory.

    ``++`` sets a key whether or not the YAML file lists it.
    """
    folder = Path(step.out).absolute()
    keys: dict[str, object] = {
        "common.user_dir": Path(__file__).parent.parent,
        "task.data": Path(step.data).absolute(),
        "task.init_from": Path(step.init_from).absolute() if step.init_from else "",
        "task.mix": [Path(path).absolute() for path in step.mix],
        "task.mix_weights": list(step.mix_weights),
        "dataset.train_subset": "train",
        "dataset.valid_subset": "valid",
        "checkpoint.save_dir": folder / "checkpoints",
    }
    return [
        *trainer,
        "--config-dir",
        str(Path(step.config_dir).absolute()),
        "--config-name",
        step.config_name,
        f"hydra.run.dir={_hydra(folder / 'hydra')}",
        "hydra.job.chdir=False",
        *(f"++{key}={_hydra(value)}" for key, value in keys.items()),
        *step.overrides,
    ]


def _hydra(value: object) -> str:
    """Write a value in the grammar of hydra's overrides."""
    if isinstance(value, list):
        return f"[{','.join(_hydra(item) for item in value)}]"
    if isinstance(value, float):
        return repr(value)
    if re.fullmatch(r"[A-Za-z/][\w./@%-]*", str(value), re.ASCII):
        return str(value)
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"


def run_training(step: Train, trainer: Sequence[str], *, keep_open: Sequence[int] = ()) -> None:
    """Run the child to its end, its output appended to ``out``/train.log. A half-done training resumes.

    Args:
        keep_open: file descriptors that the child holds too, so that a lock outlives a killed driver.

    Raises:
        XlplError: the child failed; the error shows the end of its log.
    """
    folder = Path(step.out)
    folder.mkdir(parents=True, exist_ok=True)
    command = training_command(step, trainer)
    printed = shlex.join(command)
    settings = " ".join(f"{name}={value}" for name, value in {**_KEEP_MEMORY, **_UTF8}.items())
    write_text(folder / "command.txt", f"{settings} {printed}\n")
    tqdm.write(f"{step.name}: {printed}", file=sys.stderr)
    log = folder / "train.log"
    _mend_checkpoint(step.checkpoints)
    try:
        child = _start(command, keep_open)
    except OSError as error:
        raise XlplError(f"cannot start the trainer: {error}", file=command[0], expected="an executable") from error
    try:
        assert child.stdout is not None
        tail = _follow(child.stdout, log, step.name, _max_update(step))
        code = child.wait()
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()
    if code != 0:
        raise _failure(step, code, log, tail)
    must_exist(step.model, f"the model that {step.name} should have saved (checkpoint.* in {step.config_name}.yaml)")


def _mend_checkpoint(folder: Path) -> None:
    """Put the newest whole checkpoint in the place of a checkpoint_last.pt that a kill cut off.

    fairseq writes the first file of a save atomically, and copies it to the other names, the last one last.
    """
    last = folder / "checkpoint_last.pt"
    if not last.exists() or zipfile.is_zipfile(last):  # a cut file lacks the directory at a zip's end
        return
    last.unlink()
    whole = [file for file in folder.glob("checkpoint*.pt") if zipfile.is_zipfile(file)]
    if whole:
        newest = max(whole, key=lambda file: file.stat().st_mtime)
        with atomic_open(last, "wb") as stream, newest.open("rb") as source:
            shutil.copyfileobj(source, stream)


def _start(command: Sequence[str], keep_open: Sequence[int]) -> subprocess.Popen[str]:
    environment = {**_KEEP_MEMORY, **os.environ, **_UTF8, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=environment,
        pass_fds=tuple(keep_open),
        preexec_fn=_die_with_parent if _LIBC else None,
    )


def _die_with_parent() -> None:
    """In the child: end when the driver is killed, so that no training goes on unseen."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _follow(lines: Iterable[str], log: Path, title: str, max_update: int | None) -> list[str]:
    """Copy lines to the log, show the last loss in a progress bar, return the last lines."""
    tail: deque[str] = deque(maxlen=_LINES_SHOWN)
    losses: dict[str, str] = {}
    with log.open("a", encoding="utf-8") as stream, tqdm(total=max_update, desc=title, unit="update") as bar:
        for line in lines:
            stream.write(line)
            stream.flush()
            tail.append(line.rstrip("\n"))
            found = dict(_FIELD.findall(line))
            updates = found.pop("num_updates", "")
            if found:
                losses.update(found)
                bar.set_postfix(losses, refresh=False)
            if updates.isdigit():
                bar.update(int(updates) - bar.n)
    return list(tail)


def _max_update(step: Train) -> int | None:
    """Return the length of the training if the YAML file or an override says it; only the progress bar needs it."""
    for override in reversed(step.overrides):
        key, _, value = override.partition("=")
        if key.lstrip("+") == "optimization.max_update" and value.isdigit():
            return int(value)
    config = OmegaConf.load(Path(step.config_dir) / f"{step.config_name}.yaml")
    updates = OmegaConf.select(config, "optimization.max_update")
    return updates if isinstance(updates, int) and updates > 0 else None


def last_checkpoints(folder: Path, count: int) -> list[Path]:
    """Return the last ``count`` checkpoints that a training kept: checkpoint_EPOCH_UPDATE.pt, or checkpointEPOCH.pt.

    Raises:
        XlplError: it kept none.
    """
    for pattern in (r"checkpoint_\d+_(\d+)\.pt", r"checkpoint(\d+)\.pt"):
        found = {int(match[1]): file for file in folder.iterdir() if (match := re.fullmatch(pattern, file.name))}
        if found:
            return [found[number] for number in sorted(found)[-count:]]
    raise XlplError(
        "the training kept no checkpoints to average",
        file=folder,
        expected="checkpoint_EPOCH_UPDATE.pt or checkpointEPOCH.pt",
        remedy="set checkpoint.keep_interval_updates and save_interval_updates (not to the updates of whole epochs: "
        "fairseq keeps none there), or checkpoint.no_epoch_checkpoints=false with keep_last_epochs",
    )


def _failure(step: Train, code: int, log: Path, tail: Sequence[str]) -> XlplError:
    if code < 0:
        name = signal.Signals(-code).name
        remedy = "the machine may be out of memory: lower dataset.max_tokens" if name == "SIGKILL" else None
        problem = f"{step.name}: the training was ended by {name}"
    else:
        problem, remedy = f"{step.name}: the training failed with exit status {code}", None
    end = "\n    ".join(tail)
    return XlplError(
        f"{problem}; the log ends with\n    {end}",
        file=log,
        expected="a training that ends with exit status 0",
        remedy=remedy
        or f"mend what the log names, then give the same command again; {step.name} goes on from its last checkpoint "
        "(command.txt beside the log runs the training alone)",
    )
