//! What a span is determined by: the clips whose rows span it, and those that only have coordinates.

use super::rows::{EncoderRow, EncoderRows};
use crate::data::dataset::{Dataset, Split};
use crate::data::fingerprint::{Fingerprint, InputFile, digest};
use crate::data::standardise::Scaling;
use crate::error::{Error, Result};
use crate::kernels::micro::kernel_name;

/// Raised whenever the same clips would get other coordinates.
const VERSION: u32 = 1;

/// The clips of a run and their standardisation.
#[derive(Clone, Debug)]
pub(in crate::train) struct SpanClips<'a> {
    dataset: &'a Dataset<'a>,
    groups: Vec<Group<'a>>,
}

/// Clips of one split.
#[derive(Clone, Debug)]
pub(super) struct Group<'a> {
    split: &'a Split<'a>,
    clips: Vec<usize>,
    /// How they are standardised.
    scaling: Option<Scaling<'a>>,
    /// Whether their rows are part of the span; otherwise they only have coordinates.
    spans: bool,
    /// Whether the split is the test split.
    pub(super) of_test: bool,
}

/// What clips are to a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::train) enum Role {
    /// Their rows are part of it.
    Spans,
    /// They only have coordinates.
    OnlyCoordinates,
}

/// What clips beside the training clips, whose rows always span, are to a span: the domain adversary's target
/// rows are part of it, because they reach the loss.
#[derive(Clone, Copy, Debug)]
pub(in crate::train) struct Roles {
    /// Those of the validation fold.
    pub(in crate::train) validation: Role,
    /// All of the test split; `None`: nothing.
    pub(in crate::train) test: Option<Role>,
}

impl<'a> SpanClips<'a> {
    /// The clips of a run with their roles. `scalings` are those of the training and of the test split.
    pub(in crate::train) fn new(
        dataset: &'a Dataset<'a>,
        scalings: [Option<Scaling<'a>>; 2],
        [train, validation]: [&[usize]; 2],
        roles: Roles,
    ) -> Self {
        let group = |clips: &[usize], role| Group {
            split: &dataset.train,
            clips: clips.to_vec(),
            scaling: scalings[0],
            spans: role == Role::Spans,
            of_test: false,
        };
        let mut groups = vec![
            group(train, Role::Spans),
            group(validation, roles.validation),
        ];
        if let (Some(role), Some(test)) = (roles.test, &dataset.test) {
            groups.push(Group {
                split: test,
                clips: (0..test.len()).collect(),
                scaling: scalings[1],
                spans: role == Role::Spans,
                of_test: true,
            });
        }
        Self { dataset, groups }
    }

    pub(super) fn dataset(&self) -> &'a Dataset<'a> {
        self.dataset
    }

    pub(super) fn groups(&self) -> &[Group<'a>] {
        &self.groups
    }

    /// The rows that span an encoder's, in the order of the groups.
    pub(super) fn spanning(&self, encoder: usize) -> EncoderRows<'a> {
        let spanning = self.groups.iter().filter(|group| group.spans);
        let rows = spanning.flat_map(|group| group.rows(encoder));
        self.encoder_rows(encoder, rows.collect())
    }

    /// The rows that only have coordinates, in the order of the groups.
    pub(super) fn others(&self, encoder: usize) -> EncoderRows<'a> {
        let others = self.groups.iter().filter(|group| !group.spans);
        let rows = others.flat_map(|group| group.rows(encoder));
        self.encoder_rows(encoder, rows.collect())
    }

    /// The rows of a group that an encoder has.
    pub(super) fn rows(&self, encoder: usize, group: &Group<'a>) -> EncoderRows<'a> {
        self.encoder_rows(encoder, group.rows(encoder).collect())
    }

    fn encoder_rows(&self, encoder: usize, rows: Vec<EncoderRow<'a>>) -> EncoderRows<'a> {
        EncoderRows::new(rows, self.dataset.encoders[encoder].width)
    }

    /// Checks that a split with coordinates has the clips that the features have.
    ///
    /// # Errors
    /// [`Error::Npz`] naming a file that lacks one.
    pub(super) fn check_complete(&self, with: &Split, of_test: bool) -> Result<()> {
        let groups = self.groups.iter().filter(|group| group.of_test == of_test);
        for group in groups {
            for encoder in 0..with.encoders() {
                let (before, after) = (group.split.rows(encoder), with.rows(encoder));
                let lacks = |clip: &&usize| before[**clip].is_some() != after[**clip].is_some();
                if let Some(&clip) = group.clips.iter().find(lacks) {
                    return Err(Error::Npz {
                        path: with.features(encoder).path().to_path_buf(),
                        array: Some("filenames".into()),
                        reason: format!("lacks the clip {:?}", with.clips[clip].filename),
                    });
                }
            }
        }
        Ok(())
    }

    /// A name for everything that an encoder's coordinates depend on, given the program and the data's
    /// input files.
    pub(super) fn key(&self, encoder: usize, program: &str, inputs: &[InputFile]) -> String {
        let mut all = Fingerprint::default();
        let kernel = kernel_name().unwrap_or("none");
        let standardised = self.groups[0].scaling.is_some();
        let name = &self.dataset.encoders[encoder].name;
        let head = format!("span {VERSION}\n{program} {kernel}\n{name:?} {standardised}\n");
        all.update(head.as_bytes());
        for group in &self.groups {
            let part = if group.of_test { "test" } else { "train" };
            let file = format!("features/{part}/{name}.npz");
            let input = inputs.iter().find(|input| input.path == file);
            // Without a file of its own, whatever the data consist of.
            let input = input.map_or_else(|| digest(inputs), |input| input.sha256.clone());
            all.update(format!("{input} {} {part}\n", group.spans).as_bytes());
            if let Some(scaling) = group.scaling {
                scaling.identify(encoder, &mut all);
            }
            for &clip in &group.clips {
                all.update(format!("{:?}\n", group.split.clips[clip].filename).as_bytes());
            }
        }
        all.sha256()
    }
}

impl<'a> Group<'a> {
    pub(super) fn spans(&self) -> bool {
        self.spans
    }

    fn present(&self, encoder: usize) -> impl Iterator<Item = (usize, usize)> {
        let rows = self.split.rows(encoder);
        let clips = self.clips.iter();
        clips.filter_map(move |&clip| Some((clip, rows[clip]? as usize)))
    }

    fn rows(&self, encoder: usize) -> impl Iterator<Item = EncoderRow<'a>> {
        let (source, scaling) = (self.split.source(encoder), self.scaling);
        self.present(encoder).map(move |(clip, row)| EncoderRow {
            source,
            row,
            standardise: scaling.map(|scaling| scaling.of(encoder, clip)),
        })
    }

    /// The names of the clips that an encoder has.
    pub(super) fn names(&self, encoder: usize) -> Vec<&'a str> {
        let split = self.split;
        let name = |(clip, _): (usize, usize)| split.clips[clip].filename.as_str();
        self.present(encoder).map(name).collect()
    }
}
