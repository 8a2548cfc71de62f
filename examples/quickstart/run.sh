#!/usr/bin/env bash
# A first result in ten minutes, all of it SYNTHETIC speech: Swahili without transcripts, from labelled Spanish and
# English. Every stage is skipped where its result exists, so the same command goes on where it was stopped.
#
#   bash examples/quickstart/run.sh     # 2 CPU cores, under 10 minutes
#
# WORK: where everything goes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export WORK=${WORK:-runs/quickstart}
export XLPL_RUN=${XLPL_RUN:-$WORK/swahili}
# UTF-8 for fairseq's files; the rest keeps freed memory in the process, or page faults take half of a CPU training
export PYTHONUTF8=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=-1 MALLOC_TOP_PAD_=268435456
# threads that spin while they wait make a training several times slower as soon as another program runs
export OMP_WAIT_POLICY=PASSIVE
here=examples/quickstart
started=$SECONDS
say() { printf '\n== [%d s] %s\n' $((SECONDS - started)) "$*" >&2; }

say "phrases, speech, language model"
bash "$here/prepare.sh"

say "source model, labels, rounds ($here/run.yaml)"
xlpl iterate "$here/run.yaml"

say "results: synthetic Swahili, voices that no training heard"
xlpl score --run "$XLPL_RUN" --references "$WORK/sw-references" --markdown --json "$XLPL_RUN/score.json" --force
xlpl report "$XLPL_RUN"
say "done: $XLPL_RUN/report.html"
