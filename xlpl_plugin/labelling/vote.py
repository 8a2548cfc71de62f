"""One labelling out of several acoustic models': for each utterance the label that is nearest to all of them."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import islice
from typing import Any, NamedTuple

from omegaconf import MISSING

from xlpl_plugin.data.manifest import Manifest, manifest_digest, read_manifest
from xlpl_plugin.errors import XlplError
from xlpl_plugin.labelling.filtering.filters import FilterConfig
from xlpl_plugin.labelling.provenance import LabelFacts, LabelStore, LabelSummary, Tally
from xlpl_plugin.labelling.records import LabelRecord, agreement, record_line
from xlpl_plugin.labelling.respell_records import RecordSpeller, make_record_speller
from xlpl_plugin.labelling.write_manifests import StoredRecords, finish, finished, records_of, remove_results
from xlpl_plugin.schema import check_options, option
from xlpl_plugin.shards.store import ShardStore, divide

logger = logging.getLogger(__name__)


@dataclass
class VoteConfig:
    """Whose labels are compared, and where to the chosen ones go."""

    voters: list[str] = option([], "folders that xlpl label wrote, one for each acoustic model, of the same split")
    data: str = option(MISSING, "prepared folder that they label; its transcripts, if it has any, are not read")
    split: str = option("train", "split of `data`")
    out: str = option(
        MISSING, "folder for the same files as those of xlpl label; one that holds an unfinished vote is gone on with"
    )
    filter: FilterConfig = option(FilterConfig(), "which labels a student learns from")
    shard_size: int = option(500, "utterances that are written, and done, together", least=1)


def vote(config: VoteConfig, *, force: bool = False) -> LabelSummary:
    """Choose a label for every utterance; the files and what is returned are those of ``label``.

    A chosen label is the record of one voter, so its times and scores are of one acoustic model. It is unchanged where
    the first voter has its units; else it is respelled in the first voter's. provenance.json says under ``voters`` who
    was chosen how often.

    Raises:
        XlplError: fewer than two voters; labels that are unfinished, of other utterances, or in other units and without
            a lexicon; the folder holds something else (without ``force``); a value of the filter that is out of range.
    """
    check_options(config)
    manifest = read_manifest(config.data, config.split, labels=False)
    voters = _open_voters(config, manifest)
    return write_chosen(config, manifest, voters, "words", _elections, force=force)


def write_chosen(
    config: VoteConfig,
    manifest: Manifest,
    voters: Sequence[LabelStore],
    compared: str,
    elections: Callable[[Sequence[LabelStore], Manifest, Sequence[float]], Iterator[Elected]],
    *,
    force: bool = False,
) -> LabelSummary:
    """Write the label that was chosen for each utterance, and finish as ``label`` does.

    Args:
        compared: what of the labels is compared, for provenance.json.
        elections: yields the chosen labels in the order of shards, from voters, manifest and the voters' trust.

    Raises:
        XlplError: as ``vote``.
    """
    shards = divide(manifest.utterances, config.shard_size)
    settings = _settings(config, manifest, voters, compared)
    store = ShardStore.open(config.out, settings, len(shards), LabelFacts(asdict(config)), force=force)
    if force:
        remove_results(store.folder, config.split)
    if done := finished(store, config.split, config.filter):
        return done
    trust = [_mean_confidence(voter) for voter in voters]
    chosen = elections(voters, manifest, trust)  # refuses before anything is written
    missing = set(store.missing())
    if missing or store.facts.units is None:
        store.sweep()
        store.note(units=voters[0].facts.units)
        for number in range(len(shards)):
            block = list(islice(chosen, shards.utterances(number)))
            if number in missing:
                _write(store, number, block)
    tallies = _count(store, config.voters, trust)
    return finish(store, manifest, config.split, config.filter, config=asdict(config), voters=tallies)


def choose_label(records: Sequence[LabelRecord], trust: Sequence[float], barred: Collection[int] = ()) -> int:
    """Return which of several labels of one utterance is nearest to all of them, those that are surer counting more.

    Minimum Bayes risk over acoustic models: the label with the highest sum of similarities (1 - edits of letters / the
    longer length) to all labels with words, its own included. Letters are those of the words in their own script, with
    a space after each word, so that it does not matter which units a model writes. Each counts as much as its
    confidence times ``trust``, the mean confidence of its voter, so that hopeless models do not outvote a good one. Of
    two labels the one that counts more is chosen. A label without words is chosen only where there is no other.

    Args:
        barred: numbers of labels that count, but are not chosen.
    """
    voices = [number for number, record in enumerate(records) if record.words]
    candidates = [number for number in voices if number not in barred]
    if not candidates:
        mute = (number for number, record in enumerate(records) if not (record.error or number in barred))
        return next(mute, 0)
    letters = {number: "".join(f"{word} " for word in records[number].words) for number in voices}
    counts = {number: records[number].confidence * trust[number] for number in voices}

    def support(number: int) -> float:
        return sum(counts[other] * agreement(letters[number], letters[other]) for other in voices)

    return max(candidates, key=lambda number: (support(number), counts[number]))


class Elected(NamedTuple):
    """A chosen label, whose it is, and the voters that had one which could not be chosen."""

    record: LabelRecord
    voter: int
    barred: tuple[int, ...]


def _elections(voters: Sequence[LabelStore], manifest: Manifest, trust: Sequence[float]) -> Iterator[Elected]:
    spellers = _spellers(voters)
    return (_elect(records, trust, spellers) for records in _records_by_utterance(voters, manifest))


def _elect(records: Sequence[LabelRecord], trust: Sequence[float], spellers: Mapping[int, RecordSpeller]) -> Elected:
    barred = tuple(number for number, speller in spellers.items() if not speller.can_spell(records[number]))
    voter = choose_label(records, trust, barred)
    chosen = records[voter]
    return Elected(spellers[voter].respell(chosen, voter + 1) if voter in spellers else chosen, voter, barred)


def _spellers(voters: Sequence[LabelStore]) -> dict[int, RecordSpeller]:
    """Return, for each voter with units that the first one lacks, what writes its labels in the first one's."""
    own = voters[0].facts.units or ()
    others = [number for number, voter in enumerate(voters) if not set(own).issuperset(voter.facts.units or ())]
    return dict.fromkeys(others, make_record_speller(voters[0], own)) if others else {}


def _open_voters(config: VoteConfig, manifest: Manifest) -> list[LabelStore]:
    if len(config.voters) < 2 or len(set(config.voters)) < len(config.voters):
        raise XlplError(f"voters={config.voters}", expected="the folders of two labellings or more, each named once")
    stores = [ShardStore.existing(folder, LabelFacts) for folder in config.voters]
    digest = manifest_digest(manifest)
    for store in stores:
        if (store.settings.get("split"), store.settings.get("manifest")) != (config.split, digest):
            raise XlplError(
                "labels of other utterances",
                file=store.folder,
                expected=f"labels of the split {config.split!r} of {config.data}",
                remedy="label that split with each acoustic model: xlpl label",
            )
        refuse_unfinished(store)
    return stores


def refuse_unfinished(labels: LabelStore) -> None:
    """Raise ``XlplError`` where shards are missing."""
    if labels.missing() or labels.facts.units is None:
        raise XlplError(
            "labels that are not finished", file=labels.folder, remedy="give the command that makes them once more"
        )


def _settings(config: VoteConfig, manifest: Manifest, voters: Sequence[LabelStore], compared: str) -> dict[str, Any]:
    """Return all that decides who is chosen; where the voters' labels lie does not."""
    return {
        "xlpl": version("xlpl"),
        "split": config.split,
        "manifest": manifest_digest(manifest),
        "shard_size": config.shard_size,
        "compared": compared,
        "voters": {str(number): _identity(store) for number, store in enumerate(voters, start=1)},
    }


def _identity(voter: LabelStore) -> dict[str, Any]:
    digest = hashlib.sha256()
    for number in range(voter.shards):
        digest.update(voter.marker(number)["sha256"].encode())
    return {"settings": voter.settings, "labels": digest.hexdigest()}


def _records_by_utterance(voters: Sequence[LabelStore], manifest: Manifest) -> Iterator[tuple[LabelRecord, ...]]:
    """Yield each utterance's records, in the order of shards, which is the same whatever the shards' size."""
    return zip(*(iter(StoredRecords(voter, manifest)) for voter in voters), strict=True)


def _mean_confidence(voter: LabelStore) -> float:
    """Return the mean over all utterances; those without words have none."""
    total = count = 0.0
    for record in records_of(voter):
        total, count = total + record.confidence, count + 1
    return round(total / max(1, count), 6)


def _count(store: LabelStore, voters: Sequence[str], trust: Sequence[float]) -> dict[str, Tally]:
    """Return for each voter how often it was chosen, and what its labels counted."""
    won: Counter[int] = Counter()
    barred: Counter[int] = Counter()
    for marker in map(store.marker, range(store.shards)):
        won.update({int(voter): count for voter, count in marker["won"].items()})
        barred.update({int(voter): count for voter, count in marker["barred"].items()})
    for voter, count in sorted(barred.items()):
        logger.warning(
            "%s: %d labels cannot be chosen, with words that the units of %s cannot write",
            voters[voter], count, voters[0],
        )  # fmt: skip
    return {path: Tally(won[voter], trust[voter], barred[voter]) for voter, path in enumerate(voters)}


def _write(store: LabelStore, number: int, elected: Sequence[Elected]) -> None:
    lines = "".join(f"{record_line(label.record)}\n" for label in elected).encode()
    won = Counter(label.voter for label in elected)
    barred = Counter(voter for label in elected for voter in label.barred)
    counts = {"won": dict(sorted(won.items())), "barred": dict(sorted(barred.items()))}
    store.write(number, len(elected), lambda sink: sink.write(lines), counts)
