"""What it costs to have a long recording instead of utterances: the same held-out speech joined, cut, labelled again.

The utterances of a split are joined to one recording with silence between them, `xlpl prepare` cuts it by speech
activity, and the models of a finished run label the pieces. WER is that of the whole text, in both cases.

    python benchmarks/long_recordings.py --run runs/asterisk/short --references runs/asterisk/it-references
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import jiwer
import numpy as np
from machine import about

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import read_audio, write_audio
from xlpl_plugin.config import load_config
from xlpl_plugin.data.items import Item
from xlpl_plugin.data.manifest import Manifest, read_manifest
from xlpl_plugin.data.prepare import PrepareOptions, prepare
from xlpl_plugin.data.summary import REPORT, PrepareReport
from xlpl_plugin.labelling.join_pieces import join_labels
from xlpl_plugin.labelling.records import LABELS_FILE, iter_labels
from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.layout import RunLayout, labelled_stages
from xlpl_plugin.stage import SOURCE, Stage
from xlpl_plugin.text_table import render


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="finished run of `xlpl iterate`")
    parser.add_argument("--references", type=Path, required=True, help="prepared folder with the split's transcripts")
    parser.add_argument("--split", default="test")
    parser.add_argument("--pause", type=float, default=0.6, help="seconds of silence between utterances")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    truth = read_manifest(options.references, options.split)
    reference = " ".join(utterance.words or "" for utterance in truth.utterances)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        report = _cut(_join(truth, options.pause, work), options.references, work / "data")
        rows = []
        for stage, labels in labelled_stages(options.run, options.split).items():
            alone = {record.id: record.text for record in iter_labels(labels / LABELS_FILE)}
            texts = {"one by one": " ".join(alone[key] for key in truth.ids)}
            texts["joined and cut"] = _label(options.run, stage, work)
            rows.append((str(stage), {key: jiwer.wer(reference, text) for key, text in texts.items()}))
    seconds = truth.seconds + options.pause * len(truth.ids)
    pieces = sum(part.utterances for part in report.parts)
    print(", ".join(about().values()))
    print(f"{len(truth.ids)} utterances joined to {seconds / 60:.1f} minutes, cut into {pieces} pieces")
    print(render(list(_table(rows)), "markdown"))
    if options.json:
        options.json.write_text(json.dumps({"pieces": pieces, "wer": dict(rows)}, indent=2))


def _join(manifest: Manifest, pause: float, work: Path) -> Path:
    silence = np.zeros(int(pause * SAMPLE_RATE), np.float32)
    parts = [part for one in manifest.utterances for part in (read_audio(manifest.root / one.path), silence)]
    write_audio(work / "joined.flac", np.concatenate(parts))
    return work / "joined.flac"


def _cut(recording: Path, references: Path, out: Path) -> PrepareReport:
    language = PrepareReport.read(references / REPORT).language
    options = PrepareOptions(language=language, test=0.0, valid=0.0)
    return prepare([Item("joined", recording)], out, options)


def _label(run: Path, stage: Stage, work: Path) -> str:
    """Label the pieces with a stage's model and weights; return the whole text."""
    layout, config = RunLayout(run), load_config(IterateConfig, RunLayout(run).config, [])
    first = Path(config.source.checkpoint) if config.source.checkpoint else layout.model(SOURCE)
    model = layout.model(stage) if layout.model(stage).exists() else first
    out, text = work / stage.folder, work / f"{stage.folder}.txt"
    words = [f"am={model}", f"data={work / 'data'}", "split=train", f"out={out}", f"tuning={layout.tuning(stage)}"]
    words += [f"decoder.{key}={getattr(config.decoder, key)}" for key in ("lexicon", "lm")]
    subprocess.run(["xlpl", "label", *words], check=True)
    join_labels(out, work / "data", text, "text")
    return " ".join(line.partition("\t")[2] for line in text.read_text(encoding="utf-8").splitlines())


def _table(rows: Iterable[tuple[str, dict[str, float]]]) -> Iterable[dict[str, str]]:
    for stage, rates in rows:
        one, joined = rates.values()
        cells = {key: f"{100 * value:.1f}" for key, value in rates.items()}
        yield {"stage": stage, **{f"WER %, {key}": value for key, value in cells.items()},
               "difference": f"{100 * (joined - one):+.1f}"}  # fmt: skip


if __name__ == "__main__":
    main()
