"""One run of one system in a process of its own: ``python systems.py SYSTEM WORKERS PROBLEM OUT``. See decode.py."""

from __future__ import annotations

import math
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

from machine import Memory, cpu_seconds, memory, process_tree
from problem import Problem

from xlpl_plugin.data.units import SPECIAL_SYMBOLS, WORD_BOUNDARY, words_of_units
from xlpl_plugin.decoding.pool import Decoded, DecoderPool, Task
from xlpl_plugin.files import write_json
from xlpl_plugin.text.spelling.lexicon import read_lexicon

# utterances that pyctcdecode's pool is given at a time, a worker: its clock is read in between
_AT_A_TIME = 8


@dataclass
class Measured:
    """What one run took. Startup is what comes before the first utterance: imports, trie, LM, processes.

    Attributes:
        seconds: wall time of the steady state; ``cpu_seconds`` is that of all its processes together.
        search_seconds: CPU time inside the C++ search, summed over the workers; 0 where it is not known.
        texts: id -> words of the lexicon and words as spelt in units.
    """

    startup_seconds: float = 0.0
    startup_cpu_seconds: float = 0.0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    search_seconds: float = 0.0
    audio_seconds: float = 0.0
    memory: list[Memory] = field(default_factory=list)
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)


class Watch:
    """Takes wall and CPU time of this process and of its descendants. Its own looking around does not count."""

    def __init__(self) -> None:
        self.measured = Measured()
        self._begin = time.perf_counter(), time.process_time()

    def started(self) -> None:
        """Take what was until now for the startup."""
        measured, (wall, own) = self.measured, self._begin
        measured.startup_seconds = time.perf_counter() - wall
        measured.startup_cpu_seconds = time.process_time() - own
        self._before = cpu_seconds(process_tree(os.getpid())[1:])
        measured.startup_cpu_seconds += self._before
        self._begin = time.perf_counter(), time.process_time()

    def workers_end(self) -> None:
        """Look at all processes while the workers still live."""
        since = time.perf_counter(), time.process_time()
        this, *others = process_tree(os.getpid())
        self.measured.cpu_seconds = cpu_seconds(others) - self._before
        self.measured.memory = [memory(pid) for pid in (this, *others)]
        wall, own = self._begin
        self._begin = wall + time.perf_counter() - since[0], own + time.process_time() - since[1]

    def ended(self) -> Measured:
        wall, own = self._begin
        self.measured.seconds = time.perf_counter() - wall
        self.measured.cpu_seconds += time.process_time() - own
        return self.measured


class WatchedPool(DecoderPool):
    """The pool as it is, its life and its search time told to a watch."""

    watch: Watch

    def __enter__(self) -> WatchedPool:
        super().__enter__()
        self.watch.started()
        return self

    def __exit__(self, *error: object) -> None:
        self.watch.workers_end()
        super().__exit__(*error)

    def decode(self, tasks: Iterable[Task]) -> Iterator[Decoded]:
        for decoded in super().decode(tasks):
            self.watch.measured.search_seconds += decoded.search_seconds
            yield decoded


def torchaudio_loop(problem: Problem, workers: int) -> Measured:
    """torchaudio's decoder with its own defaults for what the problem does not set, one utterance after another."""
    given = list(problem.log_probs(penalized=True))
    watch = Watch()
    import torch
    from torchaudio.models.decoder import ctc_decoder

    torch.set_num_threads(1)
    units = list(problem.units())
    decoder = ctc_decoder(
        lexicon=problem.lexicon,
        tokens=units,
        lm=problem.lm,
        beam_size=problem.beam,
        lm_weight=problem.lm_weight,
        word_score=problem.word_score,
        blank_token=units[0],
        sil_token=WORD_BOUNDARY,
    )
    tensors = [(name, seconds, torch.from_numpy(array.copy())[None]) for name, seconds, array in given]
    watch.started()
    for name, seconds, emissions in tensors:
        best = decoder(emissions)[0][0]
        spelt = " ".join(words_of_units(decoder.idxs_to_tokens(best.tokens)))
        watch.measured.texts[name] = " ".join(best.words), spelt
        watch.measured.audio_seconds += seconds
    watch.workers_end()
    return watch.ended()


def pyctcdecode_pool(problem: Problem, workers: int) -> Measured:
    """pyctcdecode and its pool. It spells words itself, so only romanised words come out.

    Its LM weight is for natural logs. The LM knows words of the native script: where their spelling differs, they are
    unknown to it here.
    """
    given = list(problem.log_probs(penalized=True))
    watch = Watch()
    from pyctcdecode.decoder import build_ctcdecoder

    units = problem.units()
    columns = [0, *range(len(SPECIAL_SYMBOLS), len(units))]
    labels = ["" if column == 0 else units[column].replace(WORD_BOUNDARY, " ") for column in columns]
    spellings = (spelling for _, spelling in read_lexicon(problem.lexicon, units).entries())
    decoder = build_ctcdecoder(
        labels,
        problem.lm,
        unigrams=sorted({"".join(spelling).removesuffix(WORD_BOUNDARY) for spelling in spellings}),
        alpha=problem.lm_weight / math.log(10),
        beta=problem.word_score,
    )
    with get_context("fork").Pool(workers) as pool:
        watch.started()
        begin = time.perf_counter()
        for start in range(0, len(given), _AT_A_TIME * workers):
            if problem.limit_seconds and time.perf_counter() - begin > problem.limit_seconds:
                break
            batch = given[start : start + _AT_A_TIME * workers]
            arrays: Any = [array[:, columns] for _, _, array in batch]
            texts = decoder.decode_batch(pool, arrays, beam_width=problem.beam)
            for (name, seconds, _), text in zip(batch, texts, strict=True):
                watch.measured.texts[name] = "", " ".join(text.split())
                watch.measured.audio_seconds += seconds
        watch.workers_end()
    return watch.ended()


def xlpl_pool(problem: Problem, workers: int) -> Measured:
    """Our worker processes alone: log-probs in, hypotheses out."""
    given = list(problem.log_probs(penalized=False))
    watch = WatchedPool.watch = Watch()
    with WatchedPool(problem.decoder(), problem.units(), workers) as pool:
        for decoded in pool.decode(Task(name, array) for name, _, array in given):
            best = decoded.hypotheses[0]
            watch.measured.texts[decoded.id] = " ".join(best.words), " ".join(words_of_units(best.units))
    measured = watch.ended()
    measured.audio_seconds = sum(seconds for _, seconds, _ in given)
    return measured


def xlpl_label(problem: Problem, workers: int) -> Measured:
    """All of ``xlpl label``: reads stored log-probs, decodes, measures agreement with greedy, filters, writes."""
    from xlpl_plugin.labelling import label_split
    from xlpl_plugin.labelling.records import LABELS_FILE, read_labels

    with tempfile.TemporaryDirectory() as folder, patch.object(label_split, "DecoderPool", WatchedPool):
        config = label_split.LabelConfig(
            emissions=problem.emissions,
            data=problem.data,
            split=problem.split,
            out=f"{folder}/labels",
            workers=workers,
            decoder=problem.decoder(),
        )
        watch = WatchedPool.watch = Watch()
        summary = label_split.label(config)
        measured = watch.ended()
        measured.audio_seconds = summary.seconds
        for record in read_labels(Path(config.out) / LABELS_FILE):
            measured.texts[record.id] = record.text, " ".join(words_of_units(record.units.split()))
    return measured


SYSTEMS = {
    "torchaudio loop": torchaudio_loop,
    "pyctcdecode pool": pyctcdecode_pool,
    "xlpl pool": xlpl_pool,
    "xlpl label": xlpl_label,
}

if __name__ == "__main__":
    system, workers, problem_file, out = sys.argv[1:]
    write_json(out, SYSTEMS[system](Problem.load(Path(problem_file)), int(workers)))
