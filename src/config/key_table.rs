//! The table of all configuration keys.

use super::keys::{Allowed, Key};

/// The largest size of a layer or batch.
pub(super) const LARGEST: u64 = 1 << 20;

const SIZE: Allowed = Allowed::Whole(1, LARGEST);

const NAMES: Allowed = Allowed::Other("a list of names, each once");

const fn key(
    name: &'static str,
    allowed: Allowed,
    paper: &'static str,
    meaning: &'static str,
) -> Key {
    Key {
        name,
        allowed,
        paper: Some(paper),
        meaning,
        unset: None,
    }
}

/// A key that the paper leaves open.
const fn ours(name: &'static str, allowed: Allowed, meaning: &'static str) -> Key {
    Key {
        paper: None,
        ..key(name, allowed, "", meaning)
    }
}

impl Key {
    /// What happens where it is not set.
    const fn or(self, unset: &'static str) -> Self {
        Self {
            unset: Some(unset),
            ..self
        }
    }
}

/// All keys, table by table.
pub const KEYS: [Key; 57] = [
    key(
        "model.projection_dim",
        SIZE,
        "256",
        "width P of each encoder's projection",
    ),
    key(
        "model.shared_dim",
        SIZE,
        "512",
        "width Z of the shared embedding",
    ),
    key(
        "model.gate_hidden",
        SIZE,
        "128",
        "hidden width G of the gate",
    ),
    key(
        "model.head_hidden",
        SIZE,
        "256",
        "hidden width of the heads and of the domain classifier",
    ),
    key(
        "model.top_k",
        SIZE,
        "22",
        "the number k of encoders that a clip keeps; capped by how many it has",
    ),
    key(
        "model.dropout",
        Allowed::Rate,
        "at most 0.33",
        "dropout rate wherever no override is given",
    ),
    ours(
        "model.dropout_projection",
        Allowed::Rate,
        "dropout rate of the projections",
    )
    .or("model.dropout"),
    ours(
        "model.dropout_fusion",
        Allowed::Rate,
        "dropout rate of the fusion layer",
    )
    .or("model.dropout"),
    ours(
        "model.dropout_heads",
        Allowed::Rate,
        "dropout rate of the heads and of the domain classifier",
    )
    .or("model.dropout"),
    key(
        "model.gate",
        Allowed::OneOf(&["attention", "uniform"]),
        "attention",
        "how encoders are weighted: learned weights, of which the largest are kept, or all alike",
    ),
    key(
        "model.heads",
        Allowed::OneOf(&["dual", "single"]),
        "dual",
        "one head for presence and one for salience, or one that serves as both",
    ),
    key(
        "model.temperature",
        Allowed::Other("from model.temperature_min to model.temperature_max"),
        "0.7",
        "temperature τ of the gate's softmax at the start",
    ),
    key(
        "model.temperature_min",
        Allowed::Other("above 0"),
        "0.55",
        "lowest τ",
    ),
    key(
        "model.temperature_max",
        Allowed::Other("at least model.temperature_min"),
        "1.25",
        "highest τ",
    ),
    ours(
        "model.temperature_learned",
        Allowed::Switch,
        "whether τ is learned",
    ),
    key(
        "loss.presence_weight",
        Allowed::NotNegative,
        "0.68",
        "weight of the presence loss (eq. 10)",
    ),
    key(
        "loss.salience_weight",
        Allowed::NotNegative,
        "0.32",
        "weight of the salience loss (eq. 10)",
    ),
    key(
        "loss.presence",
        Allowed::OneOf(&["soft_ce", "bce"]),
        "soft_ce",
        "form of the presence loss: cross-entropy with the soft label, or binary cross-entropy of each class",
    ),
    key(
        "uda.enabled",
        Allowed::Switch,
        "with and without (Table I)",
        "whether a domain adversary is trained too",
    ),
    key(
        "uda.domain_weight",
        Allowed::NotNegative,
        "0.15",
        "weight of the domain loss (eq. 13)",
    ),
    key(
        "uda.reversal_weight",
        Allowed::NotNegative,
        "0.3",
        "factor of the gradient reversal (eq. 11)",
    ),
    ours(
        "uda.target",
        Allowed::OneOf(&["test", "validation"]),
        "where the unlabelled target rows come from; without a test split, the validation fold",
    ),
    ours(
        "train.seed",
        Allowed::Count,
        "decides initial weights, order of rows and dropout",
    ),
    ours(
        "train.batch_size",
        Allowed::Whole(2, LARGEST),
        "labelled rows a step",
    ),
    key(
        "train.lr",
        Allowed::NotNegative,
        "3e-4",
        "Adam's learning rate at the start",
    ),
    key(
        "train.weight_decay",
        Allowed::NotNegative,
        "1e-3",
        "Adam's L2 penalty, on every parameter",
    ),
    ours("train.max_epochs", SIZE, "maximum number of epochs"),
    key(
        "train.early_stop_patience",
        Allowed::Count,
        "7",
        "epochs without improvement of the monitor after which training stops",
    ),
    key(
        "train.early_stop_delta",
        Allowed::NotNegative,
        "0.001",
        "what counts as an improvement of the monitor",
    ),
    ours(
        "train.monitor",
        Allowed::OneOf(&[
            "auto", "average", "loss", "presence", "salience", "overlap", "kl",
        ]),
        "validation measure that decides which epoch is best; auto: the main measure of the training labels",
    ),
    ours(
        "train.plateau_factor",
        Allowed::Between0And1,
        "what the plateau schedule multiplies the learning rate by",
    ),
    ours(
        "train.plateau_patience",
        Allowed::Count,
        "epochs without a lower validation loss before the learning rate is reduced",
    ),
    ours(
        "train.plateau_threshold",
        Allowed::NotNegative,
        "relative fall of the loss that counts for the schedule",
    ),
    ours(
        "train.plateau_cooldown",
        Allowed::Count,
        "epochs after a reduction in which none is counted as bad",
    ),
    ours(
        "train.min_lr",
        Allowed::NotNegative,
        "the learning rate falls no lower",
    ),
    ours(
        "train.clip_norm",
        Allowed::NotNegative,
        "largest Euclidean norm of the whole gradient; 0: no clipping",
    ),
    ours(
        "train.checkpoint_seconds",
        Allowed::NotNegative,
        "seconds between saved states, from which --resume continues; 0: after every epoch; does not affect results",
    ),
    ours(
        "train.inputs",
        Allowed::OneOf(&["columns", "span"]),
        "what projections are trained on: the columns of the feature files, or coordinates in the span of the training rows, faster where clips are fewer than columns",
    ),
    ours(
        "data.standardize",
        Allowed::Other("true, \"actor\" or false"),
        "what columns are standardised by: the training rows, or each actor's own clips, labels unread; false: features as they are",
    ),
    ours(
        "data.actor_shrinkage",
        Allowed::NotNegative,
        "k: with data.standardize=\"actor\", n clips of an actor count (n − 1) / (n − 1 + k), the training rows the rest",
    ),
    ours(
        "data.clip_values",
        Allowed::NotNegative,
        "standardised values beyond ± this become ± this; 0: no bound",
    ),
    ours(
        "data.encoders",
        NAMES,
        "the encoders to use, in the order of the data set",
    )
    .or("all"),
    ours("data.classes", NAMES, "the classes in this order").or("those of the training metadata"),
    ours(
        "data.neutral",
        Allowed::Other("the name of a class"),
        "the neutral class",
    )
    .or("neu, where there is such a class"),
    ours(
        "data.folds",
        Allowed::Whole(2, 1000),
        "number of folds to make, with no actor in two, for metadata without folds",
    )
    .or("those of the metadata"),
    ours(
        "data.fold_seed",
        Allowed::Count,
        "decides between folds that are equally balanced",
    ),
    ours(
        "data.test_fold",
        Allowed::Count,
        "the fold of the training part that is the test split, in place of the folder's own",
    )
    .or("the folder's test split"),
    ours(
        "data.actor_pattern",
        Allowed::Other("a regular expression with one capture group"),
        "finds the actor in a clip's name",
    )
    .or("the column actor, or the name before its first _"),
    ours(
        "data.normalise_labels",
        Allowed::Switch,
        "whether class columns hold counts, each row of which is divided by its sum",
    ),
    key(
        "decode.rules",
        Allowed::OneOf(&["paper", "challenge"]),
        "paper",
        "decoding rules: the paper's (eqs. 14 to 16), or those of the challenge's baseline code",
    ),
    key(
        "decode.alpha",
        Allowed::NotNegative,
        "chosen on validation data",
        "exponent α of the salience in the alignment (eq. 14)",
    )
    .or("chosen on the validation fold; 1 without one"),
    key(
        "decode.presence_threshold",
        Allowed::Share,
        "chosen on validation data",
        "threshold t_p: emotions that score below it are dropped",
    )
    .or("chosen on the validation fold; 0.1 without one"),
    key(
        "decode.salience_threshold",
        Allowed::Share,
        "chosen on validation data",
        "threshold t_s: two emotions closer than this are 50/50; continuous shares are drawn together by it, at 1 to equal ones",
    )
    .or("chosen on the validation fold; else 0.1, or 0 for continuous shares"),
    ours(
        "decode.neutral",
        Allowed::OneOf(&["drop", "keep_one"]),
        "where neutral passes the threshold beside others but is not the highest: neutral is dropped and the rest decoded, or only the best other emotion is kept",
    ),
    key(
        "decode.beta",
        Allowed::NotNegative,
        "1",
        "exponent of the presence in the alignment; 0: the salience alone",
    )
    .or("1; for label distributions 0 or 1, chosen on the validation fold"),
    key(
        "decode.max_emotions",
        Allowed::Other("\"auto\" or a whole number from 1 to 1048576"),
        "2",
        "the most emotions of a clip; auto: the most that a training clip shows",
    ),
    key(
        "decode.proportions",
        Allowed::Other("\"auto\", \"continuous\", or lists of percentages"),
        "[[50, 50], [70, 30]]",
        "the proportions of several emotions; auto: those of the training labels, or continuous where they are many",
    ),
];
