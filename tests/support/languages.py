"""What is spoken of written text, in each language: language, text, and words or ``! `` and why it is left out."""

from __future__ import annotations

from pathlib import Path

from xlpl_plugin.files import read_lines

PROBLEM = "! "
WRITTEN_AND_SPOKEN = [tuple(line.split("\t")) for line in read_lines(Path(__file__).with_suffix(".tsv"))]
