"""Collapsed blanks: which frames are searched, and that what comes out is about all frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xlpl_plugin.decoding import DecoderConfig, Hypothesis, build_decoder
from xlpl_plugin.decoding.frames import Frames

UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "a", "b")


def log_probs_of(blank: list[float]) -> np.ndarray:
    """Frames with these probabilities of the blank, the rest shared by the letters."""
    probs = np.full((len(blank), len(UNITS)), 1e-12)
    probs[:, 0] = blank
    probs[:, 4:] = (1 - np.asarray(blank))[:, None] / 3
    return np.log(probs / probs.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def lexicon(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("lexicon") / "lexicon.txt"
    path.write_text("A\ta |\nAb\ta b |\nBaa\tb a a |\nB\tb |\n", encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def letters_lm(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("lm") / "lm.arpa"
    grams = "-99\t<s>\t0\n-1\t</s>\n-3\t<unk>\n-0.5\t|\t-0.2\n-0.7\ta\t-0.3\n-0.9\tb\t0"
    path.write_text(f"\\data\\\nngram 1=6\nngram 2=1\n\n\\1-grams:\n{grams}\n\n\\2-grams:\n-0.2\ta |\n\n\\end\\\n")
    return str(path)


def long_blanks(seed: int, frames: int) -> np.ndarray:
    """Random log-probs, where in half of the frames, in runs, the blank is very probable."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(frames, len(UNITS))) * 3
    logits[:, 1:4] = -1e9
    silent = np.repeat(rng.random(frames) < 0.5, rng.integers(1, 5, size=frames))[:frames]
    logits[silent, 0] += rng.uniform(4, 14, size=silent.sum())
    return (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize(
    ("blank", "threshold", "kept"),
    [
        ([0.1, 0.95, 0.99, 0.92, 0.2], 0.9, [0, 3, 4]),  # the least sure one of a run
        ([0.95, 0.99, 0.2, 0.99, 0.99], 0.9, [0, 2, 3]),
        ([0.95, 0.5, 0.95], 0.9, [0, 1, 2]),
        ([0.95, 0.99, 0.99], 0.9, [0]),
        ([0.95, 0.99, 0.99], 1.0, [0, 1, 2]),
        ([0.5, 0.5], 0.9, [0, 1]),
    ],
)
def test_one_frame_is_kept_of_a_run_of_blanks(blank: list[float], threshold: float, kept: list[int]) -> None:
    frames = Frames.collapse(log_probs_of(blank), threshold)
    assert frames.kept.tolist() == kept
    np.testing.assert_array_equal(frames.searched, log_probs_of(blank)[kept])
    skipped = [p for i, p in enumerate(blank) if i not in kept]
    assert frames.skipped_score == pytest.approx(np.log(skipped).sum() if skipped else 0.0, abs=1e-4)


@pytest.mark.parametrize(
    ("path", "expanded"),
    [
        ([5, 0, 5], [5, 0, 0, 0, 5]),  # two letters with blanks between
        ([5, 5, 6], [5, 5, 5, 5, 6]),  # one letter that goes on: blanks inside would make two of it
        ([5, 6, 6], [5, 0, 0, 6, 6]),
        ([0, 0, 0], [0, 0, 0, 0, 0]),
    ],
)
def test_an_alignment_of_kept_frames_becomes_one_of_all(path: list[int], expanded: list[int]) -> None:
    frames = Frames.collapse(log_probs_of([0.1, 0.99, 0.98, 0.95, 0.2]), 0.9)
    assert frames.kept.tolist() == [0, 3, 4]
    assert frames.expand(path) == expanded


def path_score(best: Hypothesis, log_probs: np.ndarray) -> float:
    """The best score of an alignment with these units, by Viterbi.

    The last boundary need not be there, and between words there may be more of them.
    """

    def viterbi(units: list[int]) -> float:
        states = [0, *(state for unit in units for state in (unit, 0))]
        scores = np.full(len(states), -np.inf)
        scores[0] = 0.0
        for row in log_probs.astype(np.float64):
            before = scores.copy()
            scores[1:] = np.maximum(before[1:], before[:-1])
            for i in range(2, len(states)):
                if states[i] and states[i] != states[i - 2]:
                    scores[i] = max(scores[i], before[i - 2])
            between = np.array([i == 0 or (not states[i] and states[i - 1] == 4) for i in range(len(states))])
            scores = scores + np.where(between, max(row[0], row[4]), row[states])
        return float(max(scores[-2:]) if units else scores[-1])

    units = [UNITS.index(unit) for unit in best.units]
    return max(viterbi(units), viterbi(units[:-1])) if units else viterbi(units)


@settings(max_examples=100)
@given(
    seed=st.integers(0, 2**32 - 1), frames=st.integers(1, 40), penalty=st.sampled_from([0.0, 1.5]),
    threshold=st.sampled_from([0.6, 0.9, 0.999]), by_lexicon=st.booleans(),
)  # fmt: skip
def test_scores_and_times_are_those_of_all_frames(
    lexicon: str, letters_lm: str, seed: int, frames: int, penalty: float, threshold: float, by_lexicon: bool
) -> None:
    source = {"lexicon": lexicon} if by_lexicon else {"lm": letters_lm, "lm_weight": 0.0}
    config = DecoderConfig(
        **source, collapse_blank=threshold, blank_penalty=penalty, beam=300, beam_token=7, beam_threshold=1e3
    )  # type: ignore[arg-type]
    log_probs = long_blanks(seed, frames)
    [best] = build_decoder(config, UNITS).decode(log_probs)
    [whole] = build_decoder(DecoderConfig(**{**vars(config), "collapse_blank": 1.0}), UNITS).decode(log_probs)

    assert best.am_score <= whole.am_score + 1e-3
    # it is the score of an alignment of all frames, so no better than the best alignment of these units
    shifted = log_probs.copy()
    shifted[:, 0] -= penalty
    shifted -= np.logaddexp.reduce(shifted, axis=1, keepdims=True)
    assert best.am_score <= path_score(best, shifted) + 1e-3
    assert whole.am_score == pytest.approx(path_score(whole, shifted), abs=1e-3)
    assert all(0 <= start < end <= frames for start, end in zip(best.frames, best.ends, strict=True))
    inner = len(best.units) - 1
    assert all(end <= start for end, start in zip(best.ends[:inner], best.frames[1:inner], strict=False))


@pytest.mark.parametrize("log_add", [False, True])
def test_sure_blanks_change_nothing_but_the_number_of_frames(lexicon: str, log_add: bool) -> None:
    """Where nothing but a blank can be, one frame is as good as many."""
    blank = log_probs_of([1 - 1e-9])
    rng = np.random.default_rng(3)
    pieces = [long_blanks(int(rng.integers(1 << 30)), 6) for _ in range(6)]
    spread = np.concatenate([part for piece in pieces for part in (blank, blank, blank, piece)])
    found = {}
    for threshold in (1.0, 0.999999):
        config = DecoderConfig(
            lexicon=lexicon, collapse_blank=threshold, beam_token=7, log_add=log_add, nbest=3, beam_threshold=200.0
        )
        found[threshold] = build_decoder(config, UNITS).decode(spread)
    assert len(Frames.collapse(spread, 0.999999).kept) == len(spread) - 12
    for one, other in zip(*found.values(), strict=True):
        assert (one.words, one.units, one.frames, one.ends) == (other.words, other.units, other.frames, other.ends)
        assert (one.am_score, one.score) == pytest.approx((other.am_score, other.score), abs=1e-3)
        assert one.confidences == pytest.approx(other.confidences, abs=1e-4)


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), added=st.integers(1, 10), threshold=st.sampled_from([1.0, 0.99]))
@pytest.mark.parametrize("kind", ["greedy", "lexicon", "units"])
def test_silence_after_the_end_changes_no_word(
    lexicon: str, letters_lm: str, kind: str, seed: int, added: int, threshold: float
) -> None:
    source = {"greedy": {}, "lexicon": {"lexicon": lexicon}, "units": {"lm": letters_lm}}[kind]
    decoder = build_decoder(DecoderConfig(**source, collapse_blank=threshold, beam_token=7), UNITS)  # type: ignore[arg-type]
    log_probs = long_blanks(seed, 20)
    [short] = decoder.decode(log_probs)
    [padded] = decoder.decode(np.concatenate([log_probs, log_probs_of([1 - 1e-9] * added)]))
    assert (padded.words, padded.units) == (short.words, short.units)
    assert padded.score == pytest.approx(short.score, abs=1e-3)
    assert padded.frames[:-1] == short.frames[:-1]
