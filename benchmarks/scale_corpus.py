"""A corpus of any number of utterances that share the audio and the log-probs of some hundred words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from synthetic import make_patterns, store_emissions, write_lexicon
from unigrams import write_unigrams

from xlpl_plugin.audio.writing import write_audio
from xlpl_plugin.data.columns import TextColumn
from xlpl_plugin.data.manifest import Manifest, read_manifest, write_manifest
from xlpl_plugin.data.units import LETTERS, letters_line, write_units
from xlpl_plugin.data.utterances import Utterance, UtteranceColumns
from xlpl_plugin.decoding import LogProbs
from xlpl_plugin.files import make_folder, write_lines
from xlpl_plugin.labelling.label_split import LabelConfig, label
from xlpl_plugin.labelling.provenance import LabelFacts, LabelStore
from xlpl_plugin.labelling.records import LABELS_FILE, LabelRecord, iter_labels, record_line
from xlpl_plugin.labelling.write_manifests import finish
from xlpl_plugin.shards.store import Part, ShardStore, Sink, divide

# a path of three of a hundred links to the folder itself names a file in a million ways
_LINKS = 100
MOST = _LINKS**3
# utterances of a speaker
_SPOKEN = 20
# of this many labels of the other voter one is wrong
_WRONG = 7


class Corpus:
    """Names of files below one folder, and what is said in the utterance of each number."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.audio, self.data, self.references = folder / "audio", folder / "data", folder / "references"
        self.lexicon, self.lm, self.text = folder / "lexicon.txt", folder / "lm.arpa", folder / "text.txt"
        self.table = folder / "table.tsv"
        self.emissions, self.prepared, self.labels = folder / "emissions", folder / "prepared", folder / "labels"
        self.decoded, self.copied, self.other = folder / "decoded", folder / "copied", folder / "other"
        self.patterns = make_patterns(write_lexicon(self.lexicon), most_words=1)

    def said(self, number: int) -> int:
        """Return the pattern of an utterance."""
        return number * 7919 % len(self.patterns)

    def path(self, number: int) -> str:
        links = (f"{number // _LINKS**place % _LINKS:02d}" for place in (2, 1, 0))
        return f"{'/'.join(links)}/{self.said(number):03d}.flac"

    def make(self, utterances: int) -> None:
        """Write audio, lexicon, LM, text, table, manifest, references and log-probs."""
        self._write_audio()
        self.write_table(utterances)
        numbers = range(utterances)
        rows = UtteranceColumns(
            TextColumn(map(self.path, numbers)),
            (self.patterns[self.said(number)].samples for number in numbers),
            TextColumn(" ".join(self.patterns[self.said(number)].words) for number in numbers),
            TextColumn(letters_line(self.patterns[self.said(number)].words) for number in numbers),
        )
        for folder, columns in ((self.data, rows.without_texts()), (self.references, rows)):
            write_manifest(folder, "train", Manifest(self.audio, columns))
            write_units(folder, LETTERS)
        write_lines(self.text, (" ".join(pattern.words) for pattern in self.patterns))
        self._write_lm()
        store_emissions(self.emissions, rows, self._log_probs)
        self._label_patterns()

    def _log_probs(self, row: Utterance) -> LogProbs:
        return self.patterns[int(Path(row.path).stem)].log_probs

    def _label_patterns(self) -> None:
        """Label each pattern once."""
        folder = self.folder / "patterns"
        rows = [Utterance(f"{number:03d}.flac", one.samples) for number, one in enumerate(self.patterns)]
        write_manifest(folder, "train", Manifest(self.audio, rows))
        store_emissions(folder / "emissions", rows, self._log_probs)
        own = {"data": str(folder), "emissions": str(folder / "emissions"), "out": str(folder / "labels")}
        label(self.label_config(**own))

    def _write_audio(self) -> None:
        noise = np.random.default_rng(3)
        make_folder(self.audio)
        for number, pattern in enumerate(self.patterns):
            samples = noise.normal(0, 0.1, pattern.samples).astype(np.float32)
            write_audio(self.audio / f"{number:03d}.flac", samples, sync=False)
        for number in range(_LINKS):
            (self.audio / f"{number:02d}").symlink_to(".", target_is_directory=True)

    def _write_lm(self) -> None:
        """Write unigrams of the words, by how often they are said."""
        counts = Counter(word for pattern in self.patterns for word in pattern.words)
        words = [line.partition("\t")[0] for line in self.lexicon.read_text(encoding="utf-8").splitlines()]
        total = counts.total() + len(words)
        write_unigrams(self.lm, {word: math.log10((counts[word] + 1) / total) for word in words})

    def write_table(self, utterances: int) -> None:
        """Write a table of the recordings with transcripts, of which no two are the same."""
        write_lines(self.table, chain(["id\taudio\ttext\tspeaker"], map(self._row, range(utterances))))

    def _row(self, number: int) -> str:
        path, words = self.path(number), " ".join(self.patterns[self.said(number)].words)
        text = f"{words} {_spelled(number)}"
        return f"{path.removesuffix('.flac')}\t{self.audio.name}/{path}\t{text}\tspeaker {number // _SPOKEN}"

    def label_config(self, **options: object) -> LabelConfig:
        config = LabelConfig(data=str(self.data), emissions=str(self.emissions), out=str(self.decoded))
        config.decoder.lexicon, config.decoder.lm, config.decoder.beam = str(self.lexicon), str(self.lm), 5
        return replace(config, **options)  # type: ignore[arg-type]

    def copy_records(self, decoded: Part) -> None:
        """Write the shards that are not decoded, with the records of the same words."""
        store = ShardStore.existing(self.decoded, LabelFacts)
        rest = ShardStore.open(self.copied, store.settings, store.shards, store.facts)
        missing = sorted(set(range(store.shards)) - set(decoded.numbers(store.shards)))
        self._write(rest, missing, self._records())

    def write_other_voter(self) -> None:
        """Write labels of a second acoustic model: the first one's, some of them of other words."""
        known = self._records()
        names = sorted(known)
        changed = {
            name: replace(known[names[place - 1]], seconds=known[name].seconds) if place % _WRONG == 0 else known[name]
            for place, name in enumerate(names)
        }
        store = ShardStore.existing(self.decoded, LabelFacts)
        other = ShardStore.open(self.other, {**store.settings, "am": "1" * 64}, store.shards, store.facts)
        self._write(other, range(store.shards), changed)
        config = self.label_config(out=str(self.other))
        finish(other, read_manifest(self.data, "train", labels=False), "train", config.filter, config=asdict(config))

    def _records(self) -> dict[str, LabelRecord]:
        """Return a record for each pattern, by the name of its file."""
        return {record.id: record for record in iter_labels(self.folder / "patterns" / "labels" / LABELS_FILE)}

    def _write(self, store: LabelStore, numbers: Sequence[int], known: Mapping[str, LabelRecord]) -> None:
        shards = divide(read_manifest(self.data, "train", labels=False).utterances, store.settings["shard_size"])
        for number in numbers:
            records = (replace(known[Path(row.id).name], id=row.id) for row in shards[number])
            lines = "".join(f"{record_line(record)}\n" for record in records).encode()
            store.write(number, shards.utterances(number), partial(_put, lines), part=Part(2, 2))


def _put(lines: bytes, sink: Sink) -> None:
    sink.write(lines)


def _spelled(number: int) -> str:
    """Return a number as words of two letters, of which there are a hundred."""
    letters = "aeioulmnrs"
    pairs = divmod(number % 100, 10), divmod(number // 100 % 100, 10), divmod(number // 10_000, 10)
    return " ".join(letters[tens] + letters[ones] for tens, ones in pairs)
