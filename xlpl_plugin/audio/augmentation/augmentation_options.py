"""How often and how strongly training audio is changed. The task ``xlpl_asr`` takes its ``aug_*`` options from here."""

# no annotations of the future: fairseq asks a field for its type, and of lists it knows typing's List alone
from dataclasses import dataclass
from typing import List  # noqa: UP035

from xlpl_plugin.schema import option


@dataclass
class AugmentationOptions:
    """For each effect the share of the utterances that have it, drawn anew in each epoch; and its range."""

    aug_room: float = option(0.0, "share of training utterances that are heard in a room", least=0, most=1)
    aug_room_rt60: List[float] = option(  # noqa: UP006
        [0.1, 0.7], "seconds in which a room's sound falls by 60 dB, [lowest, highest]", above=0, most=3, interval=True
    )
    aug_room_direct: List[float] = option(  # noqa: UP006
        [0.0, 15.0], "direct to reverberant sound in dB, [lowest, highest]", least=-20, most=60, interval=True
    )
    aug_noise: float = option(0.0, "share with steady noise of a random colour", least=0, most=1)
    aug_noise_snr: List[float] = option(  # noqa: UP006
        [5.0, 30.0], "speech to noise in dB, [lowest, highest]", least=-20, most=60, interval=True
    )
    aug_babble: float = option(0.0, "share with other training utterances behind them", least=0, most=1)
    aug_babble_snr: List[float] = option(  # noqa: UP006
        [10.0, 30.0], "speech to babble in dB, [lowest, highest]", least=-20, most=60, interval=True
    )
    aug_hum: float = option(0.0, "share with the hum of 50 or 60 Hz mains", least=0, most=1)
    aug_hum_snr: List[float] = option(  # noqa: UP006
        [15.0, 40.0], "speech to hum in dB, [lowest, highest]", least=-20, most=60, interval=True
    )
    aug_microphone: float = option(0.0, "share with the frequency response of another microphone", least=0, most=1)
    aug_microphone_gain: float = option(
        8.0, "largest gain or loss of such a response in an octave, in dB", least=0, most=40
    )
    aug_clip: float = option(0.0, "share that is cut off at 0.1 to 0.7 of its peak", least=0, most=1)
    aug_phone: float = option(
        0.0, "share that comes over a telephone: 8 kHz, G.711, GSM 06.10 or ADPCM", least=0, most=1
    )
    aug_compress: float = option(0.0, "share that was a Vorbis or MP3 file of 25 to 34 kbit/s", least=0, most=1)

    @property
    def augments(self) -> bool:
        """Whether anything is changed at all."""
        shares = (self.aug_room, self.aug_noise, self.aug_babble, self.aug_hum)
        return any((*shares, self.aug_microphone, self.aug_clip, self.aug_phone, self.aug_compress))
