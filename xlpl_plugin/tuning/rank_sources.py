"""Which of several acoustic models hears a target best? Each is tuned on it without a label; evidence ranks them.

Not the tuning score: it compares weights of one model, and a model that babbles can do better by it than one
that hears (``evidence``).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from xlpl_plugin.data.manifest import manifest_digest, read_manifest
from xlpl_plugin.decoding import Weights
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import new_output, read_json, sha256, write_json
from xlpl_plugin.shards.input_files import InputFiles
from xlpl_plugin.tuning.evidence import Evidence, babbles, hears
from xlpl_plugin.tuning.sample import SilentModel
from xlpl_plugin.tuning.tune import TUNE_FILE, TuneConfig, read_evidence, read_units_per_second, read_weights, tune
from xlpl_plugin.tuning.weight_search import SearchConfig

logger = logging.getLogger(__name__)

RANK_FILE = "rank.json"


@dataclass
class RankConfig(TuneConfig):
    """Which acoustic models to compare, on what. ``emissions`` and ``out`` get a folder for each."""

    # acoustic models: a name and the checkpoint
    ams: dict[str, str] = field(default_factory=dict)
    # as for tuning; beams are not sought unless some are named
    search: SearchConfig = field(default_factory=lambda: SearchConfig(beams=[]))

    def check(self) -> None:
        """Raise ``XlplError`` where there is nothing to compare, or a name that is no folder's."""
        if self.am:
            raise XlplError(f"am={self.am}", expected="the acoustic models in ams", remedy="ams.NAME=CHECKPOINT")
        if not self.ams:
            raise XlplError("no acoustic model to rank", expected="checkpoints", remedy="ams.NAME=CHECKPOINT")
        for name in self.ams:
            if Path(name).name != name or name in (RANK_FILE, ".."):
                raise XlplError(f"ams.{name}", expected="a name that can be a folder's")


@dataclass(frozen=True)
class Ranked:
    """One acoustic model; all but its name and file is None where it says nothing but blanks.

    Attributes:
        hears: whether it hears the target; None is doubtful (``tuning.evidence.hears``).
        babbles: whether it repeats one word; then it is the last but the silent ones, whatever the evidence says.
        trusted: whether some weights passed the guards of tuning.
        units_per_second: what the model expects.
    """

    name: str
    am: str
    hears: bool | None
    evidence: Evidence | None = None
    weights: Weights | None = None
    babbles: bool = False
    trusted: bool = False
    units_per_second: float = 0.0


def rank(config: RankConfig, *, force: bool = False) -> list[Ranked]:
    """Tune each model in a folder of its own and write ``rank.json``; models that were tuned there are not again.

    Returns:
        The models, the best first.

    Raises:
        XlplError: the folder holds a ranking with other options, or something else (without ``force``); a checkpoint
            is missing; or as ``tune``.
    """
    config.check()
    hashes = {name: sha256(am) for name, am in config.ams.items()}
    file = Path(config.out) / RANK_FILE
    settings = _settings(config)
    known = not force and _is_same(file, settings)
    content: dict[str, Any] = {"settings": settings, "complete": False}
    if not known:
        new_output(config.out, force=force)
        write_json(file, content)
    rows = []
    for name, am in config.ams.items():
        folder = Path(config.out) / name
        logger.info("%s: %s", name, am)
        rows.append(_ranked(config, name, folder, reuse=known and _tuned_model(folder) == hashes[name]))
    ranking = sorted(rows, key=_goodness, reverse=True)
    write_json(file, {**content, "complete": True, "ranking": [asdict(row) for row in ranking]})
    return ranking


def _goodness(row: Ranked) -> tuple[bool, bool, float]:
    return row.evidence is not None, not row.babbles, row.evidence.gain if row.evidence else 0.0


def _ranked(config: RankConfig, name: str, folder: Path, *, reuse: bool) -> Ranked:
    am = config.ams[name]
    if not reuse:
        shared = {key: value for key, value in vars(config).items() if key != "ams"}
        emissions = str(Path(config.emissions) / name) if config.emissions else ""
        try:
            tune(TuneConfig(**{**shared, "am": am, "emissions": emissions, "out": str(folder)}), force=True)
        except SilentModel:
            return Ranked(name, am, hears=False)
    evidence = read_evidence(folder)
    if evidence is None:
        raise XlplError("no evidence in it", file=folder / TUNE_FILE, remedy="rank again with --force")
    return Ranked(
        name,
        am,
        False if babbles(evidence) else hears(evidence.gain, evidence.error),
        evidence,
        read_weights(folder),
        babbles(evidence),
        trusted=bool(read_json(folder / TUNE_FILE)["trusted"]),
        units_per_second=read_units_per_second(folder),
    )


def _tuned_model(folder: Path) -> str:
    """Return the hash of the model that was tuned in ``folder``; '' if none was."""
    file = folder / TUNE_FILE
    return str(read_json(file).get("am_sha256", "")) if file.exists() else ""


def _is_same(file: Path, settings: dict[str, Any]) -> bool:
    """Tell whether there is a ranking with these settings.

    Raises:
        XlplError: there is one with others.
    """
    if not file.exists():
        return False
    found = read_json(file).get("settings", {})
    other = sorted(key for key in settings if found.get(key) != settings[key])
    if other:
        raise XlplError(
            f"a ranking with another {', '.join(other)}",
            file=file,
            expected="the options of the first time: figures of different ones cannot be compared",
            remedy="choose another out, or add --force to start over",
        )
    return True


def _settings(config: RankConfig) -> dict[str, Any]:
    """Return all that decides the figures but the models; files count by their content."""
    named = {"lexicon": config.decoder.lexicon, "lm": config.decoder.lm}
    searched = {"judge": config.search.judge, "text": config.search.text}
    files = InputFiles({key: path for key, path in (named | searched).items() if path}).sha256
    return {
        "xlpl": version("xlpl"),
        "audio": manifest_digest(read_manifest(config.data, config.split, labels=False)),
        "split": config.split,
        "window_seconds": config.window_seconds,
        "decoder": {**asdict(config.decoder), **{key: files.get(key, "") for key in named}},
        "search": {**asdict(config.search), **{key: files.get(key, "") for key in searched}},
    }


def names_of(paths: Sequence[str]) -> dict[str, str]:
    """Name checkpoints by the parts of their paths that differ.

    >>> names_of(["runs/en/checkpoint_last.pt", "runs/es/checkpoint_last.pt"])
    {'en': 'runs/en/checkpoint_last.pt', 'es': 'runs/es/checkpoint_last.pt'}

    Raises:
        XlplError: a path stands twice.
    """
    parts = [Path(path).with_suffix("").parts for path in paths]
    counts = Counter(part for these in parts for part in set(these))
    names = ["-".join(part for part in these if counts[part] < len(paths)) or these[-1] for these in parts]
    if len(set(names)) < len(names):
        raise XlplError(f"names of the models: {', '.join(names)}", expected="different checkpoints, each once")
    return dict(zip(names, paths, strict=True))
