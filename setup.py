"""Distribution of xlpl. Every dependency and its tested range stands here and nowhere else."""

from pathlib import Path

from setuptools import find_namespace_packages, setup

REQUIRES = [
    # training; the module is `fairseq`, this fork of it imports on Python 3.11 and later
    "ve-fairseq==0.12.3",
    "torch==2.11.*",
    # 2.11.1 asks for symbols that torch 2.11 has not
    "torchaudio==2.11.0",
    "numpy>=2.1,<3",
    "hydra-core>=1.3.2,<1.4",
    "omegaconf>=2.3,<2.4",
    # fairseq imports these two and does not declare them
    "tensorboardX>=2.6,<3",
    "editdistance>=0.8,<0.9",
    # launcher.kind=slurm
    "hydra-submitit-launcher>=1.2,<2",
    # labelling.executor=slurm
    "submitit>=1.5.4,<2",
    # decoding and language models
    "flashlight-text==0.0.7",
    "kenlm>=0.3,<0.4",
    "kaldingram>=0.1.2,<0.2",
    # text
    "sentencepiece>=0.2,<0.3",
    "Unidecode>=1.3.8,<2",
    "uroman>=1.3,<2",
    "num2words>=0.5.14,<0.6",
    # CLDR: words of numbers, currencies and units, and where words end in scripts without spaces
    "icu4py>=1.2,<2",
    "babel>=2.17,<3",
    # codes and names of languages, and their scripts
    "langcodes>=3.5,<4",
    "language-data>=1.4,<2",
    # the language of a sentence; the model is in the wheel
    "py3langid>=0.4,<0.5",
    # Unicode's script of a letter
    "fonttools>=4.60,<5",
    "PyYAML>=6,<7",
    # files of results read back with the types of their dataclasses checked
    "msgspec>=0.19,<1",
    "lxml>=5.3,<7",
    "markdown-it-py>=3,<5",
    # audio; av decodes what soundfile does not (G.722, AAC, ...)
    "soundfile>=0.13,<0.15",
    "soxr>=0.5,<2",
    # rooms and filters of augmented training audio; scikit-learn brings it as well
    "scipy>=1.14,<2",
    "av>=14,<19",
    # weights in bundles and in models of transformers: a form that holds nothing to execute
    "safetensors>=0.5,<1",
    # where a long recording holds speech; the wheel has the model
    "silero-vad>=6.2,<7",
    "espeakng-loader>=0.2.4,<0.3",
    "wordfreq>=3.1,<4",
    # evaluation and the command line
    "jiwer>=4,<5",
    "rapidfuzz>=3.9,<4",
    # ve-fairseq asks for it as well
    "scikit-learn>=1.5,<2",
    "click>=8.1.8,<9",
    "tqdm>=4.66,<5",
    "rich>=13.9,<16",
    "matplotlib>=3.9,<4",
    "jinja2>=3.1.4,<4",
]

DEV = [
    "pytest>=8.3,<10",
    "pytest-xdist>=3.6,<4",
    "filelock>=3.13,<4",
    "hypothesis>=6.120,<7",
    # writes the documents that the tests read
    "python-docx>=1.2,<2",
    # opens the page of `xlpl pick` in the Chromium that is there; it brings none of its own
    "playwright>=1.50,<2",
    "ruff>=0.17,<0.18",
    "mypy>=2.4,<3",
    "types-PyYAML",
    "types-tqdm",
    # the test of a wheel builds one without downloading them
    "setuptools>=77,<82",
    "wheel>=0.45",
]

# what a reader of one form alone needs; an error about that form names the extra
EXTRAS = {
    # PDF (cryptography for encrypted ones), subtitles, MediaWiki dumps as text
    "documents": ["pypdf>=6,<8", "cryptography>=44", "pysubs2>=1.8,<2", "mwparserfromhell>=0.7,<0.8"],
    # opens what `xlpl export huggingface` writes; xlpl itself needs no transformers
    "huggingface": ["transformers>=5,<6"],
    # every corpus that lhotse prepares
    # lhotse imports urllib3 and does not declare it
    "lhotse": ["lhotse>=1.33,<2", "urllib3>=2,<3"],
    # models for phones and browsers; torch's exporter needs onnxscript, which brings onnx
    "onnx": ["onnxscript>=0.7.2,<0.8", "onnxruntime>=1.23,<2"],
    # Hugging Face datasets with the audio inside
    "parquet": ["pyarrow>=20,<27"],
    # distances between languages in benchmarks/study; xlpl itself needs none
    "study": ["urielplus>=1.3.2,<2"],
    # transcripts for people: Praat's TextGrid, ELAN's eaf, subtitles
    "linguistics": ["praatio>=6.2,<7", "pympi-ling>=1.71,<2", "pysubs2>=1.8,<2"],
}

# YAML files and examples are for people to copy and to pass by their path, so they lie beside the package, not in it
SHARED = [
    (f"share/xlpl/{file.parent}", [str(file)])
    for folder in ("config", "examples")
    for file in sorted(Path(folder).rglob("*"))
    if file.is_file() and "__pycache__" not in file.parts
]

setup(
    name="xlpl",
    version="0.1.0",
    description="Unsupervised speech recognition by cross-lingual pseudo-labelling, for fairseq",
    long_description=Path("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    license_files=["LICENSE", "NOTICE"],
    python_requires=">=3.11,<3.13",
    packages=find_namespace_packages(include=["xlpl_plugin", "xlpl_plugin.*"]),
    package_data={"": ["*.yaml", "*.j2", "*.json", "py.typed"]},
    data_files=SHARED,
    install_requires=REQUIRES,
    # scripts/build_kenlm.sh takes cmake from here when the machine has none
    extras_require={
        **EXTRAS,
        "dev": [*DEV, *(name for names in EXTRAS.values() for name in names)],
        "build": ["cmake>=3.25"],
    },
    entry_points={"console_scripts": ["xlpl=xlpl_plugin.cli:main"]},
)
