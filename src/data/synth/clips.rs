//! The cast: actors, folds, clips and their names, as in BlEmoRE.

use rand_distr::{Distribution, StandardNormal};

use super::SynthOptions;
use crate::data::label::CHALLENGE_CLASSES;
use crate::rng::{Purpose, Stream};

pub const TRAIN_ACTORS: usize = 47;
pub const TEST_ACTORS: usize = 11;
const FOLDS: usize = 5;
const CLASSES: usize = CHALLENGE_CLASSES.len();
/// The neutral class, the last one.
const NEUTRAL: usize = CLASSES - 1;
/// Each emotion at four intensities, neutral in four situations, each pair in three proportions.
const TAKES: usize = 4;
const PROPORTIONS: [(u8, u8); 3] = [(50, 50), (70, 30), (30, 70)];

/// The kinds of random streams of synthetic data; they are independent.
#[derive(Clone, Copy)]
pub enum Draw {
    /// Which clips there are, and the folds.
    Cast,
    /// A clip's latent state.
    Clip,
    /// The families of encoders, the domain shift, and how actors look to a family.
    World,
    /// Noise that a family shares for a clip.
    Shared,
    /// Which encoders see nothing.
    Blind,
    /// Order and gaps of a feature file.
    Rows,
    /// An encoder's fixed weights.
    Weights,
    /// A row of an encoder: this and the following items, by its place in the registry.
    Row,
}

/// The stream of a kind, at a step.
pub fn stream(seed: u64, draw: Draw, step: usize) -> Stream {
    Stream::new(seed, Purpose::Synth, draw as usize, step)
}

/// A standard normal number.
pub fn normal(stream: &mut Stream) -> f64 {
    StandardNormal.sample(stream)
}

/// Obstructions that make a clip invisible to some of the encoders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Clear,
    /// The face cannot be seen.
    FaceHidden,
    /// The voice cannot be heard.
    VoiceMasked,
}

impl Condition {
    /// The name in the ground truth.
    pub fn name(self) -> &'static str {
        match self {
            Condition::Clear => "clear",
            Condition::FaceHidden => "face hidden",
            Condition::VoiceMasked => "voice masked",
        }
    }
}

/// The emotions that a clip is meant to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// An emotion at an intensity from 0, or neutral in a situation.
    Single { class: usize, take: usize },
    /// Two emotions with saliences in percent, in class order.
    Mix {
        classes: [usize; 2],
        saliences: (u8, u8),
    },
}

impl Script {
    fn all() -> Vec<Script> {
        let singles = (0..CLASSES)
            .flat_map(|class| (0..TAKES).map(move |take| Script::Single { class, take }));
        let pairs = (0..NEUTRAL).flat_map(|a| (a + 1..NEUTRAL).map(move |b| [a, b]));
        let mixes = pairs
            .flat_map(|classes| PROPORTIONS.map(|saliences| Script::Mix { classes, saliences }));
        singles.chain(mixes).collect()
    }

    /// The challenge's name of the clip, without its extension.
    fn name(&self, actor: &str, version: usize) -> String {
        let class = |class: usize| CHALLENGE_CLASSES[class];
        match *self {
            Script::Single {
                class: emotion,
                take,
            } => {
                let kind = if emotion == NEUTRAL { "sit" } else { "int" };
                format!("{actor}_{}_{kind}{}_ver{version}", class(emotion), take + 1)
            }
            Script::Mix {
                classes: [a, b],
                saliences: (x, y),
            } => {
                format!("{actor}_mix_{}_{}_{x}_{y}_ver{version}", class(a), class(b))
            }
        }
    }

    /// Proportions of the classes.
    pub fn mixture(&self) -> [f64; CLASSES] {
        let mut mixture = [0.0; CLASSES];
        match *self {
            Script::Single { class, .. } => mixture[class] = 1.0,
            Script::Mix {
                classes: [a, b],
                saliences: (x, y),
            } => {
                mixture[a] = f64::from(x) / 100.0;
                mixture[b] = f64::from(y) / 100.0;
            }
        }
        mixture
    }

    /// The cells mix, emotion_1, emotion_2 and their saliences.
    pub fn label_cells(&self) -> [String; 5] {
        let class = |class: usize| CHALLENGE_CLASSES[class].to_string();
        match *self {
            Script::Single { class: emotion, .. } => [
                "0".into(),
                class(emotion),
                String::new(),
                String::new(),
                String::new(),
            ],
            Script::Mix {
                classes: [a, b],
                saliences: (x, y),
            } => ["1".into(), class(a), class(b), x.to_string(), y.to_string()],
        }
    }
}

/// One clip with everything that determines its features.
#[derive(Clone, Debug)]
pub struct SynthClip {
    /// Its name in metadata and feature files.
    pub name: String,
    /// Its name in the challenge's form, which a test clip hides.
    pub full_name: String,
    /// The index of the actor.
    pub actor: usize,
    /// The actor's name.
    pub actor_name: String,
    /// The fold of its actor; `None` for test clips.
    pub fold: Option<usize>,
    /// The emotions it is meant to show.
    pub script: Script,
    /// The obstruction.
    pub condition: Condition,
    /// The actual strength of each class: the script's mixture, imperfectly acted, at the clip's
    /// intensity.
    pub shown: [f64; CLASSES],
    /// Its number among all clips: the key of its streams.
    pub number: usize,
}

/// All clips.
#[derive(Clone, Debug)]
pub struct Cast {
    /// Clips of the training actors.
    pub train: Vec<SynthClip>,
    /// Clips of the test actors.
    pub test: Vec<SynthClip>,
}

impl Cast {
    /// Draws clips. Each actor plays the scripts in a random order, and actors take turns, so that any
    /// number of clips is spread evenly; once all scripts are played, second versions follow.
    pub fn draw(options: &SynthOptions) -> Cast {
        let mut stream = stream(options.seed, Draw::Cast, 0);
        let mut folds: Vec<usize> = (0..TRAIN_ACTORS).map(|actor| actor % FOLDS).collect();
        stream.shuffle(&mut folds);
        let part = |first: usize, actors: usize, count: usize| -> Vec<SynthClip> {
            let scripts: Vec<Vec<Script>> = (first..first + actors)
                .map(|actor| {
                    let mut scripts = Script::all();
                    self::stream(options.seed, Draw::Cast, 1 + actor).shuffle(&mut scripts);
                    scripts
                })
                .collect();
            let clip = |n: usize| {
                let (actor, played) = (n % actors, n / actors);
                let script = scripts[actor][played % scripts[actor].len()];
                let version = 1 + played / scripts[actor].len();
                SynthClip::draw(options, first + actor, script, version, n)
            };
            (0..count).map(clip).collect()
        };
        let mut train = part(0, TRAIN_ACTORS, options.train_clips);
        let mut test = part(TRAIN_ACTORS, TEST_ACTORS, options.test_clips);
        for clip in &mut train {
            clip.fold = Some(folds[clip.actor]);
        }
        train.sort_by(|a, b| a.full_name.cmp(&b.full_name));
        // Anonymous names in a random order.
        stream.shuffle(&mut test);
        for (n, clip) in test.iter_mut().enumerate() {
            clip.name = format!("test_{:04}.mov", n + 1);
        }
        Cast { train, test }
    }
}

impl SynthClip {
    fn draw(
        options: &SynthOptions,
        actor: usize,
        script: Script,
        version: usize,
        n: usize,
    ) -> SynthClip {
        let actor_name = format!("A{}", 101 + actor);
        let name = script.name(&actor_name, version);
        // Training clips have even numbers, test clips odd ones.
        let number = 2 * n + usize::from(actor >= TRAIN_ACTORS);
        let mut stream = stream(options.seed, Draw::Clip, number);
        let hidden = options.scenario.hidden;
        let condition = match stream.uniform() {
            u if u < 1.0 - 2.0 * hidden => Condition::Clear,
            u if u < 1.0 - hidden => Condition::FaceHidden,
            _ => Condition::VoiceMasked,
        };
        let intensity = match script {
            Script::Single { class: NEUTRAL, .. } => 0.8,
            Script::Single { take, .. } => 0.7 + 0.2 * take as f64,
            Script::Mix { .. } => 1.1,
        };
        // Acting is imperfect: 70 to 30 is not exact, and single emotions have traces of others.
        let shown = script
            .mixture()
            .map(|share| (intensity * (share + 0.05 * normal(&mut stream))).max(0.0));
        SynthClip {
            name: name.clone(),
            full_name: name,
            actor,
            actor_name,
            fold: None,
            script,
            condition,
            shown,
            number,
        }
    }
}
