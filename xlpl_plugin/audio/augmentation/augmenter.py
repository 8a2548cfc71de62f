"""All effects in the order in which sound meets them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xlpl_plugin.audio.augmentation.augmentation_options import AugmentationOptions
from xlpl_plugin.audio.augmentation.background import OtherSpeech, babble, hum, steady_noise
from xlpl_plugin.audio.augmentation.lines import clip, compress, microphone, telephone
from xlpl_plugin.audio.augmentation.rooms import impulse_response, reverberate
from xlpl_plugin.audio.noise import mix
from xlpl_plugin.audio.reading import Waveform
from xlpl_plugin.schema import check_options

# a key that ends in 0 would draw what the key without it draws
_END_OF_KEY = 1


class Augmenter:
    """Changes training audio. What it does to an utterance depends on the key alone, such as seed, epoch and row."""

    def __init__(self, options: AugmentationOptions) -> None:
        """Raise ``XlplError`` for an option out of range."""
        check_options(options, "task")
        self._options = options
        self._effects = (
            (options.aug_babble, self._babble),
            (options.aug_room, self._room),
            (options.aug_noise, self._noise),
            (options.aug_hum, self._hum),
            (options.aug_microphone, self._microphone),
            (options.aug_clip, lambda samples, rng, _: clip(samples, rng)),
            (options.aug_phone, lambda samples, rng, _: telephone(samples, rng)),
            (options.aug_compress, lambda samples, rng, _: compress(samples, rng)),
        )

    def __call__(self, samples: Waveform, key: Sequence[int], other: OtherSpeech | None) -> Waveform:
        """Return (T,) samples as another room, microphone and line would have given them.

        Args:
            samples: (T,) float32.
            key: not negative.
            other: draws another utterance, for babble; None where there is none.
        """
        for number, (share, effect) in enumerate(self._effects):
            # a generator for each: another share of one effect leaves the others as they are
            rng = np.random.default_rng((*key, number, _END_OF_KEY))
            if rng.random() < share:
                samples = effect(samples, rng, other)
        return samples

    def _babble(self, samples: Waveform, rng: np.random.Generator, other: OtherSpeech | None) -> Waveform:
        if other is None:
            return samples
        return mix(samples, babble(samples.size, other, rng), _between(self._options.aug_babble_snr, rng))

    def _room(self, samples: Waveform, rng: np.random.Generator, _: object) -> Waveform:
        rt60, direct = _between(self._options.aug_room_rt60, rng), _between(self._options.aug_room_direct, rng)
        return reverberate(samples, impulse_response(rt60, direct, rng))

    def _noise(self, samples: Waveform, rng: np.random.Generator, _: object) -> Waveform:
        return mix(samples, steady_noise(samples.size, rng), _between(self._options.aug_noise_snr, rng))

    def _hum(self, samples: Waveform, rng: np.random.Generator, _: object) -> Waveform:
        return mix(samples, hum(samples.size, rng), _between(self._options.aug_hum_snr, rng))

    def _microphone(self, samples: Waveform, rng: np.random.Generator, _: object) -> Waveform:
        return microphone(samples, self._options.aug_microphone_gain, rng)


def _between(ends: Sequence[float], rng: np.random.Generator) -> float:
    lowest, highest = ends
    return rng.uniform(lowest, highest)
