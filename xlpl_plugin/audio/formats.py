"""Which files are recordings, by their names."""

from __future__ import annotations

from pathlib import Path

# what people keep speech in and one of the two decoders reads; other names are read too where they are given
_SUFFIXES = """
    .wav .wave .w64 .rf64 .bwf .aif .aiff .aifc .au .snd .caf .sph .nist .voc .flac .ogg .oga .opus .spx .ogv
    .mp3 .mp2 .mpga .aac .adts .m4a .m4b .m4r .mp4 .mov .3gp .3g2 .mka .mkv .webm .avi .wma .asf .wmv
    .amr .awb .ac3 .eac3 .wv .ape .tta .tak .g722 .gsm .dss
"""
AUDIO_SUFFIXES = frozenset(_SUFFIXES.split())
# raw codec frames without a header: FFmpeg is told what they are (G.722 is 16 kHz mono, GSM 8 kHz mono)
RAW_FORMS = {".g722": "g722", ".gsm": "gsm"}
# forms that FFmpeg may take a file for: its others are pictures, subtitles, playlists that name other files, games
_FORMS = """
    aac ac3 aiff amr amrnb amrwb ape asf au avi caf dss eac3 flac flv g722 gsm ircam loas
    matroska,webm matroska webm mov mov,mp4,m4a,3gp,3g2,mj2 mp3 mp4 mpeg mpegts nistsphere ogg pvf rm sox tak tta
    voc w64 wav wv
"""
FFMPEG_FORMS = ",".join(_FORMS.split())


def is_recording(path: str | Path) -> bool:
    """Say whether a file's name is that of a recording; hidden files are none, such as macOS's ``._clip.mp3``."""
    path = Path(path)
    return not path.name.startswith(".") and path.suffix.lower() in AUDIO_SUFFIXES
