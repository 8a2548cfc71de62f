"""A label that one acoustic model made, in the units of another."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from xlpl_plugin.data.units import words_of_units
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist, sha256
from xlpl_plugin.labelling.provenance import LabelFacts, LabelStore
from xlpl_plugin.labelling.records import LabelRecord
from xlpl_plugin.shards.store import ShardStore
from xlpl_plugin.text.spelling.lexicon import read_lexicon
from xlpl_plugin.text.spelling.respelling import LexiconSpeller
from xlpl_plugin.text.spelling.speller import Spelling


class RecordSpeller:
    """Writes labels in other units than those of their acoustic model, by the words of a lexicon."""

    def __init__(self, speller: LexiconSpeller) -> None:
        self._speller = speller

    def can_spell(self, record: LabelRecord) -> bool:
        return all(map(self._speller.spell, record.words))

    def respell(self, record: LabelRecord, voter: int) -> LabelRecord:
        """Return the label of ``voter`` in other units: ``units`` by its words, ``greedy`` by its sound.

        Frames of single units are not known; all else, such as times and confidences of words, stays.
        """
        heard = map(self._spell_sound, words_of_units(record.greedy.split()))
        return replace(
            record,
            units=" ".join(unit for word in record.words for unit in self._speller.spell(word)[0]),
            greedy=" ".join(unit for spelling in heard for unit in spelling),
            starts=(),
            voter=voter,
        )

    def _spell_sound(self, word: str) -> Spelling:
        """Spell what may be no word; letters whose sound has no unit are left out."""
        spelled = self._speller.spell(word) or self._speller.spell("".join(filter(self._speller.spell, word)))
        return spelled[0] if spelled else ()


def make_record_speller(labels: LabelStore, units: Collection[str]) -> RecordSpeller:
    """Return what spells as the lexicon that ``labels`` were decoded with, in ``units``.

    Raises:
        XlplError: they were decoded without one, or it is not there any more.
    """
    path, digest = _lexicon_of(labels)
    if not path:
        raise XlplError(
            "decoded without a lexicon, while other labels are in other units",
            file=labels.folder,
            expected="labels with a lexicon, whose words can be spelled in any units; or the same units in all",
            remedy="set decoder.lexicon, or take acoustic models with the same units",
        )
    if sha256(must_exist(path, f"the lexicon that {labels.folder} was decoded with")) != digest:
        raise XlplError(
            "is not as it was when labels were decoded with it",
            file=path,
            expected=f"the lexicon with sha256 {digest[:16]}...",
            remedy="put it back, or make the labels again",
        )
    return RecordSpeller(LexiconSpeller(read_lexicon(path), units))


def _lexicon_of(labels: LabelStore) -> tuple[Path | None, str]:
    """Return path and hash of the lexicon; of labels by vote the first voter's."""
    if "voters" in labels.settings:
        return _lexicon_of(ShardStore.existing(labels.facts.config["voters"][0], LabelFacts))
    decoder: Any = labels.facts.config["decoder"]
    return Path(decoder["lexicon"]) if decoder["lexicon"] else None, labels.settings["decoder"]["lexicon"]
