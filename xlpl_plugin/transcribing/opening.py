"""Which acoustic model and which decoder a path stands for: a run, a bundle, or a checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from xlpl_plugin.decoding import DecoderConfig
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.run.frozen_config import frozen_section
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.result import Result
from xlpl_plugin.transcribing.bundle import BUNDLE_FILE, open_bundle


@dataclass(frozen=True)
class Parts:
    """What a recogniser is made of.

    Attributes:
        am: the acoustic model: a checkpoint, or a bundle's model.safetensors.
        decoder: lexicon, LM, weights and beam; greedy without lexicon and LM.
    """

    am: Path
    decoder: DecoderConfig


def find_parts(path: str | Path) -> Parts:
    """Return what a path stands for; a further kind of model joins here.

    Raises:
        XlplError: no such path, a folder that is neither run nor bundle, a run that has no model yet, or a bundle that
            is damaged.
    """
    path = must_exist(path, "a run of 'xlpl iterate', a bundle, or a checkpoint of an acoustic model")
    if path.is_file():
        return Parts(path, DecoderConfig())
    if (path / BUNDLE_FILE).exists():
        return Parts(*open_bundle(path))
    layout = RunLayout(path)
    if layout.config.exists():
        return _of_run(layout)
    raise XlplError(
        "neither a run, a bundle nor a checkpoint",
        file=path,
        expected="the run directory of 'xlpl iterate' (with config.yaml and result.json), a folder that `xlpl bundle` "
        "wrote (with bundle.json), or a checkpoint (.pt)",
        remedy="name the folder that is the out=... of the run, the whole bundle, or the .pt file itself",
    )


def _of_run(layout: RunLayout) -> Parts:
    if not layout.result.exists():
        raise XlplError(
            "the run has no model yet",
            file=layout.run,
            expected=f"{layout.result.name}, which is written when round 0 is done",
            remedy="go on with the run: the same `xlpl iterate` again",
        )
    result = Result.read(layout.result)
    inside = layout.run / result.model
    # a source AM that was given to the run stands there as it was given
    am = inside if inside.exists() else Path(result.model)
    must_exist(am, f"the acoustic model that {layout.result} names")
    return Parts(am, replace(frozen_section(layout.config, "decoder", DecoderConfig), **asdict(result.weights)))
