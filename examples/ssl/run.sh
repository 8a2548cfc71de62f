#!/usr/bin/env bash
# A run over a self-supervised encoder, from pre-training to a report, on the quickstart's SYNTHETIC speech. It shows that
# the pieces work together; an encoder of minutes is no XLS-R. Stages are skipped where their result exists.
#
#   bash examples/ssl/run.sh
#
# WORK: prepared data, shared with the quickstart. ENCODER: a pre-trained encoder; without it a tiny one is made.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
WORK=$(mkdir -p "${WORK:-runs/quickstart}" && cd "${WORK:-runs/quickstart}" && pwd)
export WORK XLPL_RUN=${XLPL_RUN:-$WORK/ssl/run} ENCODER=${ENCODER:-$WORK/ssl/encoder/checkpoint_last.pt}
export PYTHONUTF8=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=-1 MALLOC_TOP_PAD_=268435456 OMP_WAIT_POLICY=PASSIVE
say() { printf '\n== [%d s] %s\n' $SECONDS "$*" >&2; }

say "phrases, speech, language model"
bash examples/quickstart/prepare.sh

if [ ! -e "$ENCODER" ]; then
  say "pre-training on all the speech, by fairseq alone (examples/ssl/pretrain.yaml)"
  mkdir -p "$WORK/ssl/audio"
  for split in train valid; do
    {
      echo "$WORK"
      for language in es en sw; do
        tail -n +2 "$WORK/$language/$split.tsv" | sed "s#^#$language/audio/#"
      done
    } >"$WORK/ssl/audio/$split.tsv"
  done
  fairseq-hydra-train --config-dir "$PWD/examples/ssl" --config-name pretrain \
    task.data="$WORK/ssl/audio" checkpoint.save_dir="$WORK/ssl/encoder.new"
  mv "$WORK/ssl/encoder.new" "$(dirname "$ENCODER")"
fi

say "source model, labels, rounds, continuous phase (examples/ssl/run.yaml)"
xlpl iterate examples/ssl/run.yaml

say "results: synthetic Swahili, voices that no training heard"
xlpl score --run "$XLPL_RUN" --references "$WORK/sw-references" --markdown --json "$XLPL_RUN/score.json" --force
xlpl report "$XLPL_RUN"
say "done: $XLPL_RUN/report.html"
