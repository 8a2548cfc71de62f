"""What works on this machine: each component is used for a moment, not merely imported."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from pathlib import Path

import numpy as np

from xlpl_plugin.audio import SAMPLE_RATE

# a handful of sentences is enough to see that an estimator runs
_TEXT = "a b c\na b\nc a b\nb b a c\n" * 3
_REINSTALL = "install again: make venv, or pip install -e ."


class BrokenComponent(Exception):
    """A probe's own words about what is wrong, fit to be shown as they are."""


@dataclass(frozen=True)
class Finding:
    """One component. ``detail`` says what was done with it, or what went wrong; ``remedy`` is empty if it works."""

    name: str
    required: bool
    works: bool
    version: str
    detail: str
    remedy: str


@dataclass(frozen=True)
class Check:
    """How a component is tried: ``probe`` returns what it did and raises whatever goes wrong.

    Attributes:
        module: whose distribution's version is told; empty: the probe's text says all.
    """

    name: str
    probe: Callable[[], str]
    module: str = ""
    required: bool = True
    remedy: str = _REINSTALL


def examine(checks: Iterable[Check] | None = None) -> list[Finding]:
    """Run ``checks`` (by default all of them), each by itself: a failure of one is a finding, not an error."""
    return [_examine(check) for check in (CHECKS if checks is None else checks)]


def healthy(findings: Iterable[Finding]) -> bool:
    """Return whether every required component works."""
    return all(finding.works or not finding.required for finding in findings)


def _examine(check: Check) -> Finding:
    found = _version_of(check.module) if check.module else ""
    try:
        return Finding(check.name, check.required, True, found, check.probe(), "")
    except BrokenComponent as error:
        return Finding(check.name, check.required, False, found, str(error), check.remedy)
    except Exception as error:  # whatever a broken installation raises is the answer that was asked for
        said = str(error).strip().splitlines() or [""]
        return Finding(
            check.name, check.required, False, found, f"{type(error).__name__}: {said[0][-200:]}", check.remedy
        )


@functools.cache
def _distributions() -> dict[str, list[str]]:
    return dict(packages_distributions())


def _version_of(module: str) -> str:
    """By module, not by distribution: several distributions bring a module ``fairseq``."""
    names = _distributions().get(module)
    return version(names[0]) if names else "not installed"


def _python() -> str:
    if not (3, 11) <= sys.version_info[:2] < (3, 13):
        raise BrokenComponent(f"{platform.python_version()} at {sys.executable}")
    return f"{platform.python_version()} at {sys.executable}"


def _torch() -> str:
    import torch

    from xlpl_plugin.models.precision import computes_bf16

    query = torch.randn(1, 1, 4, 8)
    torch.nn.functional.scaled_dot_product_attention(query, query, query)
    bf16 = "computes in" if computes_bf16("cpu") else "emulates"
    return f"attention computed, {torch.get_num_threads()} threads; the CPU {bf16} bfloat16"


def _torchaudio() -> str:
    import torch
    import torchaudio

    torchaudio.compliance.kaldi.fbank(torch.randn(1, 1600), num_mel_bins=80)
    return "log-mel computed"


def _fairseq() -> str:
    """In a process of its own: what --user-dir does depends on nothing being imported before."""
    program = (
        "import argparse, sys; from fairseq import utils, tasks, criterions, models; "
        "utils.import_user_module(argparse.Namespace(user_dir=sys.argv[1])); "
        "assert 'xlpl_asr' in tasks.TASK_REGISTRY, 'task xlpl_asr is not registered'; "
        "assert 'xlpl_ctc' in criterions.CRITERION_REGISTRY, 'criterion xlpl_ctc is not registered'; "
        "assert 'xlpl_transformer_ctc' in models.MODEL_REGISTRY, 'model xlpl_transformer_ctc is not registered'"
    )
    folder = str(Path(__file__).parent)
    child = subprocess.run([sys.executable, "-c", program, folder], capture_output=True, text=True, timeout=300)
    if child.returncode:
        raise BrokenComponent((child.stderr.strip().splitlines() or ["no message"])[-1])
    return "--user-dir registers task, criterion and model"


def _decoder() -> str:
    from xlpl_plugin.data.units import BLANK_INDEX, LETTERS, SPECIAL_SYMBOLS
    from xlpl_plugin.decoding import DecoderConfig, build_decoder

    units = (*SPECIAL_SYMBOLS, *LETTERS)
    path = [units.index("h"), BLANK_INDEX, units.index("i"), units.index("|")]
    log_probs = np.full((len(path), len(units)), np.log(0.01 / (len(units) - 1)), dtype=np.float32)
    log_probs[np.arange(len(path)), path] = np.log(0.99)
    with tempfile.TemporaryDirectory() as folder:
        lexicon, lm = Path(folder, "lexicon.tsv"), Path(folder, "lm.arpa")
        lexicon.write_text("hi\th i |\nho\th o |\n", encoding="utf-8")
        lm.write_text(_arpa("hi", "ho"), encoding="utf-8")
        with _silent_library():
            decoder = build_decoder(DecoderConfig(lexicon=str(lexicon), lm=str(lm), beam=10), units)
        best = decoder.decode(log_probs)[0]
    if best.words != ("hi",):
        raise BrokenComponent(f"decoded {best.words} instead of ('hi',)")
    return "beam search with lexicon and LM found a word"


@contextlib.contextmanager
def _silent_library() -> Iterator[None]:
    """Keep C++ code, which knows nothing of sys.stderr, from drawing progress bars between our lines."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _arpa(*words: str) -> str:
    unigrams = "".join(f"-0.5\t{word}\t-0.1\n" for word in ("<unk>", "<s>", "</s>", *words))
    return (
        f"\\data\\\nngram 1={len(words) + 3}\nngram 2=1\n\n\\1-grams:\n{unigrams}\n"
        f"\\2-grams:\n-0.2\t<s> {words[0]}\n\n\\end\\\n"
    )


def _kenlm() -> str:
    from xlpl_plugin.text.perplexity import load_lm

    with tempfile.TemporaryDirectory() as folder:
        arpa = Path(folder, "lm.arpa")
        arpa.write_text(_arpa("hi"), encoding="utf-8")
        score = load_lm(arpa).score("hi")
    if not np.isfinite(score) or score >= 0:
        raise BrokenComponent(f"log10 probability {score}")
    return "read an ARPA file and scored a sentence"


def _lmplz() -> str:
    from xlpl_plugin.text.kenlm_tools import build_binary, estimate_with_lmplz, find_tool

    lmplz, binarise = find_tool("lmplz"), find_tool("build_binary")
    if lmplz is None or binarise is None:
        raise BrokenComponent("not on the PATH, nor in $XLPL_KENLM_BIN, nor beside this Python")
    with tempfile.TemporaryDirectory() as folder:
        text, arpa = Path(folder, "text"), Path(folder, "lm.arpa")
        text.write_text(_TEXT, encoding="utf-8")
        estimate_with_lmplz(lmplz, text, arpa, order=2, prune=(), vocabulary=None, memory="100M")
        build_binary(binarise, arpa, Path(folder, "lm.bin"), "trie")
    return f"built a model with {lmplz}"


def _kaldingram() -> str:
    from xlpl_plugin.text.kneser_ney import estimate_with_kaldingram

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):  # progress bars
        text, arpa = Path(folder, "text"), Path(folder, "lm.arpa")
        text.write_text(_TEXT, encoding="utf-8")
        estimate_with_kaldingram(text, arpa, order=2, prune=(), vocabulary=None)
        if "\\2-grams:" not in arpa.read_text(encoding="utf-8"):
            raise BrokenComponent("wrote no bigrams")
    return "built a model (used where lmplz is missing)"


def _sentencepiece() -> str:
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["hello world", "hello there"]),
        model_writer=model,
        vocab_size=20,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    return f"trained {processor.get_piece_size()} pieces"


def _uroman() -> str:
    from xlpl_plugin.text.spelling.speller import make_speller

    return "мир is spelt " + "".join(make_speller("uroman").spell("мир")[0]).rstrip("|")


def _codec(suffix: str) -> Callable[[], str]:
    """Return a probe that writes half a second of a tone as ``suffix`` and reads it back."""

    def probe() -> str:
        from xlpl_plugin.audio.reading import read_audio

        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / SAMPLE_RATE).astype(np.float32)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, f"tone.{suffix}")
            _encode(tone, file)
            read = read_audio(file)
        level = float(np.sqrt(np.mean(np.square(read))))
        if abs(len(read) - len(tone)) > 2400 or not 0.2 < level < 0.5:
            raise BrokenComponent(f"{len(tone)} samples of a tone came back as {len(read)} at level {level:.2f}")
        return "encoded and decoded half a second"

    return probe


def _encode(tone: np.ndarray, file: Path) -> None:
    if file.suffix != ".g722":
        import soundfile

        soundfile.write(file, tone, SAMPLE_RATE)
        return
    import av

    with av.open(str(file), "w", format="g722") as container:
        stream = container.add_stream("g722", rate=SAMPLE_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray((tone * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _espeak() -> str:
    from xlpl_plugin.audio.espeak import Voice, speak

    samples = speak("hello", Voice("en"))
    if len(samples) < 1600:
        raise BrokenComponent(f"spoke only {len(samples)} samples")
    return f"spoke {len(samples) / SAMPLE_RATE:.1f} s"


def _debian_tools() -> str:
    missing = [tool for tool in ("apt-get", "dpkg-deb") if shutil.which(tool) is None]
    if missing:
        raise BrokenComponent(f"no {' and no '.join(missing)} on the PATH")
    return "apt-get and dpkg-deb fetch the Asterisk prompts without root"


def _gpu() -> str:
    import torch

    from xlpl_plugin.models.precision import computes_bf16

    if not torch.cuda.is_available():
        raise BrokenComponent("no CUDA device; training and labelling run on the CPU")
    if not torch.ones(2, 2, device="cuda").sum().item() == 4.0:
        raise BrokenComponent("the device computes nonsense")
    free, memory = (amount / 2**30 for amount in torch.cuda.mem_get_info())
    bf16 = "bfloat16" if computes_bf16("cuda") else "no bfloat16 (use float16)"
    found = f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    return f"{found}, {memory:.0f} GiB, {free:.0f} of them free, {bf16}, CUDA {torch.version.cuda}"


def _importable(module: str, said: str) -> Callable[[], str]:
    def probe() -> str:
        importlib.import_module(module)
        return said

    return probe


_SNDFILE = "install again: pip install --force-reinstall soundfile"
CHECKS: tuple[Check, ...] = (
    Check("python", _python, remedy="use Python 3.11 or 3.12: make venv PYTHON=python3.11"),
    Check("torch", _torch, "torch"),
    Check("torchaudio", _torchaudio, "torchaudio", remedy="install the pair that setup.py pins, both from one index"),
    Check("fairseq and plugin", _fairseq, "fairseq"),
    Check("decoder bindings", _decoder, "flashlight"),
    Check("kenlm reader", _kenlm, "kenlm", remedy="needs a C++ compiler and Python.h; then: pip install kenlm"),
    Check(
        "lmplz, build_binary", _lmplz, required=False, remedy="run scripts/build_kenlm.sh; until then kaldingram serves"
    ),
    Check("kaldingram", _kaldingram, "kaldingram", required=False),
    Check("sentencepiece", _sentencepiece, "sentencepiece"),
    Check("uroman", _uroman, "uroman"),
    Check("jiwer", _importable("jiwer", "imported"), "jiwer"),
    Check("audio: wav", _codec("wav"), "soundfile", remedy=_SNDFILE),
    Check("audio: flac", _codec("flac"), "soundfile", remedy=_SNDFILE),
    Check("audio: ogg", _codec("ogg"), "soundfile", remedy=_SNDFILE),
    Check("audio: mp3", _codec("mp3"), "soundfile", remedy=_SNDFILE),
    Check("audio: g722", _codec("g722"), "av", remedy="install again: pip install --force-reinstall av"),
    Check(
        "espeak-ng", _espeak, "espeakng_loader", required=False, remedy="made speech only: pip install espeakng-loader"
    ),
    Check("Debian packages", _debian_tools, required=False, remedy="pass the files: xlpl prepare asterisk --from"),
    Check("GPU", _gpu, required=False, remedy="if there is one: check that its driver serves the CUDA of torch"),
)
