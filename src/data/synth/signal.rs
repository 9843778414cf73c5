//! The features of a clip as seen by each encoder.
//!
//! Each family of encoders has latent factors z (K) of a clip: the emotions shown, as far as the
//! family can distinguish them under the clip's condition; the actor; a domain shift of the
//! test split; and noise that the whole family shares. An encoder sees its family's factors, scaled
//! by its quality, and private noise. For frame feature j it draws a mean mⱼ = Aⱼ·z and a spread
//! sⱼ = exp(Bⱼ·z), and its columns are those of the seven temporal statistics: mⱼ, sⱼ and the
//! percentiles mⱼ + q sⱼ of a normal distribution, each with measurement noise.

use super::SynthOptions;
use super::clips::{Condition, Draw, SynthClip, TRAIN_ACTORS, normal, stream};
use crate::data::label::CHALLENGE_CLASSES;
use crate::data::registry::{PAPER_ENCODERS, REGISTRY};
use crate::kernels::counter::StreamKey;
use crate::rng::{Purpose, Stream, stream_key};

const CLASSES: usize = CHALLENGE_CLASSES.len();
/// Factors of a family.
const SHARED: usize = 8;
/// Private factors of an encoder.
const PRIVATE: usize = 4;
const FACTORS: usize = SHARED + PRIVATE;

/// Quantiles of the standard normal distribution at 10, 25, 50, 75 and 90 percent.
const QUANTILES: [f64; 5] = [-1.281_552, -0.674_490, 0.0, 0.674_490, 1.281_552];

/// Spread of an actor's appearance and voice, for training and test actors.
const ACTOR_SPREAD: [f64; 2] = [0.5, 0.7];
/// Length of the sign of an encoder that sees nothing.
const NOTICED: f64 = 1.5;
/// Noise that a family shares.
const SHARED_NOISE: f64 = 0.55;
/// Stream item of the other emotion that an obstructed family sees, after those of all encoders.
const DISTRACTOR: usize = Draw::Row as usize + 3 * PAPER_ENCODERS;
/// Spread of each factor of an encoder that sees nothing.
const BLIND_NOISE: f64 = 1.2;
/// Measurement noise of one column, in units of its spread over clips.
const COLUMN_NOISE: f64 = 0.8;

/// Encoders that see the same things.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Family {
    /// Its name in the ground truth.
    pub name: &'static str,
    /// How well it distinguishes each class, in class order.
    pub usefulness: [f64; CLASSES],
    /// The remaining share of that if the face is hidden, and if the voice is masked.
    pub left: [f64; 2],
}

/// ang, disg, fea, hap, sad, neu.
const FAMILIES: [Family; 6] = [
    Family {
        name: "face",
        usefulness: [0.9, 1.0, 0.8, 1.0, 0.7, 0.8],
        left: [0.05, 1.0],
    },
    Family {
        name: "image",
        usefulness: [0.5, 0.7, 0.5, 0.9, 0.4, 0.6],
        left: [0.3, 1.0],
    },
    Family {
        name: "vision-language",
        usefulness: [0.8, 0.8, 0.9, 0.9, 0.8, 0.7],
        left: [0.4, 1.0],
    },
    Family {
        name: "audiovisual",
        usefulness: [0.8, 0.6, 0.7, 0.8, 0.8, 0.7],
        left: [0.5, 0.5],
    },
    Family {
        name: "affective speech",
        usefulness: [1.0, 0.5, 0.7, 0.8, 1.0, 0.9],
        left: [1.0, 0.05],
    },
    Family {
        name: "speech",
        usefulness: [0.8, 0.3, 0.5, 0.5, 0.7, 0.6],
        left: [1.0, 0.2],
    },
];

fn family_of(name: &str) -> usize {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    if starts(&["openface", "videomae", "video_swin"]) {
        0
    } else if starts(&["internvl"]) {
        2
    } else if starts(&["hicmae", "imagebind"]) {
        3
    } else if starts(&["emotion2vec", "wav2vec2_large_robust_emotion"]) {
        4
    } else if starts(&["clap", "wavlm", "wav2vec2", "hubert", "whisper"]) {
        5
    } else {
        1
    }
}

/// The random quantities that all encoders share.
pub struct World {
    seed: u64,
    lost: f64,
    distraction: f64,
    families: Vec<Factors>,
}

/// Directions in the factors of one family.
struct Factors {
    /// Of each class, of equal length.
    classes: [[f64; SHARED]; CLASSES],
    /// Of a hidden face and of a masked voice: the sign of an obstructed family.
    conditions: [[f64; SHARED]; 2],
    /// Of the test split.
    domain: [f64; SHARED],
}

impl World {
    /// Draws the families.
    pub fn draw(options: &SynthOptions) -> World {
        let seed = options.seed;
        let families = (0..FAMILIES.len())
            .map(|family| {
                let mut stream = stream(seed, Draw::World, family);
                let mut direction = |length: f64| {
                    let raw: [f64; SHARED] = std::array::from_fn(|_| normal(&mut stream));
                    let norm = raw.iter().map(|x| x * x).sum::<f64>().sqrt();
                    raw.map(|x| length * x / norm)
                };
                Factors {
                    classes: std::array::from_fn(|_| direction(3.6)),
                    conditions: std::array::from_fn(|_| direction(NOTICED)),
                    domain: direction(options.scenario.domain_shift),
                }
            })
            .collect();
        World {
            seed,
            lost: options.scenario.lost,
            distraction: options.scenario.distraction,
            families,
        }
    }

    /// A family's factors of a clip: the same for all its encoders.
    fn factors(&self, family: usize, clip: &SynthClip) -> [f64; SHARED] {
        let (kind, directions) = (&FAMILIES[family], &self.families[family]);
        let (left, hidden) = match clip.condition {
            Condition::Clear => (1.0, None),
            Condition::FaceHidden => (kind.left[0], Some(0)),
            Condition::VoiceMasked => (kind.left[1], Some(1)),
        };
        let test = usize::from(clip.actor >= TRAIN_ACTORS);
        let steps = FAMILIES.len();
        let mut actor = stream(self.seed, Draw::World, (1 + clip.actor) * steps + family);
        let mut noise = stream(self.seed, Draw::Shared, clip.number * steps + family);
        // The same distractor for all families: it is seen or heard instead of the clip.
        let distractor =
            Stream::new(self.seed, Purpose::Synth, DISTRACTOR, clip.number).below(CLASSES);
        std::array::from_fn(|k| {
            let classes = 0..CLASSES;
            let told: f64 = classes
                .map(|c| kind.usefulness[c] * clip.shown[c] * directions.classes[c][k])
                .sum();
            let noticed = if self.distraction > 0.0 {
                left
            } else {
                1.0 - left
            };
            let blind = hidden.map_or(0.0, |which| noticed * directions.conditions[which][k]);
            left * told
                + (1.0 - left)
                    * self.distraction
                    * kind.usefulness[distractor]
                    * directions.classes[distractor][k]
                + blind
                + ACTOR_SPREAD[test] * normal(&mut actor)
                + test as f64 * directions.domain[k]
                + SHARED_NOISE * normal(&mut noise)
        })
    }
}

/// Which of the encoders see nothing of the emotion.
pub fn blind(options: &SynthOptions, encoders: usize) -> Vec<bool> {
    let count = options.scenario.blind_of(encoders);
    let mut order: Vec<usize> = (0..encoders).collect();
    stream(options.seed, Draw::Blind, 0).shuffle(&mut order);
    let mut blind = vec![false; encoders];
    order[..count].iter().for_each(|&place| blind[place] = true);
    blind
}

/// One encoder: its fixed weights.
pub struct SynthEncoder {
    index: usize,
    family: usize,
    blind: bool,
    quality: f64,
    /// The mean of its factors if it sees nothing of a clip.
    noticed: [f64; SHARED],
    features: Vec<FrameFeature>,
}

/// One feature of a frame.
struct FrameFeature {
    offset: f64,
    scale: f64,
    mean: [f64; FACTORS],
    spread: [f64; FACTORS],
}

impl SynthEncoder {
    /// Draws the weights of the registry's encoder `index` with `frame_size` features per frame.
    pub fn draw(seed: u64, index: usize, frame_size: usize, blind: bool) -> SynthEncoder {
        let mut stream = stream(seed, Draw::Weights, index);
        let quality = if blind {
            0.0
        } else {
            0.5 + 0.5 * stream.uniform()
        };
        let features = (0..frame_size)
            .map(|_| FrameFeature {
                offset: normal(&mut stream),
                scale: (0.7 * normal(&mut stream)).exp(),
                mean: std::array::from_fn(|_| normal(&mut stream) / (FACTORS as f64).sqrt()),
                spread: std::array::from_fn(|_| 0.1 * normal(&mut stream)),
            })
            .collect();
        let mut stream = self::stream(seed, Draw::Weights, REGISTRY.len() + index);
        let raw: [f64; SHARED] = std::array::from_fn(|_| normal(&mut stream));
        let norm = raw.iter().map(|x| x * x).sum::<f64>().sqrt();
        SynthEncoder {
            noticed: raw.map(|x| NOTICED * x / norm),
            index,
            family: family_of(REGISTRY[index].name),
            blind,
            quality,
            features,
        }
    }

    /// Its index in the registry.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Name of its feature file.
    pub fn name(&self) -> &'static str {
        REGISTRY[self.index].name
    }

    /// Columns: seven statistics of each frame feature.
    pub fn cols(&self) -> usize {
        7 * self.features.len()
    }

    /// The encoders that it shares information with.
    pub fn family(&self) -> Family {
        FAMILIES[self.family]
    }

    /// The scale of its family's factors; 0 if it sees nothing.
    pub fn quality(&self) -> f64 {
        self.quality
    }

    /// Whether it sees nothing of the emotion.
    pub fn is_blind(&self) -> bool {
        self.blind
    }

    /// Whether it is not blind but sees nothing of this clip.
    pub fn loses(&self, world: &World, clip: &SynthClip) -> bool {
        let item = Draw::Row as usize + 2 * REGISTRY.len() + self.index;
        let mut stream = Stream::new(world.seed, Purpose::Synth, item, clip.number);
        !self.blind && stream.uniform() < world.lost
    }

    /// Fills the row `(cols)` of a clip.
    pub fn fill(&self, world: &World, clip: &SynthClip, out: &mut [f64]) {
        let key = stream_key(
            world.seed,
            Purpose::Synth,
            Draw::Row as usize + self.index,
            clip.number,
        );
        let mut noise = Noise::new(key);
        let shared = world.factors(self.family, clip);
        let mut private = Stream::new(
            world.seed,
            Purpose::Synth,
            Draw::Row as usize + REGISTRY.len() + self.index,
            clip.number,
        );
        let lost = self.loses(world, clip);
        let z: [f64; FACTORS] = std::array::from_fn(|k| match shared.get(k) {
            Some(_) if lost => self.noticed[k] + BLIND_NOISE * normal(&mut private),
            Some(&seen) if !self.blind => self.quality * seen,
            // A blind encoder has strong factors too, but shares them with no other.
            Some(_) => BLIND_NOISE * normal(&mut private),
            None => 0.7 * normal(&mut private),
        });
        let size = self.features.len();
        let dot =
            |weights: &[f64; FACTORS]| -> f64 { weights.iter().zip(&z).map(|(w, z)| w * z).sum() };
        for (j, feature) in self.features.iter().enumerate() {
            let mean = dot(&feature.mean) + COLUMN_NOISE * noise.draw();
            let spread = (dot(&feature.spread) + 0.2 * noise.draw()).exp();
            let column = |x: f64| feature.offset + feature.scale * x;
            out[j] = column(mean);
            out[size + j] = feature.scale * spread;
            for (p, quantile) in QUANTILES.iter().enumerate() {
                out[(2 + p) * size + j] = column(mean + spread * (quantile + 0.1 * noise.draw()));
            }
        }
    }
}

/// Noise of unit variance, symmetric and triangular: a thousand million of these are drawn at the
/// full size, so one random word each and no logarithm.
pub struct Noise {
    key: StreamKey,
    block: u64,
    words: [u32; 4],
    left: usize,
}

impl Noise {
    /// Starts a stream.
    pub fn new(key: StreamKey) -> Self {
        Self {
            key,
            block: 0,
            words: [0; 4],
            left: 0,
        }
    }

    /// The next number.
    pub fn draw(&mut self) -> f64 {
        if self.left == 0 {
            self.words = self.key.block(self.block);
            self.block += 1;
            self.left = 4;
        }
        self.left -= 1;
        let word = self.words[self.left];
        // The sum of two uniform numbers in ±1/2 has variance 1/6.
        let sum = f64::from((word >> 16) + (word & 0xffff) + 1) / 65_536.0 - 1.0;
        sum * 6f64.sqrt()
    }
}
