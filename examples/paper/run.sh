#!/usr/bin/env bash
# From corpora as they are downloaded to tables: labelled sources, a target without transcripts, and text of the target.
# ../common_voice/run.sh and ../ljspeech/run.sh call it. What exists is not made again, so the same command goes on.
#
#   SOURCES="de=/corpora/de en=/corpora/en" TARGET=sw=/corpora/sw TEXT=/texts/sw bash examples/paper/run.sh
#
# SOURCES, TARGET: LANGUAGE=CORPUS in any form that xlpl prepare manifest reads, paths without spaces.
# TEXT: a file or folder that xlpl prepare text reads. MATCHED=1: the LM also learns the sentences of the target's
#   training recordings, in another order and without their recordings.
# SOURCE_OPTIONS, TARGET_OPTIONS, TEXT_OPTIONS: options of these verbs, after --division corpus.
# SETTING: which YAML file beside this script. OVERRIDES: key=value of xlpl iterate, such as "rounds=2".
# GPUS: 1, 2, 4, 8 or 16 of this machine; a batch is the same on each number.
# SOURCE_MODEL: a source AM of an earlier run (RUN/source/model.pt). TOPLINE=1: the same model trained on the target's
#   transcripts as well, as a yardstick.
# WORK: where data goes, which several runs share. XLPL_RUN: this run.
set -euo pipefail
absolute() { realpath -m "$1"; }
TARGET=${TARGET%%=*}=$(absolute "${TARGET#*=}")
TEXT=$(absolute "${TEXT:?a file or folder of text of the target}")
target=${TARGET%%=*} sources=() languages=()
refuse() { echo "$*" >&2 && exit 1; }
for source in ${SOURCES:?LANGUAGE=CORPUS ...}; do
  case " $target ${languages[*]:-} " in
    *" ${source%%=*} "*) refuse "${source%%=*} in SOURCES: another language than the target and than the other sources" ;;
  esac
  languages+=("${source%%=*}")
  sources+=("${source%%=*}=$(absolute "${source#*=}")")
done
WORK=$(absolute "${WORK:-runs/paper}")
XLPL_RUN=$(absolute "${XLPL_RUN:-$WORK/$(IFS=+ && echo "${languages[*]}")-$target${MATCHED:+-matched}}")
GPUS=${GPUS:-1}
case $GPUS in 1 | 2 | 4 | 8 | 16) ;; *) refuse "GPUS=$GPUS: 1, 2, 4, 8 or 16" ;; esac
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
yaml=examples/paper/${SETTING:-paper}.yaml
# batches of 16 processes, as slimIPL was trained
export UPDATE_FREQ=$((16 / GPUS)) WORKERS=${WORKERS:-$(nproc)}
# UTF-8 for fairseq's files; threads that wait sleep
export PYTHONUTF8=1 OMP_WAIT_POLICY=PASSIVE
started=$SECONDS
say() { printf '\n== [%d min] %s\n' $(((SECONDS - started) / 60)) "$*" >&2; }
# todo FILE: true where FILE does not exist yet
todo() { [ ! -e "$1" ]; }
# options are words
# shellcheck disable=SC2206
source_options=(--division corpus ${SOURCE_OPTIONS:-}) target_options=(--division corpus ${TARGET_OPTIONS:-})
# shellcheck disable=SC2206
text_options=(${TEXT_OPTIONS:-}) overrides=(${OVERRIDES:-})

say "labelled recordings: ${languages[*]}"
mkdir -p "$WORK"
for source in "${sources[@]}"; do
  data=$WORK/${source%%=*}
  if todo "$data/train.tsv"; then
    xlpl prepare manifest "${source#*=}" --language "${source%%=*}" --unusable skip "${source_options[@]}" --out "$data"
  fi
done

say "recordings of the target: $target, whose transcripts go to a folder of their own"
data=$WORK/$target-unlabelled references=$WORK/$target-references
if todo "$data/train.tsv"; then
  xlpl prepare manifest "${TARGET#*=}" --language "$target" --unusable skip "${target_options[@]}" \
    --unlabelled --references "$references" --out "$data"
fi

say "text of the target, $([ -n "${MATCHED:-}" ] && echo matched || echo unmatched), lexicon, language models"
text=$WORK/$target-text lm=$WORK/$target-text/${MATCHED:+matched-}lm
if todo "$text/report.json"; then
  # sentences that a recording happens to share with the text are taken out of the text
  xlpl prepare text "$TEXT" --language "$target" --heldout 0.01 --exclude-manifest "$references" \
    "${text_options[@]}" --out "$text"
fi
texts=("$text/text.txt")
if [ -n "${MATCHED:-}" ]; then
  # in alphabetical order, so that nothing tells which recording says what; no sentence of valid and test
  LC_ALL=C comm -23 <(LC_ALL=C sort -u "$references/train.wrd") \
    <(LC_ALL=C sort -u "$references/valid.wrd" "$references/test.wrd") >"$text/matched.txt"
  texts+=("$text/matched.txt")
fi
# as many words as the decoders of the paper's authors have
words=200000
if todo "$lm/lexicon.txt"; then
  xlpl lexicon "${texts[@]}" --max-words $words --out "$lm/lexicon.txt"
fi
if todo "$lm/words/lm.json"; then
  xlpl lm "${texts[@]}" --vocab-limit $words --heldout "$text/heldout.txt" --out "$lm/words"
fi
if todo "$lm/letters/lm.json"; then
  # a second opinion on each round's labels
  xlpl lm "${texts[@]}" --characters --order 6 --prune 0 --heldout "$text/heldout.txt" --out "$lm/letters"
fi

say "source model, labels, rounds, continuous phase ($yaml)"
first=${languages[0]} mix=$(printf ",$WORK/%s" "${languages[@]:1}")
ones=$(printf ',1.0%.0s' "${languages[@]:1}")
[ ${#languages[@]} -gt 1 ] || mix='' ones=''
export SOURCE_DATA=$WORK/$first TARGET_DATA=$data TEXT_DATA=$text/text.txt LM=$lm XLPL_RUN
keys=("source.training.mix=[${mix#,}]" "source.training.mix_weights=[${ones#,}]")
if [ "$GPUS" = 1 ]; then
  # fairseq takes all GPUs that it sees
  export CUDA_VISIBLE_DEVICES=${CUDA_VISIBLE_DEVICES:-0}
else
  keys+=(launcher.kind=torchrun "launcher.processes=$GPUS")
fi
xlpl iterate "$yaml" "${keys[@]}" ${SOURCE_MODEL:+"source.checkpoint=$(absolute "$SOURCE_MODEL")"} "${overrides[@]}"
systems=()
if [ -n "${TOPLINE:-}" ]; then
  say "yardstick: the source model's training on the target's transcripts"
  topline=$XLPL_RUN-topline
  xlpl iterate "$yaml" "${keys[@]}" "${overrides[@]}" out="$topline" source.data="$references" \
    source.training.mix=[] source.training.mix_weights=[] rounds=0 continuous.enabled=false
  systems+=("topline=$topline/round-0/labels/test")
fi

say "the source model on its own languages, greedy"
source_am=${SOURCE_MODEL:-$XLPL_RUN/source/model.pt}
for language in "${languages[@]}"; do
  own=$XLPL_RUN/source/labels/$language
  # a corpus without parts of its own may have no test part
  todo "$WORK/$language/test.tsv" && continue
  if todo "$own/labels.jsonl"; then
    xlpl label am="$source_am" data="$WORK/$language" split=test out="$own"
  fi
  xlpl score "source-on-$language=$own" --references "$WORK/$language" --markdown --json "$own/score.json" --force
done

say "results on the test part of $target: in its own script, and romanised as the paper's"
# table FILE [OPTION...]
table() {
  xlpl score --run "$XLPL_RUN" "${systems[@]}" --references "$references" --markdown --json "$XLPL_RUN/$1" --force "${@:2}"
}
table score.json
table score-romanised.json --romanised
xlpl report "$XLPL_RUN"
say "done: $XLPL_RUN/report.html"
