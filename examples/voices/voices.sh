#!/usr/bin/env bash
# Labelled SYNTHETIC speech of the voices of flite, Festival and MBROLA, which you have installed (Debian: flite; festival and
# festvox-*; espeak-ng, mbrola and mbrola-*).
#
#   VOICES="flite:slt mbrola:us1 festival:ked_diphone" bash examples/voices/voices.sh en lines.txt data/voices-en --test 0 --valid 0
#
# LANGUAGE, a text with a phrase a line, the folder to make, options of 'xlpl prepare manifest'. The voices take turns line by
# line. Lines that a voice cannot speak are left out: OUT/unspoken.tsv has their number, voice and text.
set -euo pipefail
usage="usage: VOICES='flite:slt festival:ked_diphone' $0 LANGUAGE TEXT OUT [OPTION...]"
[ $# -ge 3 ] || { echo "$usage" >&2; exit 2; }
language=$1 text=$2 out=$3
shift 3
read -ra voices <<<"${VOICES:?$usage}"
mkdir -p "$(dirname "$out")"
work=$(mktemp -d -p "$(cd "$(dirname "$out")" && pwd)" .voices.XXXXXX)
trap 'rm -rf "$work"' EXIT

# speak_flite VOICE, speak_mbrola VOICE, speak_festival VOICE: NAME<TAB>LINE from the input to $work/NAME.wav
speak_flite() {
  local name line
  while IFS=$'\t' read -r name line; do
    flite -voice "$1" -t "$line" -o "$work/$name.wav" </dev/null || echo "flite: line $name" >&2
  done
}
# faster and slower, higher and lower from line to line
speak_mbrola() {
  local name line
  : >"$work/$1.log"
  espeak-ng -q -v "mb-$1" "" # ends here where there is no such voice
  while IFS=$'\t' read -r name line; do
    espeak-ng -v "mb-$1" -s $((130 + 10#$name * 37 % 60)) -p $((30 + 10#$name * 53 % 40)) -w "$work/$name.wav" -- "$line" \
      </dev/null 2>>"$work/$1.log" || echo "mbrola: line $name" >&2
  done
  echo "mbrola: $1 lacks $(grep -c 'replaced with' "$work/$1.log" || true) of the pairs of sounds; they are silent" >&2
}
speak_festival() {
  local say='(unwind-protect (utt.save.wave (utt.synth (Utterance Text "\2")) "'$work'/\1.wav" (quote riff)) nil)'
  festival -b "(voice_$1)" # ends here where there is no such voice
  cat >"$work/left.tsv"
  while [ -s "$work/left.tsv" ]; do
    { echo "(voice_$1)"; sed -e 's/[\\"]/\\&/g' -e "s#^\([0-9]*\)\t\(.*\)\$#$say#" "$work/left.tsv"; } >"$work/say.scm"
    if festival -b "$work/say.scm"; then return; fi
    # letters that a voice does not know can end it: go on behind the line after the last that was spoken
    tail -n "+$(($(last_spoken <"$work/left.tsv") + 2))" "$work/left.tsv" >"$work/rest.tsv"
    mv "$work/rest.tsv" "$work/left.tsv"
  done
}
# last_spoken: number of the last line whose recording exists; 0: none
last_spoken() {
  local number=0 last=0 name
  while IFS=$'\t' read -r name _; do
    number=$((number + 1))
    if [ -e "$work/$name.wav" ]; then last=$number; fi
  done
  echo "$last"
}

printf 'audio\tspeaker\ttext\n' >"$work/table.tsv"
for number in "${!voices[@]}"; do
  voice=${voices[number]}
  tr '\t' ' ' <"$text" | awk -v voices="${#voices[@]}" -v turn="$number" \
    'NF && count++ % voices == turn { printf "%06d\t%s\n", NR, $0 }' >"$work/lines.tsv"
  "speak_${voice%%:*}" "${voice#*:}" <"$work/lines.tsv"
  while IFS=$'\t' read -r name line; do
    # a header alone is 44 bytes
    if [ "$(stat -c %s "$work/$name.wav" 2>/dev/null || echo 0)" -gt 44 ]; then
      printf '%s.wav\t%s\t%s\n' "$name" "${voice/:/-}" "$line" >>"$work/table.tsv"
    else
      printf '%s\t%s\t%s\n' "$name" "$voice" "$line" >>"$work/unspoken.tsv"
    fi
  done <"$work/lines.tsv"
done
spoken=$(($(wc -l <"$work/table.tsv") - 1)) lines=$(grep -c '[^[:space:]]' "$text" || true)
echo "$spoken of $lines lines are spoken" >&2
xlpl prepare manifest "$work/table.tsv" --language "$language" --out "$out" "$@"
if [ -e "$work/unspoken.tsv" ]; then
  mv "$work/unspoken.tsv" "$out/unspoken.tsv"
  echo "the others: $out/unspoken.tsv" >&2
fi
