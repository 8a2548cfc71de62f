"""Memory and time of each step of a run at 10 thousand, 100 thousand and a million utterances.

The utterances are made up and short: some hundred words, each with its audio and log-probs, said again and again.
Files, manifests and stores are made by xlpl's own writers. Every step runs in a process of its own. What is done is
kept in --work, so that the same command goes on.
"""

from __future__ import annotations

import math
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import click
import numpy as np
from machine import about, memory
from matplotlib.figure import Figure
from scale_corpus import MOST, Corpus

from xlpl_plugin.files import make_folder, write_json
from xlpl_plugin.json_record import JsonRecord
from xlpl_plugin.labelling.label_split import LabelConfig
from xlpl_plugin.shards.store import Part
from xlpl_plugin.text_table import render

# MB at a million utterances, of the process that needs most: the demands
MOST_MB, MOST_MB_DATASET, MOST_MB_REPORT = 600, 1500, 3.0
# of the growth of CPU time: n log n looks like this between 10^5 and 10^6
_LINEAR = 1.1
# a tenth is decoded: the other records are those of the same words
_DECODED = Part(1, 10)


class Step(NamedTuple):
    """What is measured, and the steps whose results it reads."""

    run: Callable[[Corpus, int], object]
    needs: tuple[str, ...] = ("make",)


@dataclass(frozen=True)
class Cost(JsonRecord):
    """Of one step: seconds on the clock and of the CPU, peak of memory in MB, and that of a process it started."""

    step: str
    utterances: int
    seconds: float
    cpu: float
    peak_mb: float
    worker_mb: float
    page_mb: float = 0.0

    holds = "the cost of a step"
    written_by = "benchmarks/scale.py"


def _xlpl(*words: object) -> None:
    """Give a command in this process."""
    from xlpl_plugin.cli import xlpl

    with suppress(SystemExit):  # of `xlpl check`, whose status says whether anything is wrong
        xlpl([str(word) for word in words], standalone_mode=False)


def _options(corpus: Corpus, **more: object) -> list[str]:
    decoder = {"lexicon": corpus.lexicon, "lm": corpus.lm, "beam": 5}
    own = {
        "data": corpus.data,
        "emissions": corpus.emissions,
        **{f"decoder.{key}": value for key, value in decoder.items()},
    }
    return [f"{key}={value}" for key, value in {**own, **more}.items()]


def prepare(corpus: Corpus, utterances: int) -> None:
    """Do all of `xlpl prepare manifest` but for the audio, which is in place."""
    from xlpl_plugin.data import prepare as module
    from xlpl_plugin.data.preparing.convert import Converted, Converter
    from xlpl_plugin.data.preparing.kept import Kept
    from xlpl_plugin.data.preparing.recordings import Recording

    class InPlace(Converter):
        """Finds the audio of a recording where it belongs."""

        def __call__(self, recording: Recording) -> Converted:
            samples = corpus.patterns[int(recording.audio.stem)].samples
            return Converted((Kept(recording.name, recording.clips[0].row, recording.audio.suffix, samples),))

    plausible = {"min-rate": 0, "max-rate": 1000, "min-seconds": 0}
    given = [word for name, value in plausible.items() for word in (f"--{name}", value)]
    with patch.object(module, "Converter", InPlace):
        _xlpl("prepare", "manifest", corpus.table, "--language", "it", "--out", corpus.prepared, *given, "--workers", 1)
    (corpus.prepared / "audio").symlink_to(corpus.audio)


def check(corpus: Corpus, utterances: int) -> None:
    given = ["--text", corpus.text, "--lexicon", corpus.lexicon, "--frame-seconds", 0.01]
    _xlpl("check", corpus.prepared, "--quick", "--workers", 1, *given)


def dataset(corpus: Corpus, utterances: int) -> None:
    """Load what a training of fairseq loads, plan an epoch and read a batch."""
    from fairseq.data import Dictionary

    from xlpl_plugin.data.dataset import AudioDataset, keep_durations, read_part

    dictionary = Dictionary.load(str(corpus.references / "dict.ltr.txt"))
    part = keep_durations(read_part(corpus.references, "train", dictionary), 0.01, 30.0)
    found = AudioDataset([part], pad=dictionary.pad())
    batches = found.batch_by_size(found.ordered_indices(), max_tokens=1_600_000)
    found.collater([found[index] for index in batches[0]])
    click.echo(f"{len(batches)} batches, {found.identity['digest'][:12]}")


def label(corpus: Corpus, utterances: int) -> None:
    shutil.rmtree(corpus.decoded, ignore_errors=True)
    # in a toy corpus, too, there are shards that are not decoded
    shard = max(1, min(LabelConfig.shard_size, utterances // (2 * _DECODED.of)))
    _xlpl("label", *_options(corpus, out=corpus.decoded, workers=1, shard_size=shard), "--shard", _DECODED)


def copy(corpus: Corpus, utterances: int) -> None:
    corpus.copy_records(_DECODED)
    corpus.write_other_voter()


def merge(corpus: Corpus, utterances: int) -> None:
    _xlpl("labels", "merge", corpus.decoded, corpus.copied, "--out", corpus.labels, "--force")


def filters(corpus: Corpus, utterances: int) -> None:
    """Apply every kind of filter to labels that are there."""
    chosen = {"min_agreement": 0.3, "drop_least_confident": 0.1, "other": corpus.other, "min_other_agreement": 0.5}
    options = [f"filter.{key}={value}" for key, value in chosen.items()]
    _xlpl("labels", "merge", corpus.labels, "--out", corpus.labels, *options)


def vote(corpus: Corpus, utterances: int) -> None:
    from xlpl_plugin.labelling.vote import VoteConfig
    from xlpl_plugin.labelling.vote import vote as choose

    voters = [str(corpus.labels), str(corpus.other)]
    choose(VoteConfig(voters=voters, data=str(corpus.data), out=str(corpus.folder / "voted")), force=True)


def gather(corpus: Corpus, utterances: int) -> None:
    """Put the kept labels together as the data of a student, as a run does, and draw a share of the recordings."""
    from xlpl_plugin.run.plan.steps import Collect, DrawSample
    from xlpl_plugin.run.student_data import collect_labels, draw_sample
    from xlpl_plugin.stage import Stage

    out, sample, first = str(corpus.folder / "gathered"), str(corpus.folder / "sample"), Stage.round(1)
    common = {"stage": first, "needs": ()}
    labels = {"train": str(corpus.labels), "valid": str(corpus.other), "train_split": "train", "valid_split": "train"}
    collect_labels(Collect(name="collect", out=out, **labels, **common))
    draw_sample(DrawSample(name="draw", out=sample, data=str(corpus.data), split="train", share=0.5, **common))


def measure(corpus: Corpus, utterances: int) -> None:
    from xlpl_plugin.monitoring.measure import MeasureConfig
    from xlpl_plugin.monitoring.measure import measure as watch

    config = corpus.label_config()
    own = {"labels": corpus.labels, "emissions": corpus.emissions, "previous": corpus.other}
    click.echo(watch(MeasureConfig(decoder=config.decoder, **{key: str(value) for key, value in own.items()})))


def tune(corpus: Corpus, utterances: int) -> None:
    few = {"trials": 4, "local_trials": 0, "beam": 5, "beams": "[]"}
    search = {f"search.{key}": value for key, value in few.items()}
    _xlpl("tune", *_options(corpus, out=corpus.folder / "tuning", **search), "--force")


def score(corpus: Corpus, utterances: int) -> None:
    table = corpus.folder / "score.json"
    given = ["--references", corpus.references, "--split", "train", "--resamples", 100, "--json", table, "--force"]
    _xlpl("score", corpus.labels, *given)


def report(corpus: Corpus, utterances: int) -> None:
    """Report on a run whose two rounds have these labels."""
    run = make_folder(corpus.folder / "run")
    for number, labels in enumerate((corpus.other, corpus.labels)):
        place = run / f"round-{number}" / "labels" / "train"
        make_folder(place.parent)
        place.unlink(missing_ok=True)
        place.symlink_to(labels)
    _xlpl("report", run)


def join(corpus: Corpus, utterances: int) -> None:
    _xlpl("labels", "join", corpus.labels, corpus.data, "--out", corpus.folder / "joined.jsonl", "--force")


STEPS: Mapping[str, Step] = {
    "make": Step(lambda corpus, utterances: corpus.make(utterances), ()),
    "prepare": Step(prepare),
    "check": Step(check, ("prepare",)),
    "dataset": Step(dataset),
    "label": Step(label),
    "copy": Step(copy, ("label",)),
    "merge": Step(merge, ("copy",)),
    "filters": Step(filters, ("merge",)),
    "vote": Step(vote, ("merge",)),
    "gather": Step(gather, ("merge",)),
    "measure": Step(measure, ("merge",)),
    "tune": Step(tune),
    "score": Step(score, ("merge",)),
    "join": Step(join, ("merge",)),
    "report": Step(report, ("merge",)),
}
# these make the material; they are no steps of a run
_MATERIAL = ("make", "copy")


@click.command(help=__doc__)
@click.option("--size", "sizes", multiple=True, type=click.IntRange(1, MOST), default=(10_000, 100_000, MOST))
@click.option("--step", "steps", multiple=True, type=click.Choice([*STEPS]), default=[*STEPS], help="[default: all]")
@click.option("--work", type=click.Path(path_type=Path), default=Path("scale"), show_default=True)
@click.option("--again", is_flag=True, help="Measure these steps again, though they are done.")
@click.option("--remove", is_flag=True, help="Remove each corpus when all its steps are done; the figures stay.")
@click.option("--plot", type=click.Path(path_type=Path), default=Path("scale.png"), show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write all numbers there.")
@click.option("--run", "only", type=click.Choice([*STEPS]), hidden=True, help="Run one step in this process.")
def main(
    sizes: Sequence[int],
    steps: Sequence[str],
    work: Path,
    again: bool,
    remove: bool,
    plot: Path,
    out: Path | None,
    only: str | None,
) -> None:
    if only:
        _measure(only, sizes[0], work)
        return
    machine = about()
    click.echo("\n".join(f"{name}: {value}" for name, value in machine.items()))
    for size in sorted(sizes):
        for step in _with_needs(steps):
            _run(step, size, work, again=again and step in steps)
        if remove:
            shutil.rmtree(work / str(size))
    costs = [Cost.read(file) for file in sorted((work / "costs").glob("*.json"))]
    click.echo(render(_rows(costs)))
    demands = [{"text": text, "met": met} for text, met in _demands(costs)]
    for demand in demands:
        click.echo(f"{'met' if demand['met'] else 'NOT MET'}: {demand['text']}")
    _draw(costs, plot)
    if out:
        write_json(out, {"machine": machine, "costs": costs, "demands": demands})


def _with_needs(steps: Sequence[str]) -> list[str]:
    wanted = set(steps)
    for name in reversed(STEPS):
        wanted |= set(STEPS[name].needs) if name in wanted else set()
    return [name for name in STEPS if name in wanted]


def _cost_file(work: Path, step: str, size: int) -> Path:
    return work / "costs" / f"{list(STEPS).index(step):02d}-{step}-{size:07d}.json"


def _run(step: str, size: int, work: Path, *, again: bool) -> None:
    """Run a step in another process, unless that was done."""
    if _cost_file(work, step, size).exists() and not again:
        return
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    command = [sys.executable, __file__, "--run", step, "--size", str(size), "--work", str(work)]
    with (make_folder(work) / f"{step}-{size}.log").open("w+") as log:
        if subprocess.run(command, env=environment, stdout=log, stderr=log).returncode:
            log.seek(0)
            raise click.ClickException(f"{step} of {size} failed:\n{log.read()[-3000:]}")
    click.echo(f"{time.strftime('%H:%M:%S')} {Cost.read(_cost_file(work, step, size))}")


def _measure(step: str, size: int, work: Path) -> None:
    begin = time.monotonic()
    corpus = Corpus(make_folder(work / str(size)))
    STEPS[step].run(corpus, size)
    seconds = time.monotonic() - begin
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu = own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime
    page = corpus.folder / "run" / "report.html"
    Cost(
        step,
        size,
        round(seconds, 2),
        round(cpu, 2),
        round(memory(os.getpid()).rss_peak, 1),
        round(others.ru_maxrss * 1024 / 1e6, 1),
        round(page.stat().st_size / 1e6, 3) if step == "report" else 0.0,
    ).write(_cost_file(work, step, size))


def _rows(costs: Sequence[Cost]) -> list[dict[str, str]]:
    sizes = sorted({cost.utterances for cost in costs})
    rows = []
    for step in dict.fromkeys(cost.step for cost in costs):
        found = {cost.utterances: cost for cost in costs if cost.step == step}
        row = {"step": step}
        for size in sizes:
            row[f"MB at {size:,}"] = f"{found[size].peak_mb:.0f}" if size in found else ""
        for size in sizes:
            row[f"s at {size:,}"] = f"{found[size].seconds:.0f}" if size in found else ""
            row[f"CPU s at {size:,}"] = f"{found[size].cpu:.0f}" if size in found else ""
        growth = _growth([*found.values()])
        row["growth"] = "" if growth is None else f"{growth:.2f}"
        rows.append(row)
    return rows


def _growth(costs: Sequence[Cost]) -> float | None:
    """Return the power of the number of utterances with which CPU time grows, between the two largest sizes."""
    if len(costs) < 2:
        return None
    small, large = sorted(costs, key=lambda cost: cost.utterances)[-2:]
    return math.log(large.cpu / small.cpu) / math.log(large.utterances / small.utterances)


def _demands(costs: Sequence[Cost]) -> list[tuple[str, bool]]:
    largest = max(cost.utterances for cost in costs)
    measured = [cost for cost in costs if cost.step not in _MATERIAL]
    demands = []
    for cost in measured:
        if cost.utterances == largest:
            most = MOST_MB_DATASET if cost.step == "dataset" else MOST_MB
            text = f"{cost.step}: {cost.peak_mb:.0f} MB at {largest:,} utterances (at most {most})"
            demands.append((text, cost.peak_mb <= most))
    for step in dict.fromkeys(cost.step for cost in measured):
        growth = _growth([cost for cost in measured if cost.step == step])
        if growth is not None:
            demands.append(
                (f"{step}: CPU time grows with the power {growth:.2f} (at most {_LINEAR})", growth <= _LINEAR)
            )
    pages = [cost.page_mb for cost in costs if cost.step == "report"]
    if pages:
        demands.append(
            (f"the report has {max(pages):.2f} MB (at most {MOST_MB_REPORT:g})", max(pages) <= MOST_MB_REPORT)
        )
    return demands


def _draw(costs: Sequence[Cost], file: Path) -> None:
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for number, step in enumerate(dict.fromkeys(cost.step for cost in costs if cost.step not in _MATERIAL)):
        found = [cost for cost in costs if cost.step == step]
        sizes = [cost.utterances for cost in found]
        style = {"marker": "o", "linestyle": "-" if number < 10 else "--", "label": step}
        left.plot(sizes, [cost.peak_mb for cost in found], **style)
        right.plot(sizes, [cost.cpu for cost in found], **style)
    left.axhline(MOST_MB, color="0.6", linestyle=":")
    left.set(xscale="log", xlabel="utterances", ylabel="peak of resident memory, MB", ylim=(0, None))
    ends = np.array([min(cost.utterances for cost in costs), max(cost.utterances for cost in costs)])
    right.plot(ends, ends / ends[-1] * max(cost.cpu for cost in costs), color="0.6", linestyle=":", label="linear")
    right.set(xscale="log", yscale="log", xlabel="utterances", ylabel="CPU seconds")
    right.legend(fontsize="small", ncols=2)
    figure.savefig(file, dpi=120)


if __name__ == "__main__":
    main()
