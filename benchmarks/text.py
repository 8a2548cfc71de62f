"""How fast `xlpl prepare text` is with one and more workers and at an earlier commit, in how much memory.

The text is made of wordfreq's words, each as often as in the language, in sentences and paragraphs: one plain file.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import wordfreq
from machine import about, cpu_seconds, process_tree, resident

from xlpl_plugin.files import sha256, write_json
from xlpl_plugin.text_table import render

_ROOT = Path(__file__).parents[1]
_EVERY_SECONDS = 0.2
_SEED = 1


@dataclass(frozen=True)
class Measured:
    """One run.

    Attributes:
        main_cpu, all_cpu: seconds of CPU of the main process and of all, which other work on the machine disturbs less.
        main_mb, all_mb: resident memory at its peak.
    """

    name: str
    seconds: float
    mb_a_second: float
    main_cpu: float
    all_cpu: float
    main_mb: float
    all_mb: float
    sha256: str


@click.command(help=__doc__)
@click.option("--megabytes", default=100.0, show_default=True)
@click.option("--language", default="it", show_default=True)
@click.option("--workers", default=[1, 2], multiple=True, show_default=True)
@click.option("--before", default="", help="Commit to compare with, such as one whose verb has no --workers.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write all numbers there.")
def main(megabytes: float, language: str, workers: tuple[int, ...], before: str, out: Path | None) -> None:
    machine = about()
    click.echo("\n".join(f"{name}: {value}" for name, value in machine.items()))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = make_text(folder / "text.txt", language, int(megabytes * 1e6))
        runs = []
        if before:
            with worktree(before, folder / "tree") as tree:
                runs.append(measure(f"at {before}", tree, folder, language, size))
        for number in workers:
            runs.append(measure(f"{number} workers", _ROOT, folder, language, size, "--workers", str(number)))
    rows = [
        {
            "": run.name,
            "s": f"{run.seconds:.1f}",
            "MB/s": f"{run.mb_a_second:.2f}",
            "times the first": f"{runs[0].seconds / run.seconds:.2f}",
            "CPU s, main process": f"{run.main_cpu:.1f}",
            "CPU s, all": f"{run.all_cpu:.1f}",
            "MB, main process": f"{run.main_mb:.0f}",
            "MB, all": f"{run.all_mb:.0f}",
        }
        for run in runs
    ]
    click.echo(render(rows))
    same = len({run.sha256 for run in runs}) == 1
    click.echo(f"{size / 1e6:.1f} MB of text; text.txt is {'the same' if same else 'NOT THE SAME'} in all runs")
    if out:
        write_json(out, {"machine": machine, "bytes": size, "same": same, "runs": [asdict(run) for run in runs]})


def make_text(file: Path, language: str, size: int) -> int:
    """Write about ``size`` bytes of sentences of 4 to 20 words, up to four in a line; return how many."""
    drawn = random.Random(_SEED)
    words = wordfreq.top_n_list(language, 30_000)
    weights = [wordfreq.word_frequency(word, language) for word in words]
    written = 0
    with file.open("w", encoding="utf-8") as stream:
        while written < size:
            pool = iter(drawn.choices(words, weights, k=100_000))
            while line := " ".join(_sentences(pool, drawn)):
                stream.write(f"{line}\n")
            written = stream.tell()
    return file.stat().st_size


def _sentences(pool: Iterator[str], drawn: random.Random) -> Iterator[str]:
    for _ in range(drawn.randint(1, 4)):
        if words := [word for word, _ in zip(pool, range(drawn.randint(4, 20)), strict=False)]:
            yield f"{' '.join(words).capitalize()}{drawn.choice('.!?')}"


@contextmanager
def worktree(commit: str, folder: Path) -> Iterator[Path]:
    """Check a commit out into a folder for the time of the block."""
    git = ["git", "-C", str(_ROOT), "worktree"]
    subprocess.run([*git, "add", "--detach", "--quiet", str(folder), commit], check=True)
    try:
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)


def measure(name: str, tree: Path, folder: Path, language: str, size: int, *options: str) -> Measured:
    """Run the verb of the code in ``tree`` in processes of its own."""
    out = folder / "out"
    command = [sys.executable, "-c", "from xlpl_plugin.cli import main; main()", "prepare", "text"]
    command += [str(folder / "text.txt"), "--language", language, "--out", str(out), "--force", *options]
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    begin = time.monotonic()
    process = subprocess.Popen(command, env=environment, cwd=tree, stdout=subprocess.DEVNULL)
    main_mb = all_mb = 0.0
    cpu: dict[int, float] = {}
    while process.poll() is None:
        pids = process_tree(process.pid)
        held = [resident(pid) for pid in pids]
        main_mb, all_mb = max(main_mb, held[0]), max(all_mb, sum(held))
        with suppress(OSError):  # one has ended meanwhile; what it took is known from the time before
            cpu.update((pid, cpu_seconds([pid])) for pid in pids)
        time.sleep(_EVERY_SECONDS)
    seconds = time.monotonic() - begin
    if process.returncode:
        raise click.ClickException(f"{name} failed")
    main_cpu, all_cpu = cpu.get(process.pid, 0.0), sum(cpu.values())
    return Measured(name, seconds, size / 1e6 / seconds, main_cpu, all_cpu, main_mb, all_mb, sha256(out / "text.txt"))


if __name__ == "__main__":
    main()
