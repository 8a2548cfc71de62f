"""What ``fairseq-generate`` calls in place of its sequence generator: CTC decoding of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from fairseq.data import Dictionary

from xlpl_plugin.decoding import DecoderConfig, Hypothesis, LogProbs, build_decoder
from xlpl_plugin.decoding.hypothesis import NOTHING
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import new_output
from xlpl_plugin.models.outputs import log_probs_and_frames


class CtcGenerator:
    """Decodes each utterance from its own frames, greedily or with lexicon and LM.

    fairseq prints the units of a hypothesis (``--post-process letter`` joins them to words, in the Latin
    spelling of the units) and has no place for the lexicon's words in their own script: these go to a file.
    """

    def __init__(self, config: DecoderConfig, dictionary: Dictionary, words_file: str = "") -> None:
        """``words_file`` receives a line ``utterance id<TAB>words`` for each best hypothesis; empty: no file.

        Raises:
            XlplError: as ``build_decoder``, or ``words_file`` exists.
        """
        self.units = tuple(dictionary.symbols)
        self.index = {unit: index for index, unit in enumerate(self.units)}
        self.eos = dictionary.eos()
        self.words_file = new_output(words_file) if words_file else None
        self.decoder = build_decoder(config, self.units)

    def generate(
        self, models: Sequence[Any], sample: dict[str, Any], prefix_tokens: Any = None, constraints: Any = None
    ) -> list[list[dict[str, Any]]]:
        """Return for each utterance its hypotheses, best first.

        Raises:
            XlplError: several models, a prefix or constraints, none of which CTC decoding can use.
        """
        if len(models) != 1 or prefix_tokens is not None or constraints is not None:
            raise XlplError(
                "fairseq-generate was asked for an ensemble, --prefix-size or --constraints",
                expected="one model, decoded freely",
                remedy="average checkpoints instead of combining their outputs",
            )
        log_probs, frames = log_probs_and_frames(models[0], sample["net_input"])
        emissions = [log_probs[:count, i].cpu().numpy() for i, count in enumerate(frames.tolist())]
        decoded = [self.decoder.decode(own) if len(own) else [NOTHING] for own in emissions]
        if self.words_file:
            with self.words_file.open("a", encoding="utf-8") as stream:
                for name, hypotheses in zip(sample["names"], decoded, strict=True):
                    stream.write(f"{name}\t{' '.join(hypotheses[0].words)}\n")
        return [
            [self._for_fairseq(hypothesis, own) for hypothesis in hypotheses]
            for hypotheses, own in zip(decoded, emissions, strict=True)
        ]

    def _for_fairseq(self, hypothesis: Hypothesis, log_probs: LogProbs) -> dict[str, Any]:
        """``positional_scores`` are the log-probabilities of the units in the frames where they begin."""
        tokens = [self.index[unit] for unit in hypothesis.units]
        scores = [float(log_probs[frame, token]) for frame, token in zip(hypothesis.frames, tokens, strict=True)]
        return {
            "tokens": torch.tensor(tokens, dtype=torch.long),
            "score": hypothesis.score,
            "positional_scores": torch.tensor(scores),
            "alignment": None,
            "attention": None,
        }
