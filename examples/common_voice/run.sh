#!/usr/bin/env bash
# A language of Common Voice without transcripts, from labelled ones, from the release's folders to a table and a report.
#
#   CORPUS=/corpora/cv-corpus-22.0-2025-06-20 SOURCES="en es fr" TARGET=sw TEXT=/texts/sw GPUS=8 \
#     bash examples/common_voice/run.sh
#
# CORPUS: the folder with a folder for each language. SOURCES: languages whose transcripts are used (en). TARGET: the one
# whose transcripts are not (sw). TEXT, MATCHED, GPUS, SETTING, OVERRIDES, SOURCE_MODEL, TOPLINE, WORK: ../paper/run.sh.
set -euo pipefail
corpus=${CORPUS:?the folder of a release of Common Voice, with a folder for each language}
sources=""
for language in ${SOURCES:-en}; do sources+=" $language=$corpus/$language"; done
export SOURCES=$sources TARGET=${TARGET:-sw}
export TARGET=$TARGET=$corpus/$TARGET WORK=${WORK:-runs/common_voice}
export SOURCE_OPTIONS="--licence CC0-1.0 ${SOURCE_OPTIONS:-}"
export TARGET_OPTIONS="--licence CC0-1.0 ${TARGET_OPTIONS:-}"
exec bash "$(dirname "${BASH_SOURCE[0]}")/../paper/run.sh"
