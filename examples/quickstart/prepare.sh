#!/usr/bin/env bash
# Texts from the grammars, synthetic speech, lexicon and LM, in $WORK. run.sh calls it; what exists is not made again.
#
# MINUTES: speech of Spanish, English and Swahili; SENTENCES: of the LM's text.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
read -r spanish english swahili <<<"${MINUTES:-14 10 16}"
# every part has its own speakers: the test voices are heard in no training
source_voices="m1 m2 m3 f1 f2 f3" target_voices="m4 m5 m6 f4" test_voices="m7 m8 f5"

# phrases LANGUAGE MINUTES [OPTION...]: sentences to speak, about 3 seconds each and some to spare
phrases() {
  local language=$1 minutes=$2
  shift 2
  [ -e "$WORK/$language-spoken.txt" ] ||
    python "$here/phrases.py" "$here/grammar/$language.yaml" "$@" \
      --spoken "$(awk "BEGIN { print int($minutes * 40 + 40) }")" "$WORK/$language-spoken.txt"
}

# speech LANGUAGE MINUTES OPTION...: a prepared folder
speech() {
  local language=$1 minutes=$2
  shift 2
  [ -e "$WORK/$language/train.tsv" ] ||
    xlpl prepare espeak --language "$language" --text "$WORK/$language-spoken.txt" --minutes "$minutes" \
      --workers 1 --out "$WORK/$language" "$@"
}

# two languages are spoken at a time, and threads that wait for one another cost more than they give
export OMP_NUM_THREADS=1
mkdir -p "$WORK"
phrases es "$spanish"
phrases en "$english"
phrases sw "$swahili" --text "${SENTENCES:-3000}" "$WORK/sw-text.txt"
speech es "$spanish" --voices "$source_voices" --noise 5 25 --test 0 --valid 0.06 &
speech en "$english" --voices "$source_voices" --noise 5 25 --test 0 --valid 0.06
wait $!
# the target, noisier: its transcripts go to a folder of their own, which only scoring reads
speech sw "$swahili" --voices "$target_voices" --test-voices "$test_voices" --noise 0 15 \
  --test 0.3 --valid 0.06 --unlabelled --references "$WORK/sw-references"
# the exclusion also drops sentences of the text that hold a spoken one, or are part of one
[ -e "$WORK/sw-text/report.json" ] ||
  xlpl prepare text "$WORK/sw-text.txt" --language sw --heldout 0.05 --exclude-manifest "$WORK/sw-references" \
    --out "$WORK/sw-text"
[ -e "$WORK/sw-text/lexicon.txt" ] || xlpl lexicon "$WORK/sw-text/text.txt" --out "$WORK/sw-text/lexicon.txt"
[ -e "$WORK/sw-text/lm/lm.json" ] ||
  xlpl lm "$WORK/sw-text/text.txt" --heldout "$WORK/sw-text/heldout.txt" --out "$WORK/sw-text/lm"
