"""Any CTC model of fairseq as an acoustic model: waveforms in, log-probabilities of units out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from fairseq import checkpoint_utils
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import Tensor, nn

import xlpl_plugin.registry  # noqa: F401  (a checkpoint names its task and model)
from xlpl_plugin.audio.features import WINDOW
from xlpl_plugin.errors import XlplError
from xlpl_plugin.models.checkpoint import checkpoint_units, read_checkpoint
from xlpl_plugin.models.outputs import log_probs_of_each
from xlpl_plugin.models.precision import warn_of_emulation

logger = logging.getLogger(__name__)
# how errors of CUDA and of its libraries begin; after them nothing on the GPU can be relied on
_GPU_FAILURES = ("CUDA error", "CUDA driver error", "cuDNN error", "cuFFT error", "NVML", "No CUDA GPUs are available")

Array = npt.NDArray[np.float32]


class AcousticModel:
    """A trained model ready for inference. Make it with ``load_acoustic_model``."""

    def __init__(
        self, model: Any, units: Sequence[str], *, normalize: bool, device: str = "cpu", bf16: bool = False
    ) -> None:
        """Take a model to the device; with ``bf16`` it computes under torch's autocast to bfloat16."""
        self.units = tuple(units)
        self.device = torch.device(device)
        self.normalize, self.bf16 = normalize, bf16
        self.model = _moved(model.eval().requires_grad_(False), self.device)

    @torch.inference_mode()
    def emit(self, waveforms: Sequence[Array]) -> list[Array]:
        """Return for each (T,) waveform its (T', C) natural log-probabilities.

        The frames are the utterance's own: neither their number nor their values depend on the batch. What is
        shorter than a first frame (25 ms, for wav2vec 2.0 as well) has none.

        Raises:
            torch.OutOfMemoryError: the batch does not fit in the device's memory.
            XlplError: the GPU failed.
        """
        long_enough = [waveform for waveform in waveforms if len(waveform) >= WINDOW]
        with named_gpu_failure(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            found = iter(self._forward(long_enough) if long_enough else [])
        nothing = np.zeros((0, len(self.units)), np.float32)
        return [next(found) if len(waveform) >= WINDOW else nothing for waveform in waveforms]

    def _forward(self, waveforms: Sequence[Array]) -> list[Array]:
        sources = [self._prepare(waveform) for waveform in waveforms]
        lengths = torch.tensor([len(source) for source in sources], device=self.device)
        source = nn.utils.rnn.pad_sequence(sources, batch_first=True)
        padding = torch.arange(source.shape[1], device=self.device) >= lengths.unsqueeze(1)
        found = log_probs_of_each(self.model, {"source": source, "padding_mask": padding})
        return [own.cpu().numpy().copy() for own in found]  # copies let go of the batch and its padding

    def _prepare(self, waveform: Array) -> Tensor:
        source = torch.as_tensor(waveform, dtype=torch.float32, device=self.device)
        return nn.functional.layer_norm(source, source.shape) if self.normalize else source


def _moved(model: Any, device: torch.device) -> Any:
    try:
        with named_gpu_failure():
            return model.to(device)
    except torch.OutOfMemoryError as error:
        raise XlplError(
            f"the acoustic model does not fit in the memory of {device}",
            expected="room for its weights and a batch",
            remedy="see with `nvidia-smi` who uses the GPU; choose another (device=cuda:1) or device=cpu",
        ) from error


def resolve_device(device: str) -> str:
    """Return the device that ``auto`` means here: the GPU where torch has one, else the CPU. Others are as named.

    Raises:
        XlplError: no device is called so, or it is not there.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        wanted = torch.device(device)
    except RuntimeError as error:
        raise XlplError(f"device={device!r}", expected="auto, cpu, cuda or cuda:NUMBER") from error
    if wanted.type == "cuda" and (wanted.index or 0) >= torch.cuda.device_count():
        raise XlplError(
            f"device={device!r}, but torch sees {torch.cuda.device_count()} GPUs",
            expected="a GPU that is there",
            remedy="set device=auto, and ask `xlpl doctor` about the GPU",
        )
    return device


@contextmanager
def named_gpu_failure() -> Iterator[None]:
    """Turn an error of CUDA into one that says what to do. Memory that does not suffice is another matter: it passes.

    After such an error no call to the GPU works any more in this process.

    Raises:
        XlplError: the GPU failed, or is gone.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        if not (isinstance(error, torch.AcceleratorError) or str(error).startswith(_GPU_FAILURES)):
            raise
        raise XlplError(
            f"the GPU failed: {str(error).splitlines()[0]}",
            expected="a GPU that computes to the end",
            remedy="run the same command again: what was stored is gone on with. If it fails again, look at "
            "`nvidia-smi` and the system's log (dmesg: Xid), choose another GPU (device=cuda:1) or device=cpu",
        ) from error


def load_acoustic_model(checkpoint: str | Path, device: str = "auto", *, bf16: bool = False) -> AcousticModel:
    """Load ours, ``wav2vec_ctc`` or another CTC model; data folder and pre-trained file may be gone.

    Args:
        device: as for ``resolve_device``; a line of the log says which it became.
        bf16: whether it computes in bfloat16.

    Raises:
        XlplError: see ``read_checkpoint``; a checkpoint without units, or of a task or model that is not known here; a
            device that is not there, or that fails.
    """
    device = resolve_device(device)
    state = read_checkpoint(checkpoint)
    units = checkpoint_units(checkpoint, state)
    try:
        if state.get("cfg") is not None:
            state["cfg"] = OmegaConf.create(state["cfg"], flags={"allow_objects": True})
        models, config, _ = checkpoint_utils.load_model_ensemble_and_task([str(checkpoint)], state=state)
    except (AssertionError, KeyError, RuntimeError, TypeError, ValueError, OmegaConfBaseException) as error:
        raise XlplError(
            f"cannot build its model: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
            file=checkpoint,
            expected="an acoustic model trained with xlpl_asr or fairseq's audio_finetuning",
            remedy="check that it was trained with this version of xlpl",
        ) from error
    logger.info("%s: acoustic model on %s%s", checkpoint, device, " in bfloat16" if bf16 else "")
    if bf16:
        warn_of_emulation(torch.device(device).type)
    normalize = bool(config.task.get("normalize", False))
    return AcousticModel(models[0], units, normalize=normalize, device=device, bf16=bf16)
