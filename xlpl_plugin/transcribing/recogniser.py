"""A trained model with its decoder: recordings in, transcripts out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Self, overload

import numpy as np

from xlpl_plugin.decoding import Decoder, DecoderConfig, build_decoder
from xlpl_plugin.decoding.pool import Decoded, DecoderPool, Task
from xlpl_plugin.emissions.forward import ModelEmissions
from xlpl_plugin.emissions.source import Emission
from xlpl_plugin.errors import XlplError
from xlpl_plugin.labelling.records import LabelRecord, make_record
from xlpl_plugin.transcribing.opening import Parts, find_parts
from xlpl_plugin.transcribing.recordings import Audio
from xlpl_plugin.transcribing.transcript import Transcript
from xlpl_plugin.transcribing.under_way import Feed


def load_recogniser(
    path: str | Path, *, device: str = "auto", workers: int = 1, nbest: int | None = None
) -> Recogniser:
    """Load what recognises speech.

    Args:
        path: a run of ``xlpl iterate``, of which the best model is taken, with its lexicon, LM and weights; a bundle of
            ``xlpl bundle``; or a checkpoint, which is decoded greedily.
        device: auto (a GPU where there is one), cpu, cuda, cuda:1.
        workers: decoding processes; with 1 this process decodes.
        nbest: readings of a piece, the best one counted; None: as many as the run's labels have.

    Raises:
        XlplError: neither a run, a bundle nor a checkpoint, a damaged bundle, a run without a result, a model, lexicon
            or LM that is broken or gone, a device that is not there.
    """
    parts = find_parts(path)
    if nbest is not None:
        parts = replace(parts, decoder=replace(parts.decoder, nbest=nbest))
    return Recogniser(parts, device=device, workers=workers)


class Recogniser:
    """Turns recordings into transcripts; make it with ``load_recogniser``.

    Worker processes, where there are any, end with the ``with`` block, with ``close``, or with this process.
    """

    def __init__(self, parts: Parts, *, device: str = "auto", workers: int = 1) -> None:
        self.parts = parts
        self._source = ModelEmissions(parts.am, device=device)
        self._decoders = _Decoders(parts.decoder, self._source.units, workers)

    @overload
    def transcribe(self, audio: Audio) -> Transcript: ...  # type: ignore[overload-overlap]  # a str is one path
    @overload
    def transcribe(self, audio: Sequence[Audio]) -> list[Transcript]: ...
    def transcribe(self, audio: Audio | Sequence[Audio]) -> Transcript | list[Transcript]:
        """Return what is said in one recording, or in each of several.

        Args:
            audio: a path, or (T,) float32 samples at 16 kHz, full scale = 1; or a sequence of these. Up to 30 seconds
                are taken whole, longer ones are cut where they hold speech.

        Raises:
            XlplError: a recording cannot be read, or not be recognised to its end. ``stream`` goes on instead.
        """
        if isinstance(audio, str | Path | np.ndarray):
            [transcript] = self.stream([audio])
            return _whole(transcript)
        return [_whole(transcript) for transcript in self.stream(audio)]

    def stream(self, audio: Iterable[Audio]) -> Iterator[Transcript]:
        """Yield a transcript for each recording, in their order; the next ones are read and computed meanwhile.

        A recording that cannot be read has an empty transcript, whose ``error`` says why.
        """
        feed = Feed(audio)
        try:
            with closing(self._source.stream_shards(Path(), feed.shards(), read=feed.read)) as emissions:
                for record in _records(emissions, self._decoders):
                    feed.add(record)
                    yield from feed.finished()
            yield from feed.finished()
        finally:
            feed.close()

    def close(self) -> None:
        """End the worker processes."""
        self._decoders.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Decoders:
    """One decoder in this process, or several in processes of their own."""

    def __init__(self, config: DecoderConfig, units: Sequence[str], workers: int) -> None:
        self._new = lambda: DecoderPool(config, units, workers).__enter__()
        self._decoder: Decoder | None = build_decoder(config, units) if workers == 1 else None
        self._pool: DecoderPool | None = None if self._decoder else self._new()

    def decode(self, tasks: Iterable[Task]) -> Iterator[Decoded]:
        """Yield what was decoded, in no particular order."""
        if self._decoder:
            for task in tasks:
                yield Decoded(task.id, self._decoder.decode(task.log_probs))
            return
        self._pool = self._pool or self._new()
        whole = False
        try:
            yield from self._pool.decode(tasks)
            whole = True
        finally:
            if not whole:  # a pool that was left early cannot be used again
                self.close()

    def close(self) -> None:
        if self._pool:
            self._pool.__exit__(None, None, None)
        self._pool = None


def _records(emissions: Iterable[Emission], decoders: _Decoders) -> Iterator[LabelRecord]:
    """Decode pieces, each of which is one window; yield a record for each, in any order."""
    under_way: dict[str, Emission] = {}
    mute: list[Emission] = []

    def tasks() -> Iterator[Task]:
        for emission in emissions:
            if len(emission.log_probs):
                under_way[emission.utterance.id] = emission
                yield Task(emission.utterance.id, emission.log_probs)
            else:
                mute.append(emission)

    for decoded in decoders.decode(tasks()):
        yield _record(under_way.pop(decoded.id), decoded)
        while mute:
            yield _record(mute.pop(), None)
    yield from (_record(emission, None) for emission in mute)


def _record(emission: Emission, decoded: Decoded | None) -> LabelRecord:
    hypotheses = decoded.hypotheses if decoded else []
    return make_record(
        emission.utterance.id,
        emission.utterance.seconds,
        len(emission.log_probs),
        hypotheses[0] if hypotheses else None,
        None,
        windows=emission.windows,
        alternatives=hypotheses[1:],
        error=emission.error,
    )


def _whole(transcript: Transcript) -> Transcript:
    if transcript.error:
        raise XlplError(f"not transcribed: {transcript.error}" if transcript.utterances else transcript.error)
    return transcript
