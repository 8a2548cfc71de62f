"""``xlpl label`` under fire: killed, starved of disk, its workers shot. What comes out is what always comes out."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from xlpl_plugin.data.manifest import Manifest, write_manifest
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.emissions.source import Emission, Window
from xlpl_plugin.emissions.stored import SUFFIX, EmissionFacts, write_shard
from xlpl_plugin.labelling.records import read_labels
from xlpl_plugin.shards.store import ShardStore

UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "a", "b", "c")
FRAME_SAMPLES = 640
UTTERANCES = 60
KILLS = 20


class Corpus(NamedTuple):
    """Stored emissions, lexicon and LM, and what an undisturbed run made of them."""

    folder: Path
    undisturbed: dict[str, bytes]
    seconds: float


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpus")
    write_emissions(folder, [40 + 2 * number for number in range(UTTERANCES)])
    words = {"".join(letters): letters for letters in ("ab", "bc", "ca", "abc", "cab", "a", "b", "cc")}
    lexicon = "".join(f"{word.upper()}\t{' '.join(letters)} |\n" for word, letters in words.items())
    (folder / "lexicon.txt").write_text(lexicon)
    (folder / "lm.arpa").write_text(bigrams([word.upper() for word in words]))
    started = time.monotonic()
    assert start(folder, "undisturbed").wait() == 0
    return Corpus(folder, results(folder / "undisturbed"), time.monotonic() - started)


def write_emissions(folder: Path, frames: list[int]) -> None:
    rng = np.random.default_rng(20)
    utterances = tuple(Utterance(f"u{number}.flac", n * FRAME_SAMPLES + 1) for number, n in enumerate(frames))
    write_manifest(folder / "data", "train", Manifest(folder, utterances))
    store = ShardStore.open(
        folder / "em", {"am": "0" * 64, "window_seconds": 30.0}, 1, EmissionFacts(units=tuple(UNITS)), suffix=SUFFIX
    )

    def emissions() -> Iterator[Emission]:
        for utterance, n in zip(utterances, frames, strict=True):
            logits = rng.normal(scale=2.0, size=(n, len(UNITS)))
            logits[:, [1, 2, 3]] -= 12
            log_probs = (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)
            yield Emission(utterance, log_probs, (Window(n, 0.0, utterance.seconds),))

    write_shard(store, 0, emissions(), len(frames))


def bigrams(words: list[str]) -> str:
    """Return an ARPA file in which each word likes the one after it in the list."""
    ones = [
        "-1.5\t<unk>",
        "-99\t<s>\t-0.3",
        "-1\t</s>",
        *(f"-{0.6 + 0.1 * i:.1f}\t{w}\t-0.2" for i, w in enumerate(words)),
    ]
    twos = [f"-0.2\t{first} {second}" for first, second in pairwise(words)]
    lines = ["\\data\\", f"ngram 1={len(ones)}", f"ngram 2={len(twos)}", "\n\\1-grams:", *ones, "\n\\2-grams:", *twos]
    return "\n".join([*lines, "\n\\end\\\n"])


def start(folder: Path, out: str, *, size: int = 3, workers: int = 2, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-c", "from xlpl_plugin.cli import main; main()", "label"),
            *(f"emissions={folder}/em", f"data={folder}/data", f"out={folder / out}"),
            *(f"shard_size={size}", f"workers={workers}"),
            *(
                f"decoder.lexicon={folder}/lexicon.txt",
                f"decoder.lm={folder}/lm.arpa",
                "decoder.lm_weight=1.5",
                "decoder.beam=50",
            ),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if options else open(folder / f"{out}.log", "a"),
        text=True,
        start_new_session=True,
        **options,  # type: ignore[call-overload]
    )


def results(out: Path) -> dict[str, bytes]:
    """Return the files that matter; of the provenance, all but times and the name of the folder."""
    files = {path.name: path.read_bytes() for path in [*out.glob("*"), *out.glob("shards/*.jsonl")] if path.is_file()}
    provenance = json.loads(files["provenance.json"])
    del provenance["times"], provenance["config"]
    assert not list(out.rglob("*.part"))
    return {**files, "provenance.json": json.dumps(provenance).encode()}


def processes_of(group: int) -> dict[int, int]:
    """Return pid -> parent of the living processes of a process group, in the order in which they were started."""
    found: list[tuple[int, int, int]] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent, its_group, *rest = stat.read_text().rpartition(")")[2].split()
        except OSError:  # ended meanwhile
            continue
        if int(its_group) == group and state != "Z":
            found.append((int(rest[16]), int(stat.parent.name), int(parent)))
    return {pid: parent for _, pid, parent in sorted(found)}


def workers_of(coordinator: int) -> list[int]:
    """Return the decoding processes, the youngest last: those that the coordinator's child forked."""
    processes = processes_of(coordinator)
    servers = [pid for pid, parent in processes.items() if parent == coordinator]
    return [pid for pid, parent in processes.items() if parent in servers]


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


@pytest.mark.slow
def test_killed_at_random_moments_it_goes_on(corpus: Corpus) -> None:
    """Each run is killed somewhere and gone on with by the next, until one gets through; then from the start again."""
    moments = random.Random(1)
    kills = 0
    for number in count():
        out = f"killed-{number}"
        while True:
            process = start(corpus.folder, out)
            try:
                assert process.wait(moments.uniform(0.15, 1.0) * corpus.seconds) == 0
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
                assert wait_for(lambda group=process.pid: not processes_of(group)), "the workers outlived the run"  # type: ignore[misc]
            if kills >= KILLS:
                assert start(corpus.folder, out).wait() == 0
                break
        assert results(corpus.folder / out) == corpus.undisturbed
        if kills >= KILLS:
            break


@pytest.mark.slow
def test_workers_killed_at_random_moments_are_replaced(corpus: Corpus) -> None:
    """The oldest worker each time: a younger one may have at hand what the last one was killed with.

    An utterance whose worker is killed twice is set aside. On a busy machine one may wait so long for its turn that a
    second shot hits it: such a run says so, and its shots do not count.
    """
    moments = random.Random(2)
    kills = 0
    for number in count():
        out = corpus.folder / f"shot-{number}"
        process = start(corpus.folder, out.name, size=1, workers=3)
        done = shots = 0

        def further(process: subprocess.Popen[str] = process, out: Path = out) -> bool:
            """Whether some more utterances are done, or all."""
            return process.poll() is not None or len(list(out.glob("shards/*.json"))) >= done + 6  # noqa: B023

        while wait_for(further) and process.poll() is None:
            time.sleep(moments.uniform(0, 0.01))
            workers = workers_of(process.pid)
            done = len(list(out.glob("shards/*.json")))
            if len(workers) == 3:
                with suppress(ProcessLookupError):  # the last one killed was still listed
                    os.kill(workers[0], signal.SIGKILL)
                    shots += 1
        assert process.wait() == 0
        if any(record.error for record in read_labels(out / "labels.jsonl")):
            continue
        kills += shots
        assert (out / "labels.jsonl").read_bytes() == corpus.undisturbed["labels.jsonl"]
        for name in ("train.tsv", "train.wrd", "train.ltr"):
            assert (out / name).read_bytes() == corpus.undisturbed[name]
        if kills >= KILLS:
            break


@pytest.mark.slow
def test_what_kills_its_worker_twice_is_set_aside(tmp_path: Path, corpus: Corpus) -> None:
    write_emissions(tmp_path, [60, 60, 60_000, 60, 60])
    for name in ("lexicon.txt", "lm.arpa"):
        (tmp_path / name).write_bytes((corpus.folder / name).read_bytes())
    process = start(tmp_path, "out", workers=1)
    shot: set[int] = set()
    for _ in range(2):
        assert wait_for(lambda: bool(set(workers_of(process.pid)) - shot))
        time.sleep(0.1)  # until it has the long one, which comes first
        [worker] = set(workers_of(process.pid)) - shot
        os.kill(worker, signal.SIGKILL)
        shot.add(worker)
    assert process.wait() == 0
    reasons = {record.id: record.reason for record in read_labels(tmp_path / "out/labels.jsonl")}
    assert list(reasons) == ["u0", "u1", "u2", "u3", "u4"]
    assert reasons["u2"] == "failed: the decoder's process died twice on it"
    assert not any("failed" in reason for name, reason in reasons.items() if name != "u2")


def test_a_full_disk_stops_the_run_and_space_lets_it_go_on(corpus: Corpus) -> None:
    """Files that may not grow beyond some kB look like a full disk to who writes them."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))

    out = corpus.folder / "full"
    process = start(corpus.folder, out.name, preexec_fn=limit)
    _, told = process.communicate()
    assert process.returncode == 2
    assert "disk full?" in told
    assert "Traceback" not in told
    assert not list(out.rglob("*.part"))
    assert {path.stem for path in out.glob("shards/*.jsonl")} == {path.stem for path in out.glob("shards/*.json")}
    assert not (out / "labels.jsonl").exists()
    assert start(corpus.folder, out.name).wait() == 0
    assert results(out) == corpus.undisturbed


def test_stored_emissions_are_labelled_without_torch(corpus: Corpus, tmp_path: Path) -> None:
    code = (
        "import sys; from xlpl_plugin.labelling.label_split import LabelConfig, label\n"
        f"label(LabelConfig(emissions='{corpus.folder}/em', data='{corpus.folder}/data', out='{tmp_path}'))\n"
        "sys.exit(' '.join({'torch', 'fairseq', 'matplotlib', 'pandas'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, check=False)
    assert done.stderr.splitlines()[-1] == ""
