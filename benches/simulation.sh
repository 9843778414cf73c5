#!/usr/bin/env bash
# The runs behind docs/simulation.md: synthetic data with a known ground truth, each configuration
# cross-validated with five seeds, and compared over actors.
#
#   cargo build --release --bin blendfuse --example compare
#   benches/simulation.sh OUT SEED...      (the page has seeds 1 and 2; 10 to 30 minutes per seed on 2 cores)
#
# Results go to OUT/SEED/comparisons.txt. Existing results are kept, so a stopped run can be resumed.
set -euo pipefail
out=${1:?where to}
shift
release=$(cd "$(dirname "$0")/.." && pwd)/target/release
small=(--seeds 5 --drop-weights
  --set model.projection_dim=32 --set model.shared_dim=64 --set model.gate_hidden=32 --set model.head_hidden=32
  --set train.lr=1e-3 --set train.max_epochs=60)

data() { # NAME, flags of synth
  [ -e "$dir/$1/train_metadata.csv" ] ||
    "$release/blendfuse" synth --out "$dir/$1" --preset small --width-divisor 64 --seed "$seed" "${@:2}" >/dev/null
}
cv() { # DATA, NAME, flags of cv
  local run=$dir/$1-$2
  local resume=()
  [ -e "$run/plan.json" ] && resume=(--resume)
  [ -e "$run/summary.json" ] ||
    "$release/blendfuse" cv "$dir/$1" --out "$run" "${small[@]}" "${@:3}" ${resume[@]+"${resume[@]}"} >/dev/null
}
selections() { # DATA, values of k
  for k in "${@:2}"; do cv "$1" "k$k" --set "model.top_k=$k"; done
  cv "$1" uniform --set model.gate=uniform
}
versus() { # DATA, first, second, test or nothing
  echo "# $1: $2 against $3${4:+, test part}"
  local labels=()
  [ -n "${4:-}" ] && labels=("$dir/$1/ground_truth_test.csv")
  "$release/examples/compare" "$dir/$1" "$dir/$1-$2" "$dir/$1-$3" ${labels[@]+"${labels[@]}"}
}

for seed in "$@"; do
  dir=$out/$seed
  mkdir -p "$dir"
  # Selection: some encoders are always useless, sometimes useless, or sometimes wrong.
  data noise --encoders 36 --blind 24
  selections noise 2 6 12 24 36
  data few --encoders 36 --blind 24 --train-clips 470
  selections few 2 6 12 24 36
  data lost --lost 0.7
  selections lost 2 4 12
  data lost36 --encoders 36 --lost 0.7
  selections lost36 2 12 36
  data distract --hidden 0.5 --distraction 1
  selections distract 2 4 8 12
  data distract36 --encoders 36 --hidden 0.5 --distraction 1
  selections distract36 2 12 24 36
  # Heads.
  data plain
  for gate in attention uniform; do
    for heads in dual single; do
      cv plain "$gate-$heads" --set model.top_k=8 --set model.gate=$gate --set model.heads=$heads
    done
  done
  for heads in dual single; do
    cv plain "bce-$heads" --set model.top_k=8 --set model.heads=$heads --set loss.presence=bce
  done
  # Adaptation to a shifted test split of new actors.
  for shift in 0.4 2 4; do
    data "shift$shift" --domain-shift $shift --test-clips 2376
    cv "shift$shift" none --set model.top_k=8
    cv "shift$shift" uda --set model.top_k=8 --set uda.enabled=true
  done
  {
    for other in uniform k12; do versus distract k4 $other; done
    versus distract k12 uniform
    for other in uniform k36; do versus distract36 k12 $other; done
    versus distract36 k36 uniform
    for data in noise few; do
      for other in k2 k6 k24 k36 uniform; do versus $data k12 $other; done
    done
    for other in k2 k12 uniform; do versus lost k4 $other; done
    versus lost k12 uniform
    for other in k2 k36 uniform; do versus lost36 k12 $other; done
    versus lost36 k36 uniform
    for other in k2 k4 k12 uniform; do versus distract k8 $other; done
    for other in k2 k12 k36 uniform; do versus distract36 k24 $other; done
    for kind in attention uniform bce; do versus plain $kind-dual $kind-single; done
    for shift in 0.4 2 4; do versus shift$shift uda none test; done
  } >"$dir/comparisons.txt"
done
