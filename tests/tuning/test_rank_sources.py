"""Several acoustic models on one target: the one that hears it comes first."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from support.loudness_model import LISTENERS

from xlpl_plugin.cli.describe_tuning import describe_ranking
from xlpl_plugin.cli.rank import command
from xlpl_plugin.errors import XlplError
from xlpl_plugin.models import acoustic
from xlpl_plugin.text.spelling.lexicon import read_lexicon
from xlpl_plugin.text.spelling.respelling import LEXICON_FILE, UNSPELLED_FILE
from xlpl_plugin.tuning.rank_sources import RANK_FILE, RankConfig, Ranking, has_long_units, names_of, rank
from xlpl_plugin.tuning.tune import read_tuning
from xlpl_plugin.tuning.weight_search import SearchConfig

SPELLINGS = {letters.upper(): letters for letters in ("abba", "bab", "aab", "bbaa", "aaab", "babb", "abab", "bbabb")}
ARPA = """\\data\\
ngram 1=11
ngram 2=1

\\1-grams:
-99\t<s>\t0
-0.9\t</s>
-4\t<unk>
{}
\\2-grams:
-0.9\t<s> BAB

\\end\\
"""


class Talker:
    """Says a word of the language to everything, over and over."""

    def __init__(self, listener: Any) -> None:
        self._listener, self.units = listener, listener.units

    def emit(self, waveforms: list[np.ndarray]) -> list[np.ndarray]:
        return [self._babble(log_probs) for log_probs in self._listener.emit(waveforms)]

    def _babble(self, log_probs: np.ndarray) -> np.ndarray:
        text = "b_a_b_|_"
        probs = np.full(log_probs.shape, 0.02)
        for frame in range(len(probs)):
            letter = text[frame % len(text)]
            probs[frame, 0 if letter == "_" else self.units.index(letter)] = 0.88
        return np.log(probs / probs.sum(axis=1, keepdims=True)).astype(np.float32)


class Mute(Talker):
    """Is sure that nothing is said."""

    def _babble(self, log_probs: np.ndarray) -> np.ndarray:
        probs = np.full(log_probs.shape, 1e-4)
        probs[:, 0] = 1 - 1e-4 * (probs.shape[1] - 1)
        return np.log(probs).astype(np.float32)


@pytest.fixture
def loaded() -> list[str]:
    """The models that were loaded, in order."""
    return []


@pytest.fixture
def config(tmp_path: Path, make_config: Any, monkeypatch: pytest.MonkeyPatch, loaded: list[str]) -> RankConfig:
    """Thirty recordings and three models: hears/, talks/ and mute/."""
    draw = random.Random(1)
    sentences = [[draw.choice(list(SPELLINGS)) for _ in range(5)] for _ in range(30)]
    paths = {
        f"u{n:02}": "_".join("_".join(SPELLINGS[word]) + "_|" for word in words) for n, words in enumerate(sentences)
    }
    made = make_config(paths)
    Path(made.decoder.lexicon).write_text("".join(f"{word}\t{' '.join(s)} |\n" for word, s in SPELLINGS.items()))
    (tmp_path / "lm.arpa").write_text(ARPA.format("".join(f"-0.95\t{word}\t0\n" for word in SPELLINGS)))
    listen = acoustic.load_acoustic_model

    def load(path: str, **_: Any) -> Any:
        loaded.append(Path(path).parent.name)
        kind = {"talks": Talker, "mute": Mute}.get(Path(path).parent.name)
        return kind(listen(path)) if kind else listen(path)

    monkeypatch.setattr(acoustic, "load_acoustic_model", load)
    ams = {}
    for name in ("talks", "mute", "hears"):
        (tmp_path / name).mkdir()
        ams[name] = str(tmp_path / name / "model.pt")
        Path(ams[name]).write_text(f"weights of {name}")
    return RankConfig(
        data=made.data,
        out=str(tmp_path / "rank"),
        decoder=replace(made.decoder, lm=str(tmp_path / "lm.arpa")),
        search=SearchConfig(trials=4, local_trials=2, beams=[], blank_penalty=[0.0, 1.0], beam=10),
        ams=ams,
    )


def test_the_model_that_hears_comes_first(config: RankConfig) -> None:
    ranking = rank(config)
    assert [row.name for row in ranking] == ["hears", "talks", "mute"]
    assert [row.detects_target for row in ranking] == [True, False, False]
    best, babble, mute = ranking
    assert best.evidence is not None
    assert babble.evidence is not None
    assert best.evidence.gain > 0.5
    assert babble.repeats_one_word
    assert mute.evidence is None
    content = Ranking.read(Path(config.out) / "rank.json")
    assert content.complete
    assert list(content.ranking) == ranking


def test_a_model_that_was_ranked_is_not_tuned_again(config: RankConfig, loaded: list[str]) -> None:
    everything = dict(config.ams)
    del config.ams["mute"]
    gone = config.ams.pop("hears")
    first = rank(config)
    assert loaded == ["talks"]
    loaded.clear()
    config.ams["hears"] = gone
    both = rank(config)
    assert loaded == ["hears"]
    assert both[1] == first[0]
    Path(everything["talks"]).write_text("other weights")
    loaded.clear()
    assert [row.name for row in rank(config)] == ["hears", "talks"]
    assert loaded == ["talks"]
    config.search = replace(config.search, seed=2)
    with pytest.raises(XlplError, match=r"rank\.json: a ranking with another search"):
        rank(config)
    loaded.clear()
    rank(config, force=True)
    assert sorted(loaded) == ["hears", "talks"]


def test_a_text_that_changed_is_another_ranking(config: RankConfig) -> None:
    del config.ams["mute"], config.ams["talks"]
    rank(config)
    with Path(config.decoder.lm).open("a") as file:
        file.write("\n")
    with pytest.raises(XlplError, match="a ranking with another decoder"):
        rank(config)


def test_other_results_are_not_touched(config: RankConfig) -> None:
    Path(config.out).mkdir()
    (Path(config.out) / "notes.txt").write_text("mine")
    with pytest.raises(XlplError, match="already holds results"):
        rank(config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ams": {}}, "no acoustic model"),
        ({"am": "one.pt"}, "ams"),
        ({"ams": {"../x": "one.pt"}}, r"ams\.\.\./x"),
        ({"ams": {"x": "none.pt"}}, "none.pt"),
    ],
)
def test_models_that_cannot_be_ranked(config: RankConfig, change: dict[str, Any], message: str) -> None:
    with pytest.raises(XlplError, match=message):
        rank(replace(config, **change))
    assert not Path(config.out).exists()


def test_names_are_what_differs() -> None:
    assert names_of([]) == {}
    assert names_of(["runs/en/best.pt"]) == {"best": "runs/en/best.pt"}
    both = ["runs/en/big/best.pt", "runs/es/big/last.pt"]
    assert names_of(both) == {"en-best": both[0], "es-last": both[1]}
    with pytest.raises(XlplError, match="each once"):
        names_of(["a/x.pt", "b/x.pt", "a/x.pt"])


def test_verb_prints_the_table(config: RankConfig) -> None:
    search = ["search.trials=4", "search.local_trials=2", "search.blank_penalty=[0,1]", "search.beam=10"]
    decoder = [f"decoder.lexicon={config.decoder.lexicon}", f"decoder.lm={config.decoder.lm}"]
    words = [*config.ams.values(), f"data={config.data}", f"out={config.out}", *decoder, *search]
    result = CliRunner().invoke(command, words, catch_exceptions=False)
    table = [line.split() for line in result.stdout.splitlines() if line.strip()]
    assert [row[:2] for row in table[2:5]] == [["hears", "go"], ["talks", "no"], ["mute", "no"]]
    assert "says nothing but blanks" in result.stdout
    assert table[-1][0] == "written:"


@pytest.fixture
def of_other_units(config: RankConfig) -> RankConfig:
    """The same ears three times, with units of their own."""
    folder = Path(config.data).parent
    config.ams = {name: str(folder / f"{name}.pt") for name in LISTENERS}
    for name, file in config.ams.items():
        Path(file).write_text(f"weights of {name}")
    return config


def test_each_model_spells_the_words_in_its_own_units(of_other_units: RankConfig) -> None:
    config = of_other_units
    rows = {row.name: row for row in rank(config)}
    assert all(row.evidence and row.evidence.real.edits == 0 for row in rows.values())
    out = Path(config.out)
    assert not (out / "letters" / LEXICON_FILE).exists()
    assert read_tuning(out / "letters").config["decoder"]["lexicon"] == config.decoder.lexicon
    spelled = {name: read_lexicon(out / name / LEXICON_FILE) for name in ("cyrillic", "pieces")}
    assert [list(lexicon.spellings) for lexicon in spelled.values()] == [list(SPELLINGS)] * 2
    assert spelled["cyrillic"].spellings["ABBA"] == (tuple("абба|"),)
    assert spelled["pieces"].spellings["ABBA"] == (("\u2581ab", "ba"),)
    assert not list(out.rglob(UNSPELLED_FILE))


def test_evidence_of_letters_of_two_scripts_compares_and_that_of_pieces_is_too_low(of_other_units: RankConfig) -> None:
    ranking = rank(of_other_units)
    evidence = {row.name: row.evidence.gain for row in ranking if row.evidence}
    assert evidence["cyrillic"] == pytest.approx(evidence["letters"], abs=0.02)
    assert evidence["pieces"] < 0.5 * evidence["letters"]
    assert {row.name: has_long_units(row, ranking) for row in ranking} == {
        "letters": False,
        "cyrillic": False,
        "pieces": True,
    }
    table = {line.split()[0]: line for line in describe_ranking(ranking).splitlines()}
    assert "long units" in table["pieces"]
    assert "long units" not in table["cyrillic"]


def test_ranking_with_other_units_goes_on_to_the_same_bytes(of_other_units: RankConfig) -> None:
    config = of_other_units
    rank(config)
    files = [*(Path(config.out) / name / LEXICON_FILE for name in ("cyrillic", "pieces")), Path(config.out) / RANK_FILE]
    before = [file.read_bytes() for file in files]
    shutil.rmtree(Path(config.out) / "pieces")
    files[-1].write_text(files[-1].read_text().replace('"complete": true', '"complete": false'))
    rank(config)
    assert [file.read_bytes() for file in files] == before


def test_words_that_units_cannot_write_are_named_and_too_many_refused(
    of_other_units: RankConfig, caplog: pytest.LogCaptureFixture
) -> None:
    config = of_other_units
    config.ams = {"cyrillic": config.ams["cyrillic"]}
    with Path(config.decoder.lexicon).open("a") as file:
        file.write("CAB\tc a b |\n")
    rank(config)
    assert (Path(config.out) / "cyrillic" / UNSPELLED_FILE).read_text() == "CAB\n"
    assert "8 words respelled" in caplog.text
    assert "1 words left out, which the units cannot write: CAB" in caplog.text
    words = (f"{letter * number}C" for letter in "AB" for number in range(1, 6))
    Path(config.decoder.lexicon).write_text("".join(f"{word}\t{' '.join(word.lower())} |\n" for word in words))
    with pytest.raises(XlplError, match=r"lexicon\.txt: 0 of its 10 words can be spelled(.|\n)*none for 'C'"):
        rank(config, force=True)
