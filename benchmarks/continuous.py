"""What an update of continuous pseudo-labelling costs, beside an update on labelled audio of the same training.

    python benchmarks/continuous.py --data runs/asterisk/short/round-3/data --unlabelled runs/asterisk/it \
        --init-from runs/asterisk/short/round-2/model.pt model=tiny dataset.max_tokens=640000

Both kinds of update alternate in one real training of fairseq-hydra-train for each case, so that they meet the same
machine; ratios are taken within it. Further arguments are overrides of the training. With --lexicon and --lm labels are
also made under the LM.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
from machine import about
from rich.console import Console
from rich.table import Table

import xlpl_plugin

_LINE = re.compile(r"\[train_inner\].*?(\{.*\})")
# the first updates wait for memory
_WARM_UP = 6
# updates on the cache whose batch stays or is replaced, by what the label of the fresh batch comes from
CASES = {
    "cached": ["task.replace_prob=0"],
    "replaced, greedy": ["task.replace_prob=1"],
    "by change, greedy": ["task.replacement=change"],
    "replaced, LM": ["task.replace_prob=1"],
}


def train(overrides: list[str], updates: int) -> list[dict[str, Any]]:
    """Return what the log says of each update of a training."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            str(Path(sys.executable).parent / "fairseq-hydra-train"),
            *("--config-dir", str(Path(__file__).parents[1] / "config"), "--config-name", "continuous"),
            f"common.user_dir={Path(xlpl_plugin.__file__).parent}",
            f"checkpoint.save_dir={folder}",
            "++checkpoint.no_save=true",
            f"optimization.max_update={updates}",
            "common.log_interval=1",
            "dataset.disable_validation=true",
            "task.no_guard=true",
            *overrides,
        ]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONUTF8": "1"})
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    return [json.loads(found[1]) for found in _LINE.finditer(done.stdout + done.stderr)]


def seconds(lines: list[dict[str, Any]], kind: str) -> list[float]:
    """Return how long the updates of a kind took."""
    return [1 / float(line["ups"]) for line in lines[_WARM_UP:] if line.get(f"loss_{kind}") is not None]


def _places(paths: dict[str, str]) -> list[str]:
    """Return overrides that mean the same from any folder; an empty path is left out."""
    return [f"{key}={Path(path).absolute()}" for key, path in paths.items() if path]


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--data", required=True, help="Labelled prepared folder.")
@click.option("--unlabelled", required=True, help="Prepared folder of the same audio, so that batches are alike.")
@click.option("--init-from", default="", help="Checkpoint to start from.")
@click.option("--updates", default=100, show_default=True)
@click.option("--lexicon", default="")
@click.option("--lm", default="")
@click.option("--json", "out", type=click.Path(path_type=Path), help="All numbers.")
@click.argument("overrides", nargs=-1)
def main(
    data: str,
    unlabelled: str,
    init_from: str,
    updates: int,
    lexicon: str,
    lm: str,
    out: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Print the median time of both kinds of update, and their ratio."""
    files = _places({"task.data": data, "task.unlabelled": unlabelled, "task.init_from": init_from})
    decoder = _places({"task.dec_lexicon": lexicon, "task.dec_lm": lm})
    table = Table("case", "labelled, s", "on the cache, s", "ratio [quartiles]", "updates")
    found: dict[str, dict[str, Any]] = {}
    for case, extra in CASES.items():
        searches = "LM" in case
        if searches and not lm:
            continue
        lines = train([*files, "task.cache_size=10", *extra, *(decoder if searches else ()), *overrides], updates)
        labelled, cached = seconds(lines, "labelled"), seconds(lines, "unlabelled")
        middle = statistics.median(labelled)
        low, median, high = statistics.quantiles([value / middle for value in cached], n=4)
        found[case] = {"labelled": labelled, "cached": cached, "ratio": median}
        ratio = f"{median:.2f} [{low:.2f}, {high:.2f}]"
        table.add_row(case, f"{middle:.3f}", f"{statistics.median(cached):.3f}", ratio, str(len(cached)))
    console = Console()
    console.print(about())
    console.print(table)
    often = 0.9 * found["cached"]["ratio"] + 0.1 * found["replaced, greedy"]["ratio"]
    console.print(f"with replace_prob=0.1 an update on the cache costs {often:.2f} labelled ones (greedy labels)")
    if out:
        out.write_text(json.dumps({"machine": about(), **found}, indent=1))


if __name__ == "__main__":
    main()
