#!/usr/bin/env bash
# Unsupervised Italian from labelled English, Spanish, French and Russian recordings: data, LM, rounds, table.
# Every stage is skipped where its result exists, so the same command goes on where it was stopped.
#
#   bash examples/asterisk/run.sh     # 2 CPU cores, about 90 minutes
#
# WORK: where everything goes (2 GB). SETTING: which YAML file beside this script. FROM: a folder with the .deb files
# of the Asterisk and LibreOffice packages, for machines without apt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
SETTING=${SETTING:-short}
export WORK=${WORK:-runs/asterisk}
export XLPL_RUN=${XLPL_RUN:-$WORK/$SETTING}
# UTF-8 for fairseq's files; the rest keeps freed memory in the process, or page faults take half of a CPU training
export PYTHONUTF8=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=-1 MALLOC_TOP_PAD_=268435456
# threads that wait sleep instead of spinning: beside any other work that is several times as fast
export OMP_WAIT_POLICY=PASSIVE
here=examples/asterisk
started=$SECONDS
say() { printf '\n== [%d min] %s\n' $(((SECONDS - started) / 60)) "$*" >&2; }
# todo FILE: true where FILE does not exist yet
todo() { [ ! -e "$1" ]; }

say "recordings"
for language in en es fr ru; do
  if todo "$WORK/$language/train.tsv"; then
    xlpl prepare asterisk --language "$language" --test 0.1 --valid 0.05 --out "$WORK/$language" ${FROM:+--from "$FROM"}
  fi
done
# the target: its transcripts go to a folder of their own, which only scoring and the topline read
if todo "$WORK/it/train.tsv"; then
  xlpl prepare asterisk --language it --test 0.25 --valid 0.05 --out "$WORK/it" ${FROM:+--from "$FROM"} \
    --unlabelled --references "$WORK/it-references"
fi

say "synthetic speech of source languages and of others (never of the target)"
while read -r language minutes; do
  if todo "$WORK/espeak-$language/train.tsv"; then
    xlpl prepare espeak --language "$language" --minutes "$minutes" --valid 0 --test 0 --out "$WORK/espeak-$language"
  fi
done <"$here/espeak.txt"

say "text of the target, unmatched with the recordings"
if todo "$WORK/it-text/report.json"; then
  # sentences that a recording happens to share with the text are taken out of the text
  xlpl prepare text --language it --libreoffice --words 25000 --heldout 0.02 \
    --exclude-manifest "$WORK/it-references" --out "$WORK/it-text" ${FROM:+--from "$FROM"}
fi
if todo "$WORK/it-text/lexicon.txt"; then
  xlpl lexicon "$WORK/it-text/text.txt" "$WORK/it-text/words.txt" --out "$WORK/it-text/lexicon.txt"
fi
if todo "$WORK/it-text/lm/lm.json"; then
  xlpl lm "$WORK/it-text/text.txt" "$WORK/it-text/words.txt" --heldout "$WORK/it-text/heldout.txt" --out "$WORK/it-text/lm"
fi
if todo "$WORK/it-text/letters/lm.json"; then
  # a second opinion on each round's labels: over letters, from other counts than the words that decode
  xlpl lm "$WORK/it-text/text.txt" --characters --order 6 --prune 0 --heldout "$WORK/it-text/heldout.txt" --out "$WORK/it-text/letters"
fi

say "source model, labels, rounds ($here/$SETTING.yaml)"
xlpl iterate "$here/$SETTING.yaml"

say "yardsticks: the source languages' own test parts, and the same model fine-tuned on the target's labels"
source_am=$XLPL_RUN/source/model.pt
for language in en es fr ru; do
  if todo "$XLPL_RUN/source/labels/$language/labels.jsonl"; then
    xlpl label am="$source_am" data="$WORK/$language" split=test out="$XLPL_RUN/source/labels/$language"
  fi
done
topline=$XLPL_RUN/topline
updates=$(sed -n 's/^# topline updates: //p' "$here/$SETTING.yaml")
if todo "$topline/done"; then
  fairseq-hydra-train --config-dir config --config-name train model=tiny common.user_dir="$(xlpl user-dir)" \
    task.data="$WORK/it-references" task.init_from="$PWD/$source_am" checkpoint.save_dir="$topline/checkpoints" \
    optimization.max_update="$updates" "optimization.lr=[0.0005]" >"$XLPL_RUN/topline.log" 2>&1
  touch "$topline/done"
fi
decoder=(decoder.lexicon="$WORK/it-text/lexicon.txt" decoder.lm="$WORK/it-text/lm/lm.bin" decoder.beam=1000)
topline_am=(am="$topline/checkpoints/checkpoint_last.pt" data="$WORK/it")
if todo "$topline/labels/labels.jsonl"; then
  # the weights are chosen without labels here too; the last line that tune prints sets them
  weights=$(xlpl tune "${topline_am[@]}" split=train out="$topline/tune" "${decoder[@]}" \
    search.text="$WORK/it-text/text.txt" workers=2 --force | tail -n 1)
  # shellcheck disable=SC2086
  xlpl label "${topline_am[@]}" split=test out="$topline/labels" "${decoder[@]}" $weights workers=2
fi

say "results"
for language in en es fr ru; do
  xlpl score "source-on-$language=$XLPL_RUN/source/labels/$language" --references "$WORK/$language" --markdown \
    --json "$XLPL_RUN/source/labels/$language/score.json" --force
done
xlpl score --run "$XLPL_RUN" "topline=$topline/labels" --references "$WORK/it-references" --markdown \
  --json "$XLPL_RUN/score.json" --force
xlpl report "$XLPL_RUN"
