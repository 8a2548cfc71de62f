"""A small project whose decoder weights can be sought."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from xlpl_plugin.data.manifest import Manifest, write_manifest
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.decoding import DecoderConfig, Hypothesis
from xlpl_plugin.emissions.compute import Emission, Window
from xlpl_plugin.emissions.stored import SUFFIX, EmissionFacts, write_shard
from xlpl_plugin.shards.store import ShardStore
from xlpl_plugin.tuning.tune import TuneConfig
from xlpl_plugin.tuning.weight_search import SearchConfig

UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "a", "b", "c")
WORDS = {"Ab": "ab", "Ba": "ba", "Cab": "cab", "A": "a", "Bacab": "bacab"}
ARPA = """\\data\\
ngram 1=8
ngram 2=6

\\1-grams:
-99\t<s>\t0
-0.8\t</s>
-4\t<unk>
-0.7\tAb\t0
-0.7\tBa\t0
-0.8\tCab\t0
-1.2\tA\t0
-1.2\tBacab\t0

\\2-grams:
-0.3\tAb Cab
-0.3\tCab Ba
-0.3\tBa Bacab
-0.3\tBacab Ab
-0.3\t<s> Ab
-0.3\t<s> Cab

\\end\\
"""


def _heard(text: str) -> Hypothesis:
    words = tuple(text.split())
    units = tuple(unit for word in words for unit in (*WORDS[word], "|"))
    return Hypothesis(words, units, -1.0, 0.0, -1.0, tuple(range(len(units))))


@pytest.fixture
def words() -> dict[str, str]:
    """The lexicon: words and their letters."""
    return WORDS


@pytest.fixture
def heard() -> Callable[[str], Hypothesis]:
    """Makes a hypothesis of words of the lexicon."""
    return _heard


@pytest.fixture
def config(tmp_path: Path) -> TuneConfig:
    """Noisy emissions of 24 sentences that the LM likes; their words stand in ``references``, for the oracle alone."""
    rng = np.random.default_rng(2)
    utterances, emissions = [], []
    for number in range(24):
        words = ["Ab", "Cab", "Ba", "Bacab"] * 2
        words = words[number % 4 : number % 4 + 4]
        logits = []
        for unit in _heard(" ".join(words)).units:
            for index in (UNITS.index(unit), 0):
                logit = rng.normal(size=len(UNITS)) * 1.2
                logit[index] += 2.5
                logit[1:4] = -20
                logits.append(logit)
        array = np.array(logits)
        log_probs = (array - np.logaddexp.reduce(array, axis=1, keepdims=True)).astype(np.float32)
        spelled = " ".join(_heard(" ".join(words)).units)
        utterances.append(Utterance(f"u{number:02}.flac", 640 * len(array), " ".join(words), spelled))
        emissions.append(Emission(utterances[-1], log_probs, (Window(len(array), 0.0, utterances[-1].seconds),)))
    store = ShardStore.open(
        tmp_path / "em", {"am": "x", "window_seconds": 30.0}, 1, EmissionFacts(units=UNITS), suffix=SUFFIX
    )
    write_shard(store, 0, emissions, len(emissions))
    (tmp_path / "references").mkdir()
    write_manifest(tmp_path / "references", "train", Manifest(tmp_path, tuple(utterances)))
    write_manifest(tmp_path, "train", Manifest(tmp_path, tuple(Utterance(u.path, u.num_samples) for u in utterances)))
    (tmp_path / "lexicon.txt").write_text("".join(f"{word}\t{' '.join(s)} |\n" for word, s in WORDS.items()))
    (tmp_path / "lm.arpa").write_text(ARPA)
    return TuneConfig(
        emissions=str(tmp_path / "em"),
        data=str(tmp_path),
        out=str(tmp_path / "tune"),
        decoder=DecoderConfig(lexicon=str(tmp_path / "lexicon.txt"), lm=str(tmp_path / "lm.arpa")),
        search=SearchConfig(trials=10, local_trials=6, lm_weight=[0.0, 20.0], word_score=[-20.0, 20.0], beam=20),
    )
