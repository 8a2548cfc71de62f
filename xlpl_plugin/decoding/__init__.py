"""Log-probs to words: greedy, or beam search by n-gram LM, with or without a lexicon, alone or in worker processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from xlpl_plugin.decoding.greedy import GreedyDecoder
from xlpl_plugin.decoding.hypothesis import Decoder, Hypothesis, LogProbs
from xlpl_plugin.decoding.options import DecoderConfig, Weights
from xlpl_plugin.schema import check_options

__all__ = ["Decoder", "DecoderConfig", "Hypothesis", "LogProbs", "Weights", "build_decoder"]


def build_decoder(config: DecoderConfig, units: Sequence[str]) -> Decoder:
    """Build the decoder that ``config`` asks for, over an acoustic model's ``units`` (blank first).

    A lexicon in other units is respelled (``text.spelling.respelling``); words that these units cannot write are
    ``dropped``. Decoders hold C++ objects: they do not pickle, and decoding holds the GIL. Use ``DecoderPool`` for many
    cores.

    Raises:
        XlplError: options that do not fit together, a lexicon of which the units can write less than half, a
            broken LM file.
    """
    check_options(config, "decoder")
    # greedy decoding needs no flashlight
    if config.lexicon:
        from xlpl_plugin.decoding.beam import BeamDecoder
        from xlpl_plugin.decoding.trie import build_search_space
        from xlpl_plugin.text.spelling.respelling import read_fitted

        lexicon = read_fitted(config.lexicon, units).lexicon
        space = build_search_space(lexicon.entries(), units, config.lm)
        return BeamDecoder(config, units, replace(space, dropped=(*lexicon.unspelled, *space.dropped)))
    if config.lm:
        from xlpl_plugin.decoding.characters import CharacterDecoder, load_units_lm

        return CharacterDecoder(config, units, load_units_lm(config.lm, units))
    return GreedyDecoder(units, config.blank_penalty)
