"""From a run, or a checkpoint, to a folder that transcribes without it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from xlpl_plugin.bundling.bundle_options import BundleOptions
from xlpl_plugin.bundling.card import write_card
from xlpl_plugin.bundling.origin import find_origin
from xlpl_plugin.bundling.small_lm import write_lm
from xlpl_plugin.decoding import DecoderConfig
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import copy_file, make_folder, new_output, results_folder, write_text
from xlpl_plugin.models.checkpoint import checkpoint_units, checkpoint_updates, read_checkpoint
from xlpl_plugin.models.plain_model import describe_model, write_plain_model
from xlpl_plugin.schema import check_options
from xlpl_plugin.text.language import find_language
from xlpl_plugin.transcribing.bundle import (
    AM_FILE,
    BUNDLE_FILE,
    CARD_FILE,
    FORM,
    LEXICON_FILE,
    Bundle,
    list_files,
)  # fmt: skip
from xlpl_plugin.transcribing.opening import find_parts
from xlpl_plugin.transcribing.recogniser import load_recogniser


@dataclass(frozen=True)
class Bundled:
    """What was written.

    Attributes:
        bundle: with the size of each file.
        contents: what it consists of, title -> in words.
        load_seconds: that it took to load it on the CPU, torch and fairseq being imported.
    """

    bundle: Bundle
    contents: dict[str, str]
    load_seconds: float


def write_bundle(
    model: str | Path, out: str | Path, options: BundleOptions | None = None, *, force: bool = False
) -> Bundled:
    """Write all that transcribing needs into ``out``, and load it once to see that it works.

    Args:
        model: a run of ``xlpl iterate``, or a checkpoint, which is decoded greedily.
        out: the new folder; its bundle.json is written last.
        force: overwrite what is in ``out``.

    Raises:
        XlplError: as ``find_parts``; a bundle; options out of range; a model of another architecture; a lexicon or LM
            that is gone; ``out`` holds something and ``force`` is false. Nothing is written.
    """
    options = options or BundleOptions()
    check_options(options)
    out, model = new_output(out, force=force), Path(model)
    _refuse_bundle(model, out)
    parts, origin = find_parts(model), find_origin(model)
    with _work_folder(out) as work:
        contents = {"acoustic model": _write_model(parts.am, work, options.half)}
        decoder = _write_decoder(parts.decoder, work, options.lm_bits, contents)
        bundle = Bundle(
            form=FORM,
            xlpl=version("xlpl"),
            language=find_language(name).code if (name := options.language or origin.language) else "",
            licence=" ".join(options.licence.split()),
            decoder=decoder,
            files=list_files(work, sorted(file.name for file in work.iterdir())),
        )
        write_text(work / CARD_FILE, write_card(bundle, origin, contents))
        bundle.write(work / BUNDLE_FILE)
        seconds = _load(work)
        _move(work, out)
    return Bundled(bundle, contents, seconds)


def _refuse_bundle(model: Path, out: Path) -> None:
    """A bundle knows less than its run; and in a run's own folder it would stand for the run."""
    if (model / BUNDLE_FILE).exists():
        raise XlplError("is a bundle already", file=model, remedy="copy its folder, or bundle the run once more")
    if model.resolve() == out.resolve():
        raise XlplError("is the run itself", file=out, expected="another folder", remedy="choose another output")


@contextmanager
def _work_folder(out: Path) -> Iterator[Path]:
    """Make a folder inside ``out``, and leave no empty ``out`` behind where the work fails."""
    with results_folder(out), TemporaryDirectory(dir=make_folder(out), prefix=".bundle.") as folder:
        yield Path(folder)


def _write_model(am: Path, work: Path, half: bool) -> str:
    state = read_checkpoint(am)
    units = checkpoint_units(am, state)
    description = describe_model(state, units, checkpoint_updates(state), am)
    write_plain_model(work / AM_FILE, description, state["model"], half=half, origin=am)
    numbers = sum(weight.numel() for weight in state["model"].values())
    precision = "half precision" if half else "as they were trained"
    return f"{description.architecture}, {numbers:,} weights, {precision}; {len(units)} units"


def _write_decoder(decoder: DecoderConfig, work: Path, lm_bits: int, contents: dict[str, str]) -> DecoderConfig:
    """Write lexicon and LM; return the decoder with their names in the bundle."""
    if decoder.lexicon:
        copy_file(decoder.lexicon, work / LEXICON_FILE)
        decoder = replace(decoder, lexicon=LEXICON_FILE)
    contents["lexicon"] = "as in the run" if decoder.lexicon else "none"
    lm = write_lm(decoder.lm, work, lm_bits) if decoder.lm else None
    contents["language model"] = lm.note if lm else "none"
    searched = f"beam {decoder.beam}, LM weight {decoder.lm_weight:g}, word score {decoder.word_score:g}, "
    greedy = not decoder.lexicon and not decoder.lm
    contents["decoder"] = f"{'greedy, ' if greedy else searched}blank penalty {decoder.blank_penalty:g}"
    return replace(decoder, lm=lm.name if lm else "")


def _load(folder: Path) -> float:
    started = time.monotonic()
    load_recogniser(folder, device="cpu").close()
    return time.monotonic() - started


def _move(work: Path, out: Path) -> None:
    """Put the new files into their places; what is there is no bundle until all of them are."""
    (out / BUNDLE_FILE).unlink(missing_ok=True)
    for former in (AM_FILE, LEXICON_FILE, "lm.bin", "lm.arpa"):
        (out / former).unlink(missing_ok=True)
    for file in sorted(work.iterdir(), key=lambda file: (file.name == BUNDLE_FILE, file.name)):
        os.replace(file, out / file.name)
