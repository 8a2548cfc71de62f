"""Parts of a labelling that several machines made, put together."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from xlpl_plugin.config import load_config
from xlpl_plugin.data.manifest import Manifest, manifest_digest, read_manifest
from xlpl_plugin.errors import XlplError
from xlpl_plugin.labelling.filtering.filters import FilterConfig
from xlpl_plugin.labelling.label_split import LEFT_OUT_FILE, LabelConfig
from xlpl_plugin.labelling.provenance import LabelFacts, LabelStore, LabelSummary
from xlpl_plugin.labelling.write_manifests import finish, finished, remove_results
from xlpl_plugin.shards.store import Part, ShardStore, flat_settings, refuse_other_settings


@dataclass
class _Overrides:
    filter: FilterConfig = field(default_factory=FilterConfig)


def merge(
    folders: Sequence[str | Path],
    out: str | Path,
    overrides: Sequence[str] = (),
    *,
    data: str = "",
    force: bool = False,
) -> LabelSummary:
    """Copy the shards of all ``folders`` to ``out`` and finish there as ``label`` does.

    A shard that two folders hold must be the same in both, byte for byte.

    Args:
        folders: outputs of ``label_part``; ``out`` may be one of them.
        out: folder for the whole; one that holds the unfinished merge of the same parts is gone on with.
        overrides: filter.KEY=VALUE; the other filters are those of the first folder.
        data: the prepared folder, if it is not where it was for the first folder's machine.
        force: overwrite what is in ``out``.

    Raises:
        XlplError: shards are missing or damaged (with the command that makes them), differ between two folders, or were
            made with other settings; another manifest than that of the labels.
    """
    stores = [ShardStore.existing(folder, LabelFacts) for folder in folders]
    first = stores[0]
    for store in stores[1:]:
        refuse_other_settings(store.folder, store.settings, first.settings, f"those of {first.folder}")
    homes = _homes(stores)
    config = first.facts.config
    filters = _filters(config["filter"], overrides)
    manifest = _manifest(first, data)
    if force and any(Path(out).resolve() == store.folder.resolve() for store in stores):
        raise XlplError("--force would throw away a part", file=out, remedy="leave out --force, or name another --out")
    facts = LabelFacts(
        {**config, "out": str(out), "filter": asdict(filters)}, first.facts.units, first.facts.words_left_out
    )
    final = ShardStore.open(out, first.settings, first.shards, facts, force=force)
    split = str(first.settings["split"])
    if force:
        remove_results(final.folder, split)
    if done := finished(final, split, filters):
        return done
    for number in final.missing():
        final.adopt(number, homes[number])
    left_out = first.folder / LEFT_OUT_FILE
    if left_out.exists() and not (final.folder / LEFT_OUT_FILE).exists():
        shutil.copyfile(left_out, final.folder / LEFT_OUT_FILE)
    return finish(final, manifest, split, filters, **_known(facts))


def _known(facts: LabelFacts) -> dict[str, Any]:
    """Return what the parts tell of the whole, labels apart."""
    return {"config": facts.config, "units": facts.units, "words_left_out": facts.words_left_out}


def _homes(stores: Sequence[LabelStore]) -> dict[int, LabelStore]:
    """Return for each shard a store that has it."""
    homes: dict[int, LabelStore] = {}
    for store in stores:
        for number in sorted(set(range(store.shards)) - set(store.missing())):
            other = homes.setdefault(number, store)
            if other.marker(number)["sha256"] != store.marker(number)["sha256"]:
                raise XlplError(
                    f"shard {number} is another one than in {other.folder}",
                    file=store.file(number),
                    expected="the same bytes, for the same settings (devices may differ in the last digits)",
                    remedy="remove one of the two with its .json",
                )
    missing = sorted(set(range(stores[0].shards)) - set(homes))
    if missing:
        raise _gap(stores[0], homes, missing)
    return homes


def _gap(store: LabelStore, homes: Mapping[int, LabelStore], missing: Sequence[int]) -> XlplError:
    """Return the error that names the missing shards and the commands that make them."""
    parts = [Part.parse(home.marker(number)["part"]) for number, home in homes.items()]
    of = max((part.of for part in parts), default=1)
    wanted = sorted({number % of + 1 for number in missing})
    command = _command(store.facts.config)
    shown = ", ".join(map(str, missing[:20])) + (", ..." if len(missing) > 20 else "")
    return XlplError(
        f"{len(missing)} of {store.shards} shards are missing: {shown}",
        file=store.folder,
        expected="folders that hold all shards between them",
        remedy="\n    ".join(
            ["name the folders that hold them, or make them:", *(f"{command} --shard {i}/{of}" for i in wanted)]
        ),
    )


def _command(config: Mapping[str, Any]) -> str:
    """Return the command line that gives ``config``."""
    defaults = dict(flat_settings(asdict(LabelConfig(data="", out=""))))
    options = (
        shlex.quote(f"{key}={value if isinstance(value, str) else json.dumps(value)}")
        for key, value in flat_settings(config)
        if value != defaults.get(key)
    )
    return " ".join(["xlpl label", *options])


def _filters(stored: Mapping[str, Any], overrides: Sequence[str]) -> FilterConfig:
    given = [f"filter.{key}={json.dumps(value)}" for key, value in stored.items()]
    return load_config(_Overrides, None, [*given, *overrides]).filter


def _manifest(store: LabelStore, data: str) -> Manifest:
    folder = data or store.facts.config["data"]
    manifest = read_manifest(folder, store.settings["split"], labels=False)
    if manifest_digest(manifest) != store.settings["manifest"]:
        raise XlplError(
            "not the manifest of these labels",
            file=Path(folder) / f"{store.settings['split']}.tsv",
            expected=f"the rows that {store.folder} was made for",
            remedy="give the prepared folder with --data",
        )
    return manifest
