"""The best of the hypotheses that a decoder returned: what a perfect choice among them would reach."""

from __future__ import annotations

from dataclasses import replace

from rapidfuzz.distance import Levenshtein

from xlpl_plugin.evaluation.texts import References, System


def nbest_oracle(system: System, references: References) -> System:
    """Return ``system`` with, for each utterance, the hypothesis that has the fewest word edits to its reference.

    It looks at the references, so it is no result; its name says so.
    """
    truth = {key: text.split() for key, text in references.text(system.script).items()}

    def best(key: str, text: str) -> str:
        choices = (text, *system.alternatives.get(key, ()))
        return min(choices, key=lambda choice: Levenshtein.distance(choice.split(), truth.get(key, [])))

    texts = {key: best(key, text) for key, text in system.texts.items()}
    return replace(system, name=f"{system.name} n-best oracle", texts=texts, confidences={}, alternatives={})
