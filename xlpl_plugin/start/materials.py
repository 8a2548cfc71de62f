"""Prepares what a run reads: the target's recordings, its text, lexicon and language models. What is there stays."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from xlpl_plugin.data.corpora.forms import read_corpus
from xlpl_plugin.data.corpora.listing import Corpus
from xlpl_plugin.data.items import Item, ItemColumns
from xlpl_plugin.data.manifest import Manifest, read_manifest, write_manifest
from xlpl_plugin.data.prepare import PrepareOptions, prepare
from xlpl_plugin.data.preparing.folder import EmptyPartError
from xlpl_plugin.data.summary import REPORT, PrepareReport
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import make_folder
from xlpl_plugin.start.inputs import Inputs
from xlpl_plugin.text.corpus.prepare_text import TextOptions, prepare_text
from xlpl_plugin.text.corpus.text_report import TEXT_REPORT
from xlpl_plugin.text.identifying import can_identify
from xlpl_plugin.text.lm import LM_REPORT, USUAL_PRUNE, LmOptions, LmReport, build_lm
from xlpl_plugin.text.normalizer import normalized_lines
from xlpl_plugin.text.spelling.lexicon import build_lexicon, count_words, write_lexicon
from xlpl_plugin.text.spelling.speller import make_speller
from xlpl_plugin.text.wordlist import has_words

# beside a text of less than millions of words, a list of frequent words fills the holes of the lexicon
_WORDS = 25_000
_HELD_OUT = 0.02
# shares of the target that are for validation alone, tried in this order
_VALID = (0.05, 0.2, 0.5)
TEST = "test"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Materials:
    """Where the prepared things of a run are."""

    folder: Path

    @property
    def target(self) -> Path:
        return self.folder / "target"

    @property
    def scored(self) -> Path:
        """The recordings that have references, without them."""
        return self.folder / "scored"

    @property
    def references(self) -> Path:
        return self.folder / "references"

    @property
    def text(self) -> Path:
        return self.folder / "text"

    @property
    def lexicon(self) -> Path:
        return self.text / "lexicon.txt"

    @property
    def lm(self) -> Path:
        return self.text / "lm"

    @property
    def letters(self) -> Path:
        return self.text / "letters"

    def made_with(self, key: str) -> bool:
        """Whether anything is there that was made with this one of the ``Inputs``."""
        recordings = [folder / REPORT for folder in (self.scored, self.target)]
        text = self.text / TEXT_REPORT
        made = {"audio": [self.target / REPORT], "references": recordings, "text": [text]}
        return any(file.exists() for file in made.get(key, [*recordings, text]))


def prepare_materials(inputs: Inputs, materials: Materials, say: Say) -> None:
    """Make whatever of ``materials`` is not there yet, and say what came of it and what was left out."""
    steps: tuple[tuple[Path, str, Callable[[Inputs, Materials], str]], ...] = (
        (materials.scored / REPORT, "recordings with references", _prepare_scored),
        (materials.target / REPORT, "recordings", _prepare_target),
        (materials.text / TEXT_REPORT, "text", _prepare_text),
        (materials.lexicon, "lexicon", _build_lexicon),
        (materials.lm / LM_REPORT, "language model", _build_lm),
        (materials.letters / LM_REPORT, "language model over letters, a second opinion", _build_letters),
    )
    for done, what, make in steps:
        if make is _prepare_scored and inputs.references is None:
            continue
        say(f"{what}: {'there already' if done.exists() else done.parent if done.suffix == '.json' else done}")
        if not done.exists():
            say(f"  {make(inputs, materials)}")


def _prepare_scored(inputs: Inputs, materials: Materials) -> str:
    assert inputs.references is not None
    options = _options(inputs, valid=0.0, test=0.0, references=str(materials.references))
    with _corpus(inputs.references, materials) as corpus:
        if not any(corpus.items.texts):
            raise XlplError(
                "none of its recordings has a transcript",
                file=inputs.references,
                expected="recordings with transcripts (--references)",
                remedy="name a table with a column text, or leave --references out",
            )
        items = ItemColumns(replace(item, part=TEST) for item in corpus.items)
        return _recordings(prepare(items, materials.scored, options))


def _prepare_target(inputs: Inputs, materials: Materials) -> str:
    known = set()
    if inputs.references is not None:
        with _corpus(inputs.references, materials) as corpus:
            known = {item.audio.resolve() for item in corpus.items}
    with _corpus(inputs.audio, materials) as corpus:
        # nothing that a run learns from has a transcript
        others = (item for item in corpus.items if item.audio.resolve() not in known)
        new = ItemColumns(replace(item, text=None, part="") for item in others)
        if not new:
            raise XlplError(
                "all of its recordings have references",
                file=inputs.audio,
                expected="recordings to learn from, beside those that are scored",
                remedy="name more recordings in --audio, or fewer in --references",
            )
        report = _divided(new, inputs, materials.target)
    if inputs.references is not None:
        # labelled after each round, for the scores
        scored = read_manifest(materials.scored, TEST, labels=False)
        write_manifest(materials.target, TEST, Manifest(scored.root, scored.utterances))
    return _recordings(report)


def _divided(items: Sequence[Item], inputs: Inputs, out: Path) -> PrepareReport:
    """Prepare with a small valid part; of few utterances it takes a larger share to get one at all."""
    for share in _VALID:
        try:
            return prepare(items, out, _options(inputs, valid=share, test=0.0))
        except EmptyPartError as error:
            few = error
    raise XlplError(
        few.problem,
        file=inputs.audio,
        expected="recordings to learn from, and some for validation",
        remedy="bring more recordings",
    )


def _recordings(report: PrepareReport) -> str:
    utterances, minutes = (sum(getattr(part, name) for part in report.parts) for name in ("utterances", "minutes"))
    counts = Counter(str(drop.reason) for drop in report.dropped)
    sizes = f"{utterances} utterances, {minutes / 60:.2f} hours"
    return "; ".join([sizes, *_left_out(dict(counts.most_common()), "recordings"), *report.notes])


def _left_out(reasons: Mapping[str, int], what: str) -> Iterator[str]:
    if reasons:
        yield f"left out {what}: " + ", ".join(f"{count} {reason}" for reason, count in reasons.items())


@contextmanager
def _corpus(source: Path, materials: Materials) -> Iterator[Corpus]:
    make_folder(materials.folder)
    with tempfile.TemporaryDirectory(dir=materials.folder, prefix=".corpus.") as work:
        yield read_corpus(source, work=Path(work))


def _options(inputs: Inputs, **more: object) -> PrepareOptions:
    rules = str(inputs.rules or "")
    return PrepareOptions(language=inputs.language, speller=inputs.speller, rules=rules, **more)  # type: ignore[arg-type]


def _prepare_text(inputs: Inputs, materials: Materials) -> str:
    exclude = (materials.references,) if inputs.references else ()
    words = _WORDS if has_words(inputs.language) else 0
    options = TextOptions(_HELD_OUT, words, identify=can_identify(inputs.language))
    report = prepare_text(inputs.language, inputs.text, materials.text, options, exclude=exclude, rules=inputs.rules)
    sizes = f"{report.sentences + report.heldout_sentences} sentences, {report.types} different words"
    left_out = *_left_out(report.left_out, "sentences"), *_left_out(report.passed_over, "files")
    return "; ".join(filter(None, [sizes, *left_out, str(report.other_languages)]))


def _texts(materials: Materials) -> list[Path]:
    return [file for name in ("text.txt", "words.txt") if (file := materials.text / name).exists()]


def _build_lexicon(inputs: Inputs, materials: Materials) -> str:
    counts = count_words(normalized_lines(_texts(materials)))
    lexicon = build_lexicon(counts, make_speller(inputs.speller, language=inputs.language))
    write_lexicon(materials.lexicon, lexicon)
    unspelled = {"without a spelling": len(lexicon.unspelled)} if lexicon.unspelled else {}
    return "; ".join([f"{len(lexicon)} words", *_left_out(unspelled, "words")])


def _build_lm(inputs: Inputs, materials: Materials) -> str:
    heldout = materials.text / "heldout.txt"
    # of a small text nothing may be held out
    known = heldout if heldout.exists() and heldout.stat().st_size else None
    return _model(build_lm(_texts(materials), materials.lm, LmOptions(prune=USUAL_PRUNE), heldout=known))


def _build_letters(inputs: Inputs, materials: Materials) -> str:
    speller = make_speller(inputs.speller, language=inputs.language)
    text, options = [materials.text / "text.txt"], LmOptions(order=6, prune=(0,))
    return _model(build_lm(text, materials.letters, options, speller=speller), "letters")


def _model(report: LmReport, units: str = "words") -> str:
    oov = "" if report.oov_rate is None else f", {report.oov_rate:.1%} of held out text unknown to it"
    return f"{report.order}-grams over {report.vocabulary} {units}{oov}"
