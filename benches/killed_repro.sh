#!/usr/bin/env bash
# `repro` at the challenge's size (36 encoders, 3,050 clips, reduced width), once undisturbed and once
# killed with SIGKILL at random moments: no finished trial may run again, and every file must be
# identical to the undisturbed run's.
#
#   cargo build --release
#   benches/killed_repro.sh OUT [LONGEST [KILLS [REPRO OPTION...]]]
#
# There are KILLS (default 20) kills, each after 1 to LONGEST (default 60) seconds; then the run may
# end. Takes twice 20 minutes on 2 cores; with `--quick` as the option, a minute or two.
set -euo pipefail
out=${1:?where to}
longest=${2:-60}
kills=${3:-20}
options=("${@:4}")
blendfuse=${BLENDFUSE:-$(cd "$(dirname "$0")/.." && pwd)/target/release/blendfuse}
mkdir -p "$out"

[ -e "$out/data/train_metadata.csv" ] ||
  "$blendfuse" synth --out "$out/data" --preset paper --width-divisor 64 --seed 1 >/dev/null

repro() { # NAME
  exec "$blendfuse" repro "$out/data" --out "$out/$1" --resume ${options[@]+"${options[@]}"} >/dev/null 2>>"$out/$1.stderr"
}

if [ ! -e "$out/whole/tables.json" ]; then
  start=$SECONDS
  (repro whole)
  times >"$out/times" # In this shell, whose children it tells of.
  echo "undisturbed: $((SECONDS - start)) s; processor time, user and system: $(tail -n 1 "$out/times")"
fi

killed=0
while [ "$killed" -lt "$kills" ]; do
  (repro parts) &
  process=$!
  sleep "$((RANDOM % longest + 1)).$((RANDOM % 10))"
  kill -9 "$process" 2>/dev/null || break
  wait "$process" 2>/dev/null || true
  killed=$((killed + 1))
done
(repro parts)
echo "killed: $killed times"

# A trial whose end is in its log must not start after that line. (Killed between the result and
# its line, it has no line yet, and is not started again either: its `begun` remains the last.)
awk '
  match($0, /"trial":"[0-9a-f]+"/) { trial = substr($0, RSTART, RLENGTH) }
  /"event":"finished"/ { finished[trial] = 1 }
  /"event":"begun"/ { begun++; if (trial in finished) { print "begun again: " trial; repeated = 1 } }
  END { print begun " times a training began or went on, " length(finished) " ends are in the logs"; exit repeated }
' "$out"/parts/trials/*/*.log.jsonl
echo "trainings: $(find "$out/whole/trials" -name '*.json' | grep -cE '/[0-9a-f]+\.json$')"

# The logs and the manifests contain places and times.
diff -r -x '*log.jsonl' -x manifest.json -x .lock "$out/whole" "$out/parts"
echo "same bytes in all $(find "$out/whole" -type f | wc -l) files"
