"""The estimator's parameters: the settings of a configuration under standard names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._sklearn import BaseEstimator


class FusionParameters(BaseEstimator):  # type: ignore[misc, unused-ignore]
    """Parameters of `FusionClassifier`; all but the first by keyword.

    Parameters
    ----------
    encoders : None, mapping of str to slice or columns, or list of str
        For an `X` of one array or data frame: the columns of each encoder, as a slice, places or names; None: all
        columns are of one encoder. For an `X` that is given by encoder: names of those to use; None: all.
    modalities : mapping of str to str or None, optional
        Encoders that come first in the network, in this order, with their modality (`"video"`, `"audio"`,
        `"multimodal"`, `"other"`; None: that of the registry), as `encoders.toml` does for a data folder.
    classes : list, optional
        All classes in their order; None: those of `y`. One label per clip: sorted; else the challenge's order
        where all are among its six, the columns' of a data frame, or sorted.
    neutral : str, optional
        The neutral class; None: `neu` where there is such a class.
    projection_dim, shared_dim, gate_hidden, head_hidden : int
        Widths of the network: P, Z, G and of the heads.
    top_k : int
        How many encoders a clip keeps; capped by how many it has.
    dropout, dropout_projection, dropout_fusion, dropout_heads : float
        Dropout rate, and what overrides it for a part.
    gate : {"attention", "uniform"}
        How encoders are weighted.
    heads : {"dual", "single"}
        One classifier head for presence and one for salience, or one for both.
    temperature, temperature_min, temperature_max : float
        Of the gate's softmax: at the start, and its limits.
    temperature_learned : bool
        Whether the temperature is learned.
    presence_weight, salience_weight : float
        Weights of the two losses.
    presence_loss : {"soft_ce", "bce"}
        The loss of the presence head.
    domain_weight, reversal_weight : float
        Weights of the domain adversary, which is trained if `fit` is given an `X_target`.
    uda_target : {"test", "validation"}
        Where unlabelled rows come from: `X_target`, or with `"validation"` the validation fold without its labels,
        which switches domain adaptation on by itself.
    batch_size : int
        Labelled rows a step.
    lr : float
        Adam's learning rate at the start.
    weight_decay : float
        Adam's L2 penalty.
    max_epochs : int
        Maximum number of epochs.
    early_stopping : bool
        Whether a part of the clips validates: it decides the best epoch, when to stop, and the decoding thresholds.
        Without, all clips are trained on and the last epoch counts, as by the command without `--fold`.
    validation_fraction : float
        About this part of the clips validates: one of `round(1 / validation_fraction)` balanced folds. Clips of one
        group stay together.
    fold : int, optional
        With `folds` in `fit`: the fold that validates, as the command's `--fold`.
    early_stop_patience, early_stop_delta : int, float
        Epochs without an improvement of the monitor after which training stops, and what counts as one.
    monitor : {"auto", "average", "loss", "presence", "salience", "overlap", "kl"}
        The validation measure that decides which epoch is best.
    plateau_factor, plateau_patience, plateau_threshold, plateau_cooldown, min_lr : float or int
        The learning rate's schedule.
    clip_norm : float
        Largest norm of the whole gradient; 0: no clipping.
    projection_inputs : {"columns", "span"}
        Whether the projections are trained on columns or on coordinates in the span of the training rows.
    standardize : {True, "actor", False}
        What columns are standardised by: the training rows, or each actor's own clips, labels unread (`groups` of
        `fit` and `predict` names the actors); False: not at all.
    actor_shrinkage : float
        k: n clips of an actor count (n - 1) / (n - 1 + k), the training rows the rest.
    clip_values : float
        Standardised values beyond ± this become ± this; 0: no bound.
    decode_rules : {"paper", "challenge"}
        From scores to emotions.
    alpha, beta : float, optional
        Exponents of the alignment of the two heads; None: chosen on validation clips, or the default.
    presence_threshold, salience_threshold : float, optional
        Decoding thresholds; None: likewise.
    neutral_rule : {"drop", "keep_one"}
        What happens when neutral survives beside others but is not the highest.
    max_emotions : int or "auto"
        The most emotions of a set.
    proportions : list or "auto"
        The proportions of a set.
    random_state : int, numpy.random.RandomState or None
        The seed; None: another one for every `fit`.
    n_jobs : int, optional
        Threads; None or -1: one for each processor. Results do not depend on it.
    verbose : int
        1: a progress bar.
    """

    def __init__(
        self,
        encoders: Mapping[str, Any] | Sequence[str] | None = None,
        *,
        modalities: Mapping[str, str | None] | None = None,
        classes: Sequence[Any] | None = None,
        neutral: str | None = None,
        projection_dim: int = 256,
        shared_dim: int = 512,
        gate_hidden: int = 128,
        head_hidden: int = 256,
        top_k: int = 22,
        dropout: float = 0.33,
        dropout_projection: float | None = None,
        dropout_fusion: float | None = None,
        dropout_heads: float | None = None,
        gate: str = "attention",
        heads: str = "dual",
        temperature: float = 0.7,
        temperature_min: float = 0.55,
        temperature_max: float = 1.25,
        temperature_learned: bool = True,
        presence_weight: float = 0.68,
        salience_weight: float = 0.32,
        presence_loss: str = "soft_ce",
        domain_weight: float = 0.15,
        reversal_weight: float = 0.3,
        uda_target: str = "test",
        batch_size: int = 64,
        lr: float = 3e-4,
        weight_decay: float = 1e-3,
        max_epochs: int = 100,
        early_stopping: bool = False,
        validation_fraction: float = 0.2,
        fold: int | None = None,
        early_stop_patience: int = 7,
        early_stop_delta: float = 0.001,
        monitor: str = "auto",
        plateau_factor: float = 0.5,
        plateau_patience: int = 3,
        plateau_threshold: float = 1e-4,
        plateau_cooldown: int = 0,
        min_lr: float = 0.0,
        clip_norm: float = 0.0,
        projection_inputs: str = "columns",
        standardize: bool | str = True,
        actor_shrinkage: float = 5.0,
        clip_values: float = 0.0,
        decode_rules: str = "paper",
        alpha: float | None = None,
        beta: float | None = None,
        presence_threshold: float | None = None,
        salience_threshold: float | None = None,
        neutral_rule: str = "drop",
        max_emotions: int | str = "auto",
        proportions: Any = "auto",
        random_state: Any = 0,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.encoders = encoders
        self.modalities = modalities
        self.classes = classes
        self.neutral = neutral
        self.projection_dim = projection_dim
        self.shared_dim = shared_dim
        self.gate_hidden = gate_hidden
        self.head_hidden = head_hidden
        self.top_k = top_k
        self.dropout = dropout
        self.dropout_projection = dropout_projection
        self.dropout_fusion = dropout_fusion
        self.dropout_heads = dropout_heads
        self.gate = gate
        self.heads = heads
        self.temperature = temperature
        self.temperature_min = temperature_min
        self.temperature_max = temperature_max
        self.temperature_learned = temperature_learned
        self.presence_weight = presence_weight
        self.salience_weight = salience_weight
        self.presence_loss = presence_loss
        self.domain_weight = domain_weight
        self.reversal_weight = reversal_weight
        self.uda_target = uda_target
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.fold = fold
        self.early_stop_patience = early_stop_patience
        self.early_stop_delta = early_stop_delta
        self.monitor = monitor
        self.plateau_factor = plateau_factor
        self.plateau_patience = plateau_patience
        self.plateau_threshold = plateau_threshold
        self.plateau_cooldown = plateau_cooldown
        self.min_lr = min_lr
        self.clip_norm = clip_norm
        self.projection_inputs = projection_inputs
        self.standardize = standardize
        self.actor_shrinkage = actor_shrinkage
        self.clip_values = clip_values
        self.decode_rules = decode_rules
        self.alpha = alpha
        self.beta = beta
        self.presence_threshold = presence_threshold
        self.salience_threshold = salience_threshold
        self.neutral_rule = neutral_rule
        self.max_emotions = max_emotions
        self.proportions = proportions
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose
