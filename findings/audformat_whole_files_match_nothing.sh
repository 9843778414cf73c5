#!/usr/bin/env bash
# Packages: opensmile 2.6.0, audformat 1.4.3, pandas 3.1.1, soundfile 0.14.0, numpy 2.4.6.
# Expected: labels of an audformat table and features of opensmile, from the same maker and both indexed
#   by (file, start, end), can be joined.
# Behaviour: in a segmented index, which audformat makes and audb's tables have, a whole file is (file, 0,
#   NaT). opensmile's process_files writes the end of the file as a time. NaT equals no time, so that
#   join and assignment find no clip: every feature or label is NaN, without an error. What drops rows
#   with NaN afterwards is left with nothing; what fills them learns from constants. An index with files
#   alone does join.
# Output seen (two clips):
#   features: a.wav, 0 days 00:00:00, 0 days 00:00:01
#   labels:   a.wav, 0 days 00:00:00, NaT
#   labels.join(features): 2 rows, of which 2 without features
#   by file alone:         2 rows, of which 0 without features
#   process_index(labels.index, preserve_index=True): 0 without features
# What to do: process_index(labels.index, preserve_index=True).
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet opensmile==2.6.0 audformat==1.4.3 pandas==3.1.1 \
  soundfile==0.14.0 numpy==2.4.6
cd "$work"
venv/bin/python -W ignore - <<'PY'
import audformat
import numpy as np
import opensmile
import pandas as pd
import soundfile

files = ["a.wav", "b.wav"]
for seed, file in enumerate(files):
    soundfile.write(file, 0.1 * np.random.default_rng(seed).standard_normal(16000), 16000)
smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
features = smile.process_files(files)
by_file = pd.DataFrame({"emotion": ["ang", "sad"]}, index=audformat.filewise_index(files))
labels = audformat.utils.to_segmented_index(by_file)
print("features:", ", ".join(map(str, features.index[0])))
print("labels:  ", ", ".join(map(str, labels.index[0])).replace("nan", "NaT"))


def without_features(title, table):
    missing = int(table[smile.feature_names[0]].isna().sum())
    print(f"{title:<22} {len(table)} rows, of which {missing} without features")
    return missing


joined = without_features("labels.join(features):", labels.join(features))
plain = without_features("by file alone:", by_file.join(features))
preserved = smile.process_index(labels.index, preserve_index=True)
kept = int(labels.join(preserved)[smile.feature_names[0]].isna().sum())
print(f"process_index(labels.index, preserve_index=True): {kept} without features")
assert joined == len(files), "whole files match now"
assert plain == kept == 0, "the ways that work have changed"
PY
