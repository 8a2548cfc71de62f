"""The card: what is known of a run is told, what is not is said to be not known, and nothing better than it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.small_run import SmallRun, prepared

from xlpl_plugin.bundling.bundle_options import BundleOptions
from xlpl_plugin.bundling.write_bundle import write_bundle
from xlpl_plugin.data.units import LETTERS
from xlpl_plugin.errors import XlplError
from xlpl_plugin.run.corrected_data import CorrectedTable
from xlpl_plugin.run.result import Result


def card(model: Path, **options: str) -> str:
    out = model.parent / "bundle"
    write_bundle(model, out, BundleOptions(**options), force=True)  # type: ignore[arg-type]
    return " ".join((out / "README.md").read_text(encoding="utf-8").split())


def test_languages_data_and_choice(small_run: SmallRun) -> None:
    told = card(small_run.path)
    assert "Speech recogniser for Swahili (sw)" in told
    assert "| sw | target, audio alone | Swahili (sw) | 237 | 11.2 |" in told
    assert "| es | source, with transcripts | Spanish (es) | 237 | 11.2 |" in told
    assert "The run came to its end. Of its stages round 1 was chosen, without references." in told
    assert "it recognises words of the target" in told
    assert "**Unsupervised**" in told
    assert "model.safetensors" in told


def test_what_is_gone_is_not_known(small_run: SmallRun) -> None:
    for folder in (small_run.config.target.data, small_run.config.source.data):
        shutil.rmtree(folder)
    told = card(small_run.path)
    assert "Speech recogniser for a language that is not known" in told
    assert "| es | source, with transcripts | not known | not known | not known |" in told
    assert "Spoken and written: Tigrinya (ti)." in card(small_run.path, language="Tigrinya")


def test_error_rates_are_those_of_the_chosen_round(small_run: SmallRun) -> None:
    assert "Nothing was judged with references" in card(small_run.path)
    small_run.write_scores("zero-shot greedy", "zero-shot LM", "round 1 LM", "round 2 LM")
    told = card(small_run.path)
    assert "Nothing was judged" not in told
    assert "of 90 utterances with 439 words" in told
    assert "| round 1 LM | 25.0 % (20.0 to 30.0) | 25.0 % (20.0 to 30.0) | | zero-shot LM |" in told
    assert "round 2 LM" not in told
    assert "greedy" not in told


def test_licences(small_run: SmallRun, tmp_path: Path) -> None:
    assert "This bundle: not known (who made it did not say)." in card(small_run.path)
    told = card(small_run.path, licence="CC-BY-4.0, by\nthe speakers")
    assert "This bundle: CC-BY-4.0, by the speakers (as who made it says)." in told
    assert "The data `es`: CC0-1.0." in told
    assert "The data `sw`: its licence is not known here" in told
    small_run.config.source.training.overrides = [f"model.w2v_path={tmp_path}/models/mms_300m.pt"]
    small_run.config.voters = [type(small_run.config.source)(checkpoint=f"{tmp_path}/other.pt")]
    small_run.write_config()
    told = card(small_run.path)
    assert "`mms_300m.pt`, which it began with: CC-BY-NC-4.0" in told
    assert "`other.pt`, which it began with: its licence is not known here" in told
    assert "What the model that it began with has learnt from is not known here" in told
    assert str(tmp_path) not in told


def test_no_run_that_a_person_corrected_is_called_unsupervised(small_run: SmallRun) -> None:
    told = CorrectedTable("corrected.tsv", "f0", from_round=1, utterances=20, words=130, minutes=1.5)
    replace(Result.read(small_run.layout.result), corrections=(told,)).write(small_run.layout.result)
    text = card(small_run.path)
    assert "**Supervised in part**: it learnt from 1.5 minutes of the target that a person transcribed." in text
    assert "**Unsupervised**" not in text


@pytest.mark.parametrize("place", ["source", "mix", "student"])
def test_no_run_with_transcripts_of_the_target_is_called_unsupervised(
    small_run: SmallRun, tmp_path: Path, place: str
) -> None:
    labelled = str(prepared(tmp_path / "sw-labelled", "sw"))
    if place == "source":
        small_run.config.source.data = labelled
    elif place == "mix":
        small_run.config.source.training.mix = [labelled]
    else:
        small_run.config.student.mix = [labelled]
    small_run.write_config()
    told = card(small_run.path)
    assert "**Supervised**" in told
    assert "**Unsupervised**" not in told


def test_of_a_checkpoint_nothing_is_known(tmp_path: Path, save: Callable[..., Path]) -> None:
    told = card(save(tmp_path / "am.pt", LETTERS))
    assert "from a checkpoint alone" in told
    assert "Whether transcripts of the language went into it is not known here." in told
    assert "What it was trained on is not known here." in told
    assert "its error rates are not known" in told
    assert "greedy" in told


def test_scores_that_cannot_be_read_are_named(small_run: SmallRun) -> None:
    (small_run.path / "score.json").write_text("[]")
    with pytest.raises(XlplError, match=r"score\.json: not a table of scores"):
        card(small_run.path)
