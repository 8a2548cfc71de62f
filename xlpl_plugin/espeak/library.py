"""libespeak-ng, which the pip package ``espeakng-loader`` ships with its data: sound and phonemes of a text.

One library a process: it keeps its state in globals.
"""

from __future__ import annotations

import ctypes
import functools

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

from xlpl_plugin.errors import XlplError

_SYNCHRONOUS = 2
_CHARS_UTF8 = 1
_IPA = 2
_SAMPLES = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
# espeak-ng's codes where they differ from ours; its `es` is Spain's, with a sound that most speakers do not have
_CODES = {"en": "en-us", "es": "es-419", "nn": "nb", "pt": "pt-br", "zh": "cmn"}


def espeak_code(language: str) -> str:
    """Return espeak-ng's code of a language; script and territory (``pt_BR``) are left aside."""
    plain = language.partition("_")[0]
    return _CODES.get(plain, plain)


class Espeak:
    """The library in synchronous mode; get it from ``espeak()``."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self.sample_rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
        if self.sample_rate <= 0:
            raise XlplError("libespeak-ng does not start", remedy="pip install --force-reinstall espeakng-loader")
        self._voice = ""
        self._blocks: list[NDArray[np.int16]] = []
        self._callback = _SAMPLES(self._collect)  # kept: C holds only a pointer to it
        self._library.espeak_SetSynthCallback(self._callback)

    def choose_voice(self, name: str) -> None:
        """Speak and read in a voice from now on: a language's code, as ``it``, or with a variant, as ``it+m3``.

        Raises:
            XlplError: the library has no such voice.
        """
        if name == self._voice:
            return
        if self._library.espeak_SetVoiceByName(name.encode()) != 0:
            raise XlplError(
                f"espeak-ng has no voice {name!r}", expected="a language code such as 'es', or with a variant: 'es+m3'"
            )
        self._voice = name

    def set_parameter(self, parameter: int, value: int) -> None:
        """Set one of espeak_PARAMETER, such as 1, words a minute."""
        self._library.espeak_SetParameter(parameter, value, 0)

    def speak(self, text: str) -> NDArray[np.int16]:
        """Return (T,) samples at ``sample_rate``."""
        self._blocks.clear()
        encoded = text.encode("utf-8")
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 0, 0, _CHARS_UTF8, None, None)
        return np.concatenate(self._blocks) if self._blocks else np.zeros(0, dtype=np.int16)

    def phonemes(self, text: str) -> str:
        """Return a text in the International Phonetic Alphabet, with stress marks.

        Where the library reads in another language, that one's code stands in brackets.
        """
        rest, parts = ctypes.c_char_p(text.encode("utf-8")), []
        while rest.value is not None:
            parts.append(self._library.espeak_TextToPhonemes(ctypes.byref(rest), _CHARS_UTF8, _IPA).decode("utf-8"))
        return " ".join(parts)

    def _collect(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _events: object) -> int:
        if samples and count > 0:
            self._blocks.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        return 0


@functools.cache
def espeak() -> Espeak:
    """Return the process's library."""
    return Espeak()
