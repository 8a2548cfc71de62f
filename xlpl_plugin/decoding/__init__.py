"""Log-probs to words: greedy, or beam search by lexicon and n-gram LM, alone or in worker processes."""

from __future__ import annotations

from collections.abc import Sequence

from xlpl_plugin.decoding.greedy import GreedyDecoder
from xlpl_plugin.decoding.hypothesis import Decoder, Hypothesis, LogProbs
from xlpl_plugin.decoding.options import DecoderConfig, Weights

__all__ = ["Decoder", "DecoderConfig", "Hypothesis", "LogProbs", "Weights", "build_decoder"]


def build_decoder(config: DecoderConfig, units: Sequence[str]) -> Decoder:
    """Build the decoder that ``config`` asks for, over an acoustic model's ``units`` (blank first).

    Decoders hold C++ objects: they do not pickle, and decoding holds the GIL. Use ``DecoderPool`` for many cores.

    Raises:
        XlplError: options that do not fit together, a lexicon with units that the model lacks, a broken LM file.
    """
    config.check()
    if not config.lexicon:
        return GreedyDecoder(units, config.blank_penalty)
    from xlpl_plugin.decoding.beam import BeamDecoder, build_search_space  # greedy decoding needs no flashlight
    from xlpl_plugin.text.lexicon import read_lexicon

    lexicon = read_lexicon(config.lexicon, units)
    return BeamDecoder(config, units, build_search_space(lexicon.entries(), units, config.lm))
