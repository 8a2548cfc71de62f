"""Which of several acoustic models recognises a target best? Each is tuned on it without a label; evidence ranks them.

Not the tuning score: it compares weights of one model, and degenerate output can do better by it than words of
the target (``evidence``).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from xlpl_plugin.data.manifest import manifest_digest, read_manifest
from xlpl_plugin.decoding import Weights
from xlpl_plugin.emissions.compute import of_log_probs
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import new_output, sha256
from xlpl_plugin.json_record import JsonRecord
from xlpl_plugin.schema import check_options, option
from xlpl_plugin.shards.input_files import InputFiles
from xlpl_plugin.text.spelling.lexicon import read_lexicon
from xlpl_plugin.text.spelling.respelling import LEXICON_FILE, units_ratio
from xlpl_plugin.tuning.evidence import Evidence, detects_target, repeats_one_word
from xlpl_plugin.tuning.sample import SilentModel
from xlpl_plugin.tuning.tune import TUNE_FILE, TuneConfig, Tuning, read_tuning, tune
from xlpl_plugin.tuning.weight_search import SearchConfig

logger = logging.getLogger(__name__)

RANK_FILE = "rank.json"
# of the units that words have in another model; two scripts of letters differ by less, letters and pieces by more
LONG_UNITS = 0.7


@dataclass
class RankConfig(TuneConfig):
    """Which acoustic models to compare, on what. ``emissions`` and ``out`` get a folder for each."""

    am: str = option("", "not for this verb: the acoustic models are those of ams")
    emissions: str = option("", "folder that gets a folder of log-probs for each model; empty: they are not kept")
    out: str = option(MISSING, "folder for rank.json, and a folder for each model with its tune.json")
    ams: dict[str, str] = option({}, "acoustic models: ams.NAME=CHECKPOINT")
    search: SearchConfig = option(
        SearchConfig(beams=[]),
        "ranges, trials, criterion and guards, as for tuning; beams are not sought unless some are named",
    )

    def check_models(self) -> None:
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
        detects_target: whether it recognises words of the target; None is doubtful (``tuning.evidence``).
        repeats_one_word: then it is the last but the silent ones, whatever the evidence says.
        trusted: whether some weights passed the guards of tuning.
        units_per_second: what the model expects.
        units_ratio: units that words have in it for one unit of the lexicon that was given.
    """

    name: str
    am: str
    detects_target: bool | None
    evidence: Evidence | None = None
    weights: Weights | None = None
    repeats_one_word: bool = False
    trusted: bool = False
    units_per_second: float = 0.0
    units_ratio: float = 1.0


@dataclass(frozen=True)
class Ranking(JsonRecord):
    """``rank.json``: the models, the best first; none while ``complete`` is false.

    Attributes:
        settings: all that decides the figures but the models.
    """

    settings: dict[str, Any]
    complete: bool = False
    ranking: tuple[Ranked, ...] = ()

    holds = "a ranking of acoustic models"
    written_by = "`xlpl rank`"


def rank(config: RankConfig, *, force: bool = False) -> list[Ranked]:
    """Tune each model in a folder of its own and write ``rank.json``; models that were tuned there are not again.

    Returns:
        The models, the best first.

    Raises:
        XlplError: the folder holds a ranking with other options, or something else (without ``force``); a checkpoint
            is missing; or as ``tune``.
    """
    config.check_models()
    check_options(config)
    hashes = {name: sha256(am) for name, am in config.ams.items()}
    file = Path(config.out) / RANK_FILE
    settings = _settings(config)
    known = not force and _is_same(file, settings)
    if not known:
        new_output(config.out, force=force)
        Ranking(settings).write(file)
    rows = []
    for name, am in config.ams.items():
        folder = Path(config.out) / name
        logger.info("%s: %s", name, am)
        rows.append(_ranked(config, name, folder, reuse=known and _tuned_model(folder) == hashes[name]))
    ranking = sorted(rows, key=_goodness, reverse=True)
    Ranking(settings, complete=True, ranking=tuple(ranking)).write(file)
    return ranking


def _goodness(row: Ranked) -> tuple[bool, bool, float]:
    return row.evidence is not None, not row.repeats_one_word, row.evidence.gain if row.evidence else 0.0


def _ranked(config: RankConfig, name: str, folder: Path, *, reuse: bool) -> Ranked:
    am = config.ams[name]
    if not reuse:
        shared = {key: value for key, value in vars(config).items() if key != "ams"}
        emissions = str(Path(config.emissions) / name) if config.emissions else ""
        try:
            tune(TuneConfig(**{**shared, "am": am, "emissions": emissions, "out": str(folder)}), force=True)
        except SilentModel:
            return Ranked(name, am, detects_target=False)
    tuning = read_tuning(folder)
    evidence = tuning.evidence
    return Ranked(
        name,
        am,
        False if repeats_one_word(evidence) else detects_target(evidence.gain, evidence.error),
        evidence,
        tuning.best,
        repeats_one_word(evidence),
        trusted=tuning.trusted,
        units_per_second=tuning.units_per_second,
        units_ratio=_units_ratio(config.decoder.lexicon, folder / LEXICON_FILE),
    )


def _units_ratio(given: str, respelled: Path) -> float:
    return units_ratio(read_lexicon(given), read_lexicon(respelled)) if respelled.exists() else 1.0


def has_long_units(row: Ranked, ranking: Sequence[Ranked]) -> bool:
    """Tell whether a model writes words in so few units that its evidence comes out too low beside that of others.

    The null leaves units and pairs of them whole, and so more of each word.
    """
    return row.units_ratio < LONG_UNITS * max(other.units_ratio for other in ranking)


def _tuned_model(folder: Path) -> str:
    """Return the hash of the model that was tuned in ``folder``; '' if none was."""
    tuning = Tuning.read_if_there(folder / TUNE_FILE)
    return tuning.am_sha256 if tuning else ""


def _is_same(file: Path, settings: dict[str, Any]) -> bool:
    """Tell whether there is a ranking with these settings.

    Raises:
        XlplError: there is one with others.
    """
    ranking = Ranking.read_if_there(file)
    if ranking is None:
        return False
    other = sorted(key for key in settings if ranking.settings.get(key) != settings[key])
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
    searched = {"scoring_lm": config.search.scoring_lm, "text": config.search.text}
    files = InputFiles({key: path for key, path in (named | searched).items() if path}).sha256
    return {
        "xlpl": version("xlpl"),
        "audio": manifest_digest(read_manifest(config.data, config.split, labels=False)),
        "split": config.split,
        **of_log_probs(config),
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
