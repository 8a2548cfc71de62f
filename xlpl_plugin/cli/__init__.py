"""The ``xlpl`` command: one thin module a verb, imported only when that verb is used."""

from __future__ import annotations

import logging
import os
import sys

import click

from xlpl_plugin.cli.lazy import LazyGroup
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import path_error

# verb -> what it does, in the order in which a user meets them
VERBS = {
    "doctor": "Say for each component whether it works here, and what to do if not.",
    "user-dir": "Print the folder for fairseq's --user-dir.",
    "config-dir": "Print the folder of the YAML files that come with xlpl, or of the examples.",
    "start": "Prepare recordings and text, choose sizes, and write the configuration of a run.",
    "prepare": "Turn recordings and text into manifests: asterisk, espeak, manifest, text, units.",
    "check": "Verify a prepared folder.",
    "lexicon": "Build a word -> spelling lexicon from text.",
    "lm": "Estimate a KenLM n-gram language model.",
    "import": "Take a model of Hugging Face's transformers.",
    "export": "Write a model for Hugging Face's transformers, or as ONNX.",
    "label": "Write pseudo-labels for a manifest.",
    "labels": "Merge parts of labels; join the labels of pieces by recording.",
    "tune": "Choose the decoder's weights and beam without labels.",
    "rank": "Rank acoustic models by how well they recognise a target, without labels.",
    "iterate": "Run rounds of labelling and training.",
    "pick": "Pick the utterances most worth a native speaker's time: a page, a table, ELAN.",
    "transcribe": "Write what is said in recordings: text, JSON, subtitles, CTM, TextGrid, ELAN.",
    "bundle": "Put all that transcribing needs into one folder, for other machines.",
    "report": "Show how a run went: one HTML page, pictures, JSON.",
    "score": "Compare labels with references (WER, CER, intervals).",
    "completion": "Print what makes bash, zsh or fish complete verbs and options.",
}
# of the lines of help, where the terminal is as wide
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.command(cls=LazyGroup, verbs=VERBS, context_settings=_CONTEXT)
@click.version_option(package_name="xlpl", prog_name="xlpl", message="%(prog)s %(version)s")
def xlpl() -> None:
    """Unsupervised speech recognition by cross-lingual pseudo-labelling, for fairseq."""


def main() -> None:
    """Entry point of the console script."""
    # before fairseq is imported, which otherwise sets the root logger to DEBUG
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        xlpl(standalone_mode=False)
    except XlplError as error:
        click.echo(f"xlpl: {error}", err=True)
        sys.exit(2)
    except BrokenPipeError:  # `xlpl ... | head`; nor may the interpreter flush what nobody reads
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if not error.filename:
            raise
        click.echo(f"xlpl: {path_error(error, error.filename)}", err=True)
        sys.exit(2)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
