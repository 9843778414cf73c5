# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From features to a figure of encoder importance
#
# A notebook kept as text: open it in Jupyter with jupytext, or `jupytext --to notebook encoder_importance.py`.
# It needs `pip install 'blendfuse[sklearn]'`, and takes some seconds. The data are made by the package, so the
# figures show how to get there and say nothing about people.

# %%
import subprocess
import tempfile
from pathlib import Path

import blendfuse

folder = Path(tempfile.mkdtemp()) / "data"
make = [blendfuse.find_binary(), "synth", "--out", str(folder), "--preset", "tiny", "--missing", "0.1"]
subprocess.run(make, check=True, capture_output=True)

# %% [markdown]
# ## Features and labels
#
# `read_data` reads a data folder. Arrays of your own do as well: `X` is a mapping of encoders to arrays (clips,
# columns), in which a row of NaN means that the encoder lacks the clip.

# %%
data = blendfuse.read_data(folder)
print(data.X)
print(data.to_frame().head(3))

# %% [markdown]
# ## Training
#
# A fifth of the clips validates; those of one actor stay together.

# %%
model = blendfuse.FusionClassifier(
    top_k=3, projection_dim=32, shared_dim=64, lr=3e-3, max_epochs=30, early_stopping=True
)
model.fit(data.X, data.y, groups=data.groups)
print(f"epoch {model.best_epoch_} of {model.n_iter_} counts")

# %%
model.plot_history()

# %% [markdown]
# ## Which emotions, in what proportion

# %%
for name, shown, shares in zip(
    data.test_filenames[:5], model.predict_sets(data.X_test), model.predict_proportions(data.X_test)
):
    print(name, sorted(shown), shares.round(2))

# %% [markdown]
# ## Which encoders count
#
# For single clips, and on average.

# %%
why = model.explain(data.X_test)
print(why[why["clip"] == 0].sort_values("importance", ascending=False).to_string(index=False))

# %%
axes = model.plot_importance()
axes.figure.savefig(folder.parent / "importance.svg")
print("written:", folder.parent / "importance.svg")
