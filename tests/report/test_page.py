"""The page as a browser gets it: whole, alone, safe, and saying what the run says."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from support.label_records import record, write_labels, write_scores

from xlpl_plugin.cli import main
from xlpl_plugin.cli.report import command as report_command
from xlpl_plugin.continuous.collapse import COLLAPSE_FILE, Collapse
from xlpl_plugin.files import write_lines
from xlpl_plugin.labelling.provenance import LabelSummary, read_facts
from xlpl_plugin.monitoring.signals import Alarm, DecoderWeights, Measurement
from xlpl_plugin.report.contents import Change, Phase
from xlpl_plugin.report.figures.axes import places_of
from xlpl_plugin.report.figures.runs import draw_curves, draw_scores
from xlpl_plugin.report.gathering import gather
from xlpl_plugin.report.page import difference, render_page
from xlpl_plugin.report.phase_words import told_of_phase
from xlpl_plugin.report.writing import write_report
from xlpl_plugin.run.corrected_data import CORRECTIONS_FILE, CorrectedTable, CorrectionsRecord
from xlpl_plugin.run.result import PhaseResult
from xlpl_plugin.stage import CONTINUOUS, Stage

pytestmark = pytest.mark.slow

HOSTILE = "<script>alert('x')</script>"
RATES = {"zero-shot": 0.7, "round 1": 0.5, "topline": 0.2}
# a line as fairseq logs it
LOG = '[2026-01-01 00:00:00,000][train_inner][INFO] - {{"epoch": 1, "loss": "{loss}", "num_updates": "{update}"}}\n'
FIRST, LAST = Stage.round(0), Stage.round(1)
MakeCopy = Callable[[Path], Any]
_VOID = {"meta", "img", "br", "link"}


@dataclass
class Page(HTMLParser):
    """A page taken apart."""

    html: str
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    unclosed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.unclosed.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def reported(copy: MakeCopy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of rounds with scores, an alarm and a hostile label, and its report."""
    made = copy(tmp_path_factory.mktemp("runs") / "sw & co")
    made.without_phase()
    made.change_result(best=1, model="round-1/model.pt", finished=True, stopped="")
    write_scores(made.run / "score.json", RATES)
    alarm = Alarm("few words", f"One word is all {HOSTILE}.", "Mix in.")
    made.change_signals(FIRST, [alarm], label_free=0.9)
    made.change_signals(LAST, label_free=0.5)
    made.label(LAST, [record("a", f"habari {HOSTILE}", "h a |", 0.9), record("b", "доброе утро", "d o |", 0.1)])
    log = made.layout.training(LAST) / "train.log"
    log.write_text(LOG.format(update=20, loss="2.0") + LOG.format(update=40, loss="nan"))
    write_report(made.run)
    return Path(made.run)


@pytest.fixture(scope="module")
def page(reported: Path) -> Page:
    return Page((reported / "report.html").read_text(encoding="utf-8"))


def test_the_page_needs_nothing_else(page: Page) -> None:
    assert not page.unclosed
    assert not page.all("script") + page.all("link") + page.all("iframe")
    sources = [attributes["src"] or "" for attributes in page.all("img")]
    assert sources
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    links = {attributes["href"] for attributes in page.all("a")}
    assert links == {f"#{name}" for name in ids}
    assert "http://" not in page.html
    assert "https://" not in page.html
    assert "url(" not in page.html


def test_what_labels_say_is_text_never_markup(page: Page) -> None:
    assert HOSTILE not in page.html
    assert page.text.count(HOSTILE) >= 3
    assert "fairseq-hydra-train --config-dir" in page.text
    assert "Run sw & co" in page.text


def test_every_picture_says_what_it_shows(page: Page) -> None:
    alts = [attributes["alt"] or "" for attributes in page.all("img")]
    assert "label-free score by round: 0: 0.900, 1: 0.500" in alts
    assert "word error rate by round: LM 70.0, 50.0; topline LM 20.0; greedy 80.0, 60.0; topline greedy 30.0" in alts
    assert any(
        re.fullmatch(r"Time in minutes: source [\d.]+, source-2 [\d.]+, round-0 [\d.]+, round-1 [\d.]+", alt)
        for alt in alts
    )
    assert all(alts)


def test_scripts_of_the_target_are_kept(page: Page) -> None:
    assert "доброе утро" in page.text


def test_verdict_alarm_and_table_say_what_the_run_says(page: Page, reported: Path) -> None:
    assert "Finished after 1 round: round 1 is the best" in page.text
    assert "WER of the best round 50.0 % round 0: 70.0 %; the lowest of all rounds" in page.text
    assert f"Round 0: few words. One word is all {HOSTILE}. Mix in." in page.text
    assert "No round raised an alarm" not in page.text
    assert "measure round 0 round 1 best Against references WER, LM, % 70.0 50.0" in page.text
    assert "label-free score 0.900 0.500" in page.text
    weights, kept = ([read(reported / f"round-{number}") for number in (0, 1)] for read in (_weights, _kept))
    assert f"LM weight {' '.join(f'{each.lm_weight:.2f}' for each in weights)}" in page.text
    assert f"kept {' '.join(str(each.kept) for each in kept)}" in page.text
    assert f"labelled {' '.join(str(each.utterances) for each in kept)}" in page.text
    assert re.search(r"Round 0 took its labels from several models: \d+ of voter-1, \d+ of voter-2\.", page.text)


def _weights(folder: Path) -> DecoderWeights:
    return Measurement.read(folder / "signals.json").weights


def _kept(folder: Path) -> LabelSummary:
    facts = read_facts(folder / "labels" / "train")
    assert facts
    assert facts.summary
    return facts.summary


def test_report_and_pictures_lie_beside_the_page(reported: Path) -> None:
    told = json.loads((reported / "report" / "report.json").read_text(), parse_constant=pytest.fail)
    assert told["status"]["best"] == "round-1"
    assert told["trainings"][-1]["log"]["train"] == [[20, 2.0], [40, None]]  # JSON has no nan
    pictures = {file.name for file in (reported / "report").glob("*.png")}
    assert {"wer.png", "label_free.png", "training-round-1.png", "tuning-round-0.png", "time.png"} <= pictures
    assert all((reported / "report" / name).read_bytes().startswith(b"\x89PNG") for name in pictures)


def test_the_command_gives_the_same_bytes_again_and_touches_nothing_else(
    reported: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _digests(reported)
    (reported / "report" / "former.png").write_bytes(b"of a round that is gone")
    monkeypatch.setattr(sys, "argv", ["xlpl", "report", str(reported)])
    main()
    said = capsys.readouterr().out
    assert said.startswith("Finished after 1 round: round 1 is the best\nround 0: ALARM, few words.")
    assert said.endswith(f"report: {reported / 'report.html'}\n")
    assert _digests(reported) == before


def _digests(folder: Path) -> dict[Path, str]:
    return {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.rglob("*") if file.is_file()}


def test_pictures_follow_the_theme_and_use_the_systems_letters(reported: Path) -> None:
    svg = next(picture for picture in draw_curves(gather(reported)) if picture.name == "label_free").svg
    root = ElementTree.fromstring(svg)
    style = root.find("{http://www.w3.org/2000/svg}style")
    assert style is not None
    assert "prefers-color-scheme:dark" in (style.text or "")
    assert "var(--blue)" in svg
    words = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"label-free score", "round", "0.900", "0.500"} <= set(words)


def test_error_rates_appear_only_with_scores(copy: MakeCopy, tmp_path: Path) -> None:
    made = copy(tmp_path / "run")
    for stage in (FIRST, LAST, CONTINUOUS):
        made.change_signals(stage)
    report = gather(made.run)
    assert draw_scores(report) == []
    page = Page(
        render_page(report, dict.fromkeys(("scores", "curves", "continuous", "trainings", "tunings", "costs"), ()))
    )
    # what signals lead to expect is told as such
    assert page.text.count("WER") == page.text.count("WER, without references") <= 1
    assert "#scores" not in [attributes["href"] for attributes in page.all("a")]
    assert "No round raised an alarm" in page.text


def test_a_run_with_nothing_but_labels_of_round_0(tmp_path: Path) -> None:
    write_labels(tmp_path / "round-0" / "labels" / "train", [record("a", "moja", "m o j a |")])
    write_report(tmp_path)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert not page.unclosed
    assert "No round has been measured yet" in page.text
    assert "heard: moja" in page.text


@pytest.fixture(scope="module")
def phased(copy: MakeCopy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped, and whose continuous phase collapsed and was taken all the same."""
    made = copy(tmp_path_factory.mktemp("phased") / "sw")
    made.change_result(best=1, stopped="the labels changed by 1 %")
    made.take_phase()
    made.change_phase(start=1)
    for stage, score in ((FIRST, 0.9), (LAST, 0.5), (CONTINUOUS, 0.3)):
        made.change_signals(stage, label_free=score)
    file = made.layout.training(CONTINUOUS) / "checkpoints" / COLLAPSE_FILE
    replace(Collapse.read(file), update=40, rolled_back_to=20, reason=f"silence {HOSTILE}").write(file)
    kind = '{"num_updates": "%s", "loss": "2.0", "loss_labelled": "%s", "loss_unlabelled": "3.0", "replaced": "4", '
    kind += '"pl_length": "%s", "pl_churn": "nan"}'
    logged = [kind % told for told in ((20, "2.5", "9.5"), (40, "2.0", "8.0"))]
    write_lines(made.layout.training(CONTINUOUS) / "train.log", [f"[train_inner][INFO] - {line}" for line in logged])
    write_scores(made.run / "score.json", {**RATES, "continuous": 0.375})
    write_report(made.run)
    return Path(made.run)


def test_the_phase_has_its_words_its_column_and_its_curves(phased: Path) -> None:
    page = Page((phased / "report.html").read_text(encoding="utf-8"))
    assert not page.unclosed
    assert HOSTILE not in page.html
    assert "Stopped after round 1: the continuous phase is the best" in page.text
    assert "WER of the continuous phase 37.5 % round 0: 70.0 %; round 1: 50.0 %; the lowest of all rounds" in page.text
    assert f"Continuous phase. It collapsed at update 40. Silence {HOSTILE}." in page.text
    assert "The training ended there and went back to its last good checkpoint, of update 20;" in page.text
    assert "It started from the model of round 1" in page.text
    assert "Its model is the one to use" in page.text
    assert "0.400 against 0.500 of round 1" in page.text
    assert "measure round 0 round 1 continuous best Against references WER, LM, % 70.0 50.0 37.5" in page.text
    assert "updates 40 batches labelled anew 8 units a second in new labels 8.0 at first: 9.5" in page.text
    alts = [attributes["alt"] or "" for attributes in page.all("img")]
    assert "label-free score by round: 0: 0.900, 1: 0.500, continuous: 0.300" in alts
    assert "word error rate by round: LM 70.0, 50.0, 37.5; topline LM 20.0;" in " ".join(alts)
    ours = [alt.removeprefix("Continuous phase, ") for alt in alts if alt.startswith("Continuous phase")]
    assert ours == [
        "loss, bits a unit, by update: labelled 2.5 at first, 2 at the end; own labels 3 at first, 3 at the end; "
        "collapsed at update 40",
        "units a second, by update: 9.5 at first, 8 at the end; collapsed at update 40",
    ]  # the churn was never a number


JUDGED = PhaseResult(start=2, score=0.5, start_score=0.49, taken=False, collapse="")


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (None, "It has not been judged yet."),
        (JUDGED, "not taken, since without references it is no better than round 2"),
        (replace(JUDGED, score=None), "not taken, since without an LM nothing tells"),
    ],
)
def test_the_judgement_on_a_phase_says_why(reported: Path, result: PhaseResult | None, said: str) -> None:
    report = replace(gather(reported), continuous=Phase(Stage.round(2), result))
    assert said in " ".join(told_of_phase(report))


def test_rounds_and_phase_share_an_axis() -> None:
    third = Stage.round(3)
    assert places_of([FIRST, third, CONTINUOUS]) == {FIRST: 0, third: 3, CONTINUOUS: 4}
    assert places_of([CONTINUOUS]) == {CONTINUOUS: 0}


def test_words_that_went_and_came_are_told_apart() -> None:
    before, after = difference(Change("a", "la casa e rossa", "la cosa è rossa ora", edits=3))
    assert [(piece.words, piece.stayed) for piece in before] == [("la", True), ("casa e", False), ("rossa", True)]
    assert [(piece.words, piece.stayed) for piece in after] == [
        ("la", True),
        ("cosa è", False),
        ("rossa", True),
        ("ora", False),
    ]


def test_the_command_refuses_a_folder_that_is_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["xlpl", "report", str(tmp_path)])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 2
    assert "holds no round" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_what_a_person_transcribed_is_told(copy: MakeCopy, tmp_path: Path) -> None:
    made = copy(tmp_path / "run")
    made.without_phase()
    made.change_result(best=1, model="round-1/model.pt", finished=True, stopped="")
    write_report(made.run)
    before = Page((made.run / "report.html").read_text(encoding="utf-8")).text
    assert "person" not in before
    assert json.loads((made.run / "report" / "report.json").read_text())["corrections"] is None
    tables = (CorrectedTable("a.tsv", "f0", 1, 60, 500, 29.5), CorrectedTable("b.tsv", "f1", 1, 1, 12, 0.5))
    record = CorrectionsRecord(tables, 52, 6, 3, {"kompyuta": 2})
    record.write(made.layout.data(LAST) / CORRECTIONS_FILE)
    write_scores(made.run / "score.json", RATES)
    write_report(made.run)
    text = Page((made.run / "report.html").read_text(encoding="utf-8")).text
    assert (
        "Not unsupervised: a person transcribed 61 utterances of the audio that students learn from (30.0 minutes, 512 "
        "words: a.tsv from round 1 on, b.tsv from round 1 on). 1 word of the transcripts (2 times) is not in the "
        "decoder's lexicon: kompyuta."
    ) in text
    assert "transcribed by a person 30 min 0 s 61 utterances, 512 words" in text
    assert "from round 1 on with a person’s transcripts in place of some" in text
    assert "never saw a reference" not in text
    assert json.loads((made.run / "report" / "report.json").read_text())["corrections"]["tables"][1]["file"] == "b.tsv"
    made.change_result(best=0, model="source/model.pt")
    told = CliRunner().invoke(report_command, [str(made.run)], catch_exceptions=False).output
    assert "The best round, 0, was before that: its model learned from no transcript." in told
