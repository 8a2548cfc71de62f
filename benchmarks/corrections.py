"""What a native speaker's minutes are worth: utterances chosen by `xlpl pick`, against as many minutes at random.

From the best model of a finished run one more round is trained for each number of minutes, way of choosing and seed.
References of the train split stand in for the speaker; those of the test split score.

    python benchmarks/corrections.py --run runs/asterisk/short --references runs/asterisk/it-references \
        --work runs/asterisk/corrections

Every case is a run of `xlpl iterate` of its own; what is done is skipped, so the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from machine import about
from omegaconf import OmegaConf

from xlpl_plugin.config import load_config
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.evaluation.scoring import ScoreTable
from xlpl_plugin.labelling.records import iter_labels
from xlpl_plugin.picking.choose import Picked, choose_utterances, draw_utterances
from xlpl_plugin.picking.table import NOTHING_SAID, TableRow, write_table
from xlpl_plugin.run.best_labels import find_best_labels
from xlpl_plugin.run.config import CorrectionsConfig, IterateConfig
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.result import Result
from xlpl_plugin.text_table import render

PICKED, RANDOM = "picked", "random"


@dataclass(frozen=True)
class Case:
    """One training: ``minutes`` of corrected audio, how they were chosen, and the seed of choice and training."""

    minutes: float
    how: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.how}-{self.minutes:g}-seed-{self.seed}" if self.minutes else f"none-seed-{self.seed}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="finished run of `xlpl iterate`")
    parser.add_argument("--references", type=Path, required=True, help="prepared folder with the transcripts")
    parser.add_argument("--work", type=Path, required=True, help="folder for the cases")
    parser.add_argument("--minutes", type=float, nargs="+", default=[2, 5, 10])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--updates", type=int, default=400)
    parser.add_argument("--weight", type=float, default=3.0, help="of a corrected utterance in training")
    options = parser.parse_args()
    cases = [Case(0, "", seed) for seed in options.seeds]
    cases += [Case(m, how, seed) for m in options.minutes for seed in options.seeds for how in (PICKED, RANDOM)]
    print(", ".join(about().values()))
    rates: defaultdict[tuple[float, str], list[tuple[float, float]]] = defaultdict(list)
    for case in cases:
        rates[case.minutes, case.how].append(_rates(case, options))
        print(case.name, rates[case.minutes, case.how][-1], flush=True)
    (options.work / "corrections.json").write_text(
        json.dumps({"machine": about(), "wer, cer": {f"{m:g} {how}".strip(): r for (m, how), r in rates.items()}})
    )
    print(render(list(_table(rates)), "markdown"))


def _rates(case: Case, options: argparse.Namespace) -> tuple[float, float]:
    """Train and label where that was not done; return WER and CER of the test split under the LM, in percent."""
    out = options.work / case.name
    score = out / "score.json"
    if not score.exists():
        tables = [_correct(case, options)] if case.minutes else []
        config = _config(case, options, tables)
        file = options.work / f"{case.name}.yaml"
        OmegaConf.save(OmegaConf.structured(config), file)
        subprocess.run(["xlpl", "iterate", str(file)], check=True, stderr=(options.work / f"{case.name}.log").open("w"))
        words = ["--run", str(out), "--references", str(options.references), "--json", str(score)]
        subprocess.run(["xlpl", "score", *words], check=True, stdout=subprocess.DEVNULL)
    [row] = [row for row in ScoreTable.read(score).rows if row.system == "round 1 LM"]
    return round(100 * row.wer.value, 1), round(100 * row.cer.value, 1)


def _config(case: Case, options: argparse.Namespace, tables: list[Path]) -> IterateConfig:
    """Return a run of one round from the finished run's model, with that one's decoder."""
    layout = RunLayout(options.run)
    config, result = load_config(IterateConfig, layout.config, []), Result.read(layout.result)
    inside = layout.run / result.model
    overrides = [*config.student.overrides, f"common.seed={case.seed}"]
    config.source = replace(config.source, checkpoint=str(inside if inside.exists() else result.model), data="")
    config.out, config.rounds, config.voters, config.changes = str(options.work / case.name), 1, [], []
    config.decoder = replace(config.decoder, **asdict(result.weights))
    config.tuning.enabled = config.continuous.enabled = config.stop.enabled = False
    config.student = replace(config.student, overrides=overrides, max_update=options.updates)
    config.corrections = [CorrectionsConfig(str(table), 1, options.weight) for table in tables]
    return config


def _correct(case: Case, options: argparse.Namespace) -> Path:
    """Choose utterances by the finished run's labels, and write their references into the table."""
    best = find_best_labels(options.run)
    truth = read_manifest(options.references, best.split)
    said = dict(zip(truth.ids, (one.words for one in truth.utterances), strict=True))
    file: Path = options.work / f"{case.name}.tsv"
    write_table(file, (_row(one, said[one.id] or NOTHING_SAID) for one in _chosen(case, best.file)))
    return file


def _chosen(case: Case, labels: Path) -> list[Picked]:
    if case.how == RANDOM:
        return draw_utterances(iter_labels(labels), 60 * case.minutes, case.seed)
    return choose_utterances(iter_labels(labels), 60 * case.minutes)


def _row(one: Picked, transcript: str) -> TableRow:
    return TableRow(one.id, "", f"{one.seconds:.2f}", " ".join(one.words), transcript, f"{one.confidence:.3f}")


def _table(rates: dict[tuple[float, str], list[tuple[float, float]]]) -> Iterator[dict[str, str]]:
    for (minutes, how), found in rates.items():
        wer, cer = ([one[k] for one in found] for k in range(2))
        yield {
            "minutes corrected": f"{minutes:g}",
            "chosen": how,
            "WER %, each seed": ", ".join(f"{value:.1f}" for value in wer),
            "WER %, mean": f"{statistics.mean(wer):.1f}",
            "CER %, mean": f"{statistics.mean(cer):.1f}",
        }


if __name__ == "__main__":
    main()
