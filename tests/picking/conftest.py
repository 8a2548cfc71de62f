"""Labels of tones, with what could do harm in a page, a table or a path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import MakeFolder
from support.label_records import record, write_labels

from xlpl_plugin.data.manifest import Manifest, read_manifest
from xlpl_plugin.data.units import letters_line
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.labelling.records import LABELS_FILE
from xlpl_plugin.picking.pick_options import PickOptions
from xlpl_plugin.picking.write import Picks, write_picks

HOSTILE = '</script><script>document.title="owned"</script>'
# id -> label, and how sure it is
LABELS = {"train/0": ("la casa rossa", 0.2), "train/1": (f"un {HOSTILE}", 0.3), "train/2": ("كتاب جديد", 0.4)}


@dataclass(frozen=True)
class Material:
    labels: Path
    manifest: Manifest


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory, make_folder: MakeFolder) -> Material:
    """Labels of five utterances of a prepared folder, one empty and long, and one whose name is odd in a URL."""
    folder = tmp_path_factory.mktemp("material")
    texts = ["la casa rossa", "un gatto", "un cane", 12 * "silenzio", "odd"]
    made = read_manifest(make_folder(folder / "data", {"train": texts}, labels=False), "train")
    odd = made.root / "train" / "100% #1?.flac"
    (made.root / made.utterances[-1].path).rename(odd)
    rows = (*made.utterances[:-1], Utterance(str(odd.relative_to(made.root)), made.utterances[-1].num_samples))
    seconds = {row.id: row.seconds for row in rows}
    labels = [
        record(key, words, letters_line(["casa"]), sure, seconds=seconds[key]) for key, (words, sure) in LABELS.items()
    ]
    labels.append(record("train/3", "", "", 0.0, seconds=seconds["train/3"]))
    labels.append(record(rows[-1].id, "odd", letters_line(["odd"]), 0.9, seconds=rows[-1].seconds))
    write_labels(folder / "labels", labels)
    return Material(folder / "labels" / LABELS_FILE, Manifest(made.root, rows))


@pytest.fixture(scope="session")
def picked(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was picked of all of it, not to be changed."""
    out = tmp_path_factory.mktemp("picked") / "out"
    pick(material, out)
    return out


def pick(material: Material, out: Path, minutes: float = 1.0, **options: object) -> Picks:
    more = {key: options.pop(key) for key in ("exclude",) if key in options}
    force = bool(options.pop("force", False))
    return write_picks(
        material.labels,
        material.manifest,
        out,
        PickOptions(minutes, **options),
        force=force,
        **more,  # type: ignore[arg-type]
    )
