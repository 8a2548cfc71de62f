"""Speed, memory and word errors of our decoder beside torchaudio's loop and pyctcdecode's pool, in one run.

pyctcdecode is not among xlpl's requirements (it asks for an old numpy): ``pip install --no-deps pyctcdecode pygtrie``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import click
from lexicons import pad
from machine import Memory, about
from problem import Problem

from xlpl_plugin.evaluation.counting import count_words
from xlpl_plugin.evaluation.texts import read_references
from xlpl_plugin.files import write_json
from xlpl_plugin.text_table import render
from xlpl_plugin.tuning.tune import Tuning

BASELINE = "torchaudio loop"
PYCTCDECODE = "pyctcdecode pool"
# what was demanded of this package
TIMES_BASELINE, WER_LOSS, WALL_OVER_SEARCH, WORKER_MB = 4.0, 0.1, 1.15, 100.0


@dataclass(frozen=True)
class Row:
    """All runs of one system with one number of workers; ``ratios``: speed over the baseline of the same repeat."""

    system: str
    workers: int
    runs: list[dict[str, Any]]
    ratios: list[float]

    @property
    def name(self) -> str:
        return f"{self.system} {self.workers}" if self.system != BASELINE else self.system

    def speeds(self) -> list[float]:
        return [run["audio_seconds"] / run["seconds"] for run in self.runs]

    def overheads(self) -> list[float]:
        """Return wall time over the time that the search alone needs, spread over the workers."""
        return [run["seconds"] * self.workers / run["search_seconds"] for run in self.searched()]

    def searched(self) -> list[dict[str, Any]]:
        """Return the runs whose time inside the search is known."""
        return [run for run in self.runs if run["search_seconds"]]

    def cost(self, baseline: Row) -> float:
        """Return the baseline's CPU time for a second of audio over that of this system."""
        theirs, ours = (
            median(run["cpu_seconds"] / run["audio_seconds"] for run in row.runs) for row in (baseline, self)
        )
        return theirs / ours

    def middle(self, field: str) -> float:
        return median(run[field] for run in self.runs)

    def texts(self, script: int) -> dict[str, str]:
        return {name: texts[script] for name, texts in self.runs[0]["texts"].items()}


@click.command(help=__doc__)
@click.option("--data", required=True, help="Prepared folder of the target.")
@click.option("--split", default="test", show_default=True)
@click.option("--emissions", required=True, help="Stored log-probs of that split.")
@click.option("--text", required=True, help="Folder with lexicon.txt and lm/lm.bin.")
@click.option("--references", help="Folder with the split's transcripts, for WER.")
@click.option("--tuning", type=click.Path(exists=True), help="tune.json to take LM weight, word score, penalty from.")
@click.option("--lm-weight", default=2.0, show_default=True)
@click.option("--word-score", default=0.0, show_default=True)
@click.option("--blank-penalty", default=0.0, show_default=True, help="The others are given penalised log-probs.")
@click.option("--beam", default=500, show_default=True)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Further options of our decoder.")
@click.option("--workers", multiple=True, type=int, help="Default: 1, 2 and doublings up to the cores.")
@click.option("--repeats", default=3, show_default=True, help="Of every system, taking turns.")
@click.option("--limit-seconds", default=60.0, show_default=True, help="For pyctcdecode, which runs once.")
@click.option("--lexicon-size", default=200_000, show_default=True, help="For memory alone; 0: not measured.")
@click.option("--language", default="it", show_default=True, help="Whose words pad that lexicon.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write all numbers there.")
def main(
    text: str, references: str | None, tuning: str | None, workers: tuple[int, ...], repeats: int,
    limit_seconds: float, lexicon_size: int, language: str, out: Path | None, **options: Any,
) -> None:  # fmt: skip
    if tuning:
        options.update(asdict(Tuning.read(tuning).best))
    lexicon, lm = f"{text}/lexicon.txt", f"{text}/lm/lm.bin"
    problem = Problem(lexicon=lexicon, lm=lm, limit_seconds=limit_seconds, **options)
    workers = workers or _worker_counts()
    result: dict[str, Any] = {"machine": about(), "problem": problem}
    click.echo("\n".join(f"{name}: {value}" for name, value in result["machine"].items()))
    click.echo(f"{problem}\n")
    rows = _race(problem, workers, repeats)
    result["rows"] = table = _summaries(rows, problem, references)
    click.echo(render([_cells(row) for row in table]))
    demands = _speed_demands(table)
    if lexicon_size:
        result["memory"] = sizes = _memory(problem, workers, lexicon_size, language)
        click.echo(
            f"\nmemory with a lexicon of {lexicon_size} words, MB\n{render([_memory_cells(size) for size in sizes])}"
        )
        demands += _memory_demands(sizes)
    result["demands"] = demands
    click.echo("\n" + "\n".join(f"{'met' if demand['met'] else 'NOT MET'}: {demand['text']}" for demand in demands))
    if out:
        write_json(out, result)


def _worker_counts() -> tuple[int, ...]:
    cores = os.cpu_count() or 1
    return tuple(count for count in (1, 2, 4, 8, 16, 32) if count <= max(2, cores))


def _race(problem: Problem, workers: Sequence[int], repeats: int) -> list[Row]:
    """Run all systems in turn, ``repeats`` times, so that a busy minute of the machine hits them all."""
    contestants = [(BASELINE, 1)] + [(system, n) for system in ("xlpl pool", "xlpl label") for n in workers]
    rows = [Row(system, count, [], []) for system, count in contestants]
    for repeat in range(repeats):
        for row in rows:
            row.runs.append(run(problem, row.system, row.workers))
            click.echo(f"  repeat {repeat + 1}, {row.name}: {row.runs[-1]['seconds']:.1f} s", err=True)
            row.ratios.append(row.speeds()[-1] / rows[0].speeds()[-1])
    if find_spec("pyctcdecode") is None:
        click.echo("pyctcdecode is not installed, left out: pip install --no-deps pyctcdecode pygtrie\n")
    else:
        slow = Row(PYCTCDECODE, max(workers), [run(problem, PYCTCDECODE, max(workers))], [])
        # it ends early, so all that it can be compared with is the median of the baseline
        slow.ratios.append(slow.speeds()[0] / median(rows[0].speeds()))
        rows.insert(1, slow)
    return rows


def run(problem: Problem, system: str, workers: int) -> dict[str, Any]:
    """Run one system in a process of its own and return what it measured."""
    with tempfile.TemporaryDirectory() as folder:
        problem.save(Path(folder) / "problem.json")
        script, out = Path(__file__).with_name("systems.py"), Path(folder) / "out.json"
        command = [sys.executable, str(script), system, str(workers), f"{folder}/problem.json", str(out)]
        path = os.pathsep.join(filter(None, [str(script.parents[1]), os.environ.get("PYTHONPATH", "")]))
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise click.ClickException(f"{system} failed:\n{done.stderr[-3000:]}")
        return json.loads(out.read_text())


def _summaries(rows: Sequence[Row], problem: Problem, references: str | None) -> list[dict[str, Any]]:
    """Return one object a row: medians with [least, most], and word error rates where there are references."""
    found = read_references(references, problem.split) if references else None
    everyone = set.intersection(*(set(row.texts(1)) for row in rows))
    summaries = []
    for row in rows:
        processes = [Memory(*process) for process in max((run["memory"] for run in row.runs), key=_total)]
        summary: dict[str, Any] = {
            "system": row.name,
            "workers": row.workers,
            "utterances": len(row.runs[0]["texts"]),
            "audio_seconds": round(row.runs[0]["audio_seconds"], 1),
            "times_real_time": _spread(row.speeds()),
            "times_baseline": _spread(row.ratios),
            "wall_seconds": round(row.middle("seconds"), 3),
            "cpu_seconds": round(row.middle("cpu_seconds"), 3),
            "times_baseline_by_cpu": round(row.cost(rows[0]), 2),
            "search_seconds": round(row.middle("search_seconds"), 3),
            "wall_over_search": _spread(row.overheads()),
            "cpu_over_search": _spread([run["cpu_seconds"] / run["search_seconds"] for run in row.searched()]),
            "startup_seconds": round(row.middle("startup_seconds"), 2),
            "startup_cpu_seconds": round(row.middle("startup_cpu_seconds"), 2),
            "memory_mb": round(sum(process.pss for process in processes), 1),
            "memory_peak_mb": round(sum(process.pss + process.rss_peak - process.rss for process in processes), 1),
            "rss_peak_mb": [round(process.rss_peak, 1) for process in processes],
        }
        if found:
            summary["wer"] = _wer(found.native, row.texts(0)) if row.system != PYCTCDECODE else None
            summary["wer_romanised"] = _wer(found.text("romanised"), row.texts(1))
            shared = {name: row.texts(1)[name] for name in sorted(everyone)}
            summary["wer_romanised_shared"] = _wer(found.text("romanised"), shared)
        summary["texts_unlike_baseline"] = _differing(rows[0], row)
        summaries.append(summary)
    return summaries


def _differing(baseline: Row, row: Row) -> int:
    """Count the utterances, among those that both decoded, whose romanised words are not the baseline's."""
    theirs, ours = baseline.texts(1), row.texts(1)
    return sum(theirs[name] != ours[name] for name in theirs.keys() & ours.keys())


def _total(processes: Sequence[Sequence[Any]]) -> float:
    return sum(Memory(*process).pss for process in processes)


def _spread(values: Sequence[float]) -> list[float] | None:
    return [round(value, 3) for value in (median(values), min(values), max(values))] if values else None


def _wer(references: Mapping[str, str], texts: Mapping[str, str]) -> float:
    counts = count_words([references[name] for name in texts], list(texts.values()))
    return round(100 * float(counts.errors.sum() / counts.length.sum()), 2)


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    cells = {
        "system": row["system"],
        "audio s": f"{row['audio_seconds']:.0f}",
        "x real time": _range(row["times_real_time"], 1),
        "x torchaudio": _range(row["times_baseline"], 2),
        "by CPU": f"{row['times_baseline_by_cpu']:.2f}",
        "wall s": f"{row['wall_seconds']:.2f}",
        "CPU s": f"{row['cpu_seconds']:.2f}",
        "search CPU s": f"{row['search_seconds']:.2f}" if row["search_seconds"] else "",
        "wall/(search/workers)": _range(row["wall_over_search"], 3),
        "CPU/search": _range(row["cpu_over_search"], 3),
        "startup s": f"{row['startup_seconds']:.1f}",
        "peak MB": f"{row['memory_peak_mb']:.0f}",
        "unlike torchaudio": str(row["texts_unlike_baseline"]),
    }
    for field, title in (("wer", "WER"), ("wer_romanised", "WER rom."), ("wer_romanised_shared", "WER rom., shared")):
        if field in row:
            cells[title] = "" if row[field] is None else f"{row[field]:.2f}"
    return cells


def _range(values: Sequence[float] | None, digits: int) -> str:
    if not values:
        return ""
    middle, least, most = (f"{value:.{digits}f}" for value in values)
    return f"{middle} [{least}, {most}]"


def _speed_demands(table: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    baseline, demands = table[0], []
    for row in table:
        if not row["system"].startswith("xlpl") or row["workers"] != 2:
            continue
        ratio, overhead = row["times_baseline"][0], row["wall_over_search"][0]
        loss = row["wer"] - baseline["wer"] if "wer" in row else None
        text = f"{row['system']}: {ratio:.2f} times torchaudio's loop (at least {TIMES_BASELINE:g})"
        if loss is not None:
            text += f", WER {loss:+.2f} (at most {WER_LOSS:+g})"
        met = ratio >= TIMES_BASELINE and (loss is None or loss <= WER_LOSS + 1e-9)
        demands.append({"text": text, "met": met})
        text = f"{row['system']}: wall {overhead:.3f} times search CPU / workers (at most {WALL_OVER_SEARCH:g})"
        demands.append({"text": text, "met": overhead <= WALL_OVER_SEARCH})
    return demands


def _memory(problem: Problem, workers: Sequence[int], size: int, language: str) -> list[dict[str, Any]]:
    """Decode a few utterances under a padded lexicon; the LM, which knows fewer words, does not matter for memory."""
    with tempfile.TemporaryDirectory() as folder:
        lexicon = Path(folder) / "lexicon.txt"
        pad(problem.lexicon, language, size, lexicon, problem.units())
        padded = replace(problem, lexicon=str(lexicon), first=60)
        return [{"workers": count, **_worker_memory(run(padded, "xlpl pool", count))} for count in workers]


def _worker_memory(measured: Mapping[str, Any]) -> dict[str, Any]:
    """Split the memory of one run: coordinator, the process that built the trie, and the workers' own."""
    coordinator, server, *own = (Memory(*process) for process in measured["memory"])
    return {
        "startup_seconds": round(measured["startup_seconds"], 2),
        "coordinator_mb": round(coordinator.rss, 1),
        "builder_rss_mb": round(server.rss, 1),
        "worker_rss_mb": round(max(worker.rss for worker in own), 1),
        "worker_private_mb": round(max(worker.private for worker in own), 1),
        "worker_private_peak_mb": round(max(worker.private_peak for worker in own), 1),
        "total_pss_mb": round(sum(process.pss for process in (coordinator, server, *own)), 1),
    }


def _memory_cells(size: Mapping[str, Any]) -> dict[str, str]:
    return {name.removesuffix("_mb").replace("_", " "): f"{value:g}" for name, value in size.items()}


def _memory_demands(sizes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    most = max(size["worker_private_peak_mb"] for size in sizes)
    text = f"peak private memory of a worker: {most:.0f} MB (less than {WORKER_MB:g})"
    return [{"text": text, "met": most < WORKER_MB}]


if __name__ == "__main__":
    main()
