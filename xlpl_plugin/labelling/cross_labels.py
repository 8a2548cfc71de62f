"""Cross labels: those of parts of a split, each by an acoustic model that did not train on its part, put together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xlpl_plugin.data.manifest import Manifest, read_manifest
from xlpl_plugin.errors import XlplError
from xlpl_plugin.labelling.provenance import LabelFacts, LabelStore, LabelSummary
from xlpl_plugin.labelling.records import LabelRecord
from xlpl_plugin.labelling.vote import Elected, VoteConfig, refuse_unfinished, write_chosen
from xlpl_plugin.labelling.write_manifests import records_of
from xlpl_plugin.schema import check_options
from xlpl_plugin.shards.store import ShardStore, divide


def join_cross_labels(config: VoteConfig, *, force: bool = False) -> LabelSummary:
    """Put together the labels of ``config.voters``, each of a part of the split; files are those of ``vote``.

    Every utterance of the split must have a label by one of them. Labels are unchanged; filters see all of them.

    Raises:
        XlplError: labels that are unfinished, in different units, or of other utterances than the split's.
    """
    check_options(config)
    manifest = read_manifest(config.data, config.split, labels=False)
    parts = [ShardStore.existing(folder, LabelFacts) for folder in config.voters]
    for part in parts:
        refuse_unfinished(part)
        if part.facts.units != parts[0].facts.units:
            raise XlplError(
                "labels in other units", file=part.folder, expected=f"units of the labels in {parts[0].folder}"
            )
    held = sum(part.marker(number)["count"] for part in parts for number in range(part.shards))
    if held != len(manifest.utterances):
        raise _other(parts[0], f"with the other parts {held} labels, for {len(manifest.utterances)} utterances")
    return write_chosen(config, manifest, parts, "nothing", _joined, force=force)


def _joined(parts: Sequence[LabelStore], manifest: Manifest, trust: Sequence[float]) -> Iterator[Elected]:
    """Yield the labels in the order of the split's shards, which is that of each part's shards too."""
    records = [records_of(part) for part in parts]
    heads = [next(own, None) for own in records]
    for shard in divide(manifest.utterances, 1):
        number = _holder(shard[0].id, heads, parts)
        record, heads[number] = heads[number], next(records[number], None)
        assert record is not None
        yield Elected(record, number, ())


def _holder(name: str, heads: Sequence[LabelRecord | None], parts: Sequence[LabelStore]) -> int:
    """Return which part's next label is of the utterance ``name``."""
    found = [number for number, head in enumerate(heads) if head is not None and head.id == name]
    if len(found) != 1:
        held = f"{len(found)} labels" if found else "no label"
        raise _other(parts[found[-1] if found else 0], f"{held} of {name!r} where it should have one")
    return found[0]


def _other(part: LabelStore, problem: str) -> XlplError:
    return XlplError(
        problem,
        file=part.folder,
        expected="parts that hold each utterance of the split once between them",
        remedy="label the parts of one division of the split anew",
    )
