"""The signals of all rounds as a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xlpl_plugin.monitoring.signals import Signals
from xlpl_plugin.stage import Stage
from xlpl_plugin.text_table import render

# key of weights or signals -> title and form; shares are shown in per cent
_WEIGHTS = {
    "lm_weight": ("LM weight", "{:.2f}"),
    "word_score": ("word score", "{:.2f}"),
    "blank_penalty": ("blank penalty", "{:.2f}"),
    "beam": ("beam", "{}"),
}
_SIGNALS = {
    "label_free": ("label-free", "{:.3f}"),
    "held_out": ("label-free, held out", "{:.3f}"),
    "change": ("changed %", "{:.1%}"),
    "evidence": ("evidence", "{:.3f}"),
    "agreement": ("agreement %", "{:.1%}"),
    "confidence": ("confidence", "{:.3f}"),
    "lm_perplexity": ("perplexity", "{:.1f}"),
    "letters_per_second": ("letters/s", "{:.1f}"),
    "greedy_letters_per_second": ("greedy letters/s", "{:.1f}"),
    "length_ratio": ("length ratio", "{:.2f}"),
    "blank_share": ("blank %", "{:.1%}"),
    "empty_share": ("empty %", "{:.1%}"),
    "kept_share": ("kept %", "{:.1%}"),
    "vocabulary": ("vocabulary", "{}"),
    "top_word_share": ("top word %", "{:.1%}"),
    "nonword_share": ("greedy non-words %", "{:.1%}"),
    "histogram_distance": ("from text", "{:.3f}"),
    "greedy_histogram_distance": ("greedy from text", "{:.3f}"),
    "source_distance": ("greedy from source", "{:.3f}"),
    "train_loss": ("train loss", "{:.2f}"),
    "valid_loss": ("valid loss", "{:.2f}"),
    "valid_uer": ("valid UER %", "{:.1%}"),
}


def signal_table(history: Sequence[Signals], weights: Sequence[Mapping[str, Any]], last: str = "") -> str:
    """Draw one column a round and one row a signal; what no round knows has no row.

    Args:
        history: signals of the rounds, round 0 first.
        weights: the decoder's of each of them: lm_weight, word_score, blank_penalty and beam, if known.
        last: title of the last column, where that is no round.
    """
    titles = [str(Stage.round(number)) for number in range(len(history))]
    titles[-1] = last or titles[-1]
    rounds = [{**chosen, **vars(signals)} for chosen, signals in zip(weights, history, strict=True)]
    rows = [
        {"": name, **{column: _cell(told.get(key), form) for column, told in zip(titles, rounds, strict=True)}}
        for key, (name, form) in {**_WEIGHTS, **_SIGNALS}.items()
        if any(told.get(key) is not None for told in rounds)
    ]
    return render(rows)


def _cell(value: Any, form: str) -> str:
    return "" if value is None else form.format(value).removesuffix("%")
