#!/usr/bin/env bash
# A run over a self-supervised encoder, from pre-training to a report, on SYNTHETIC speech of one voice. It shows that the
# pieces work together; an encoder that was pre-trained for a minute is no XLS-R. What exists is not made again.
#
#   bash examples/ssl/run.sh
#
# WORK: where everything goes. ENCODER: a pre-trained encoder; without it a tiny one is made.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
WORK=$(mkdir -p "${WORK:-runs/ssl}" && cd "${WORK:-runs/ssl}" && pwd)
tiny=$WORK/encoder/checkpoint_last.pt
export WORK XLPL_RUN=${XLPL_RUN:-$WORK/run} ENCODER=${ENCODER:-$tiny}
export PYTHONUTF8=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=-1 MALLOC_TOP_PAD_=268435456 OMP_WAIT_POLICY=PASSIVE
say() { printf '\n== [%d s] %s\n' $SECONDS "$*" >&2; }

# speech LANGUAGE MINUTES OPTION...: sentences of the quickstart's grammar, spoken by one voice without noise
speech() {
  local language=$1 minutes=$2
  shift 2
  xlpl prepare espeak --language "$language" --text "$WORK/$language-spoken.txt" --minutes "$minutes" --voices m1 \
    --workers 1 --valid 0.06 --out "$WORK/$language" "$@"
}
# phrases LANGUAGE OPTION...
phrases() { python examples/quickstart/phrases.py "examples/quickstart/grammar/$1.yaml" "${@:2}" "$WORK/$1-spoken.txt"; }

say "phrases, speech, language model"
[ -e "$WORK/es-spoken.txt" ] || phrases es --spoken 300
[ -e "$WORK/es/train.tsv" ] || speech es 6 --test 0
[ -e "$WORK/sw-spoken.txt" ] || phrases sw --text 3000 "$WORK/sw-text.txt" --spoken 400
[ -e "$WORK/sw/train.tsv" ] || speech sw 8 --test 0.25 --unlabelled --references "$WORK/sw-references"
[ -e "$WORK/sw-text/report.json" ] ||
  xlpl prepare text "$WORK/sw-text.txt" --language sw --heldout 0.05 --exclude-manifest "$WORK/sw-references" \
    --out "$WORK/sw-text"
[ -e "$WORK/sw-text/lexicon.txt" ] || xlpl lexicon "$WORK/sw-text/text.txt" --out "$WORK/sw-text/lexicon.txt"
[ -e "$WORK/sw-text/lm/lm.json" ] ||
  xlpl lm "$WORK/sw-text/text.txt" --heldout "$WORK/sw-text/heldout.txt" --out "$WORK/sw-text/lm"

if [ "$ENCODER" = "$tiny" ] && [ ! -e "$tiny" ]; then
  say "pre-training on the speech of both languages, by fairseq alone (examples/ssl/pretrain.yaml)"
  mkdir -p "$WORK/unlabelled"
  for split in train valid; do
    {
      echo "$WORK"
      for language in es sw; do
        tail -n +2 "$WORK/$language/$split.tsv" | sed "s#^#$language/audio/#"
      done
    } >"$WORK/unlabelled/$split.tsv"
  done
  fairseq-hydra-train --config-dir "$PWD/examples/ssl" --config-name pretrain \
    task.data="$WORK/unlabelled" checkpoint.save_dir="$WORK/encoder.new"
  mv "$WORK/encoder.new" "$WORK/encoder"
fi

say "source model, labels, rounds, continuous phase (examples/ssl/run.yaml)"
xlpl iterate examples/ssl/run.yaml

say "results: synthetic Swahili, sentences that no training heard"
xlpl score --run "$XLPL_RUN" --references "$WORK/sw-references" --markdown --json "$XLPL_RUN/score.json" --force
xlpl report "$XLPL_RUN"
say "done: $XLPL_RUN/report.html"
