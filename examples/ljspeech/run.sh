#!/usr/bin/env bash
# LJSpeech's English without its transcripts, from labelled German, from the corpora's folders to a table and a report.
#
#   GERMAN=/corpora/cv-corpus-22.0-2025-06-20/de LJSPEECH=/corpora/LJSpeech-1.1 TEXT=/texts/en GPUS=8 \
#     bash examples/ljspeech/run.sh
#
# GERMAN: Common Voice's de, or mls_german of Multilingual LibriSpeech. LJSPEECH: the folder with metadata.csv and wavs/.
# TEXT, MATCHED, GPUS, SETTING, OVERRIDES, SOURCE_MODEL, TOPLINE, WORK: ../paper/run.sh.
set -euo pipefail
export SOURCES=de=${GERMAN:?the folder of a German corpus} TARGET=en=${LJSPEECH:?the folder LJSpeech-1.1}
export WORK=${WORK:-runs/ljspeech}
# the corpus has no parts: each sentence is drawn, about 500 for the test and 400 to validate on
export TARGET_OPTIONS="--division own --test 0.04 --valid 0.03 ${TARGET_OPTIONS:-}"
exec bash "$(dirname "${BASH_SOURCE[0]}")/../paper/run.sh"
