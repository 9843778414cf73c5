//! Frames of synthetic clips, which aggregate to about the columns of [`super::signal`]: one `.npy`
//! `(T, d)` per clip and encoder.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use rayon::prelude::*;

use super::SynthOptions;
use super::clips::{Draw, SynthClip};
use super::signal::{Noise, SynthEncoder, World};
use crate::data::filename::clip_key;
use crate::data::registry::PAPER_ENCODERS;
use crate::formats::npz::write::npy_header;
use crate::rng::{Purpose, stream_key};
use crate::{Error, Result};

/// The first stream item of frames, after those of rows.
const FRAMES: usize = Draw::Row as usize + 4 * PAPER_ENCODERS;

/// The number of frames of a clip for an encoder of the registry: from half to one and a half times the
/// mean, at least 1.
pub fn count(seed: u64, mean: usize, index: usize, clip: &SynthClip) -> usize {
    let item = FRAMES + PAPER_ENCODERS + index;
    let key = stream_key(seed, Purpose::Synth, item, clip.number);
    let low = mean.div_ceil(2).max(1);
    // The high half of a product of 32-bit numbers: uniform up to 2⁻³² of the range.
    low + ((u64::from(key.word(0)) * (mean as u64 + 1)) >> 32) as usize
}

/// Writes the clips of one encoder into a folder, on all threads; returns the size of their values in
/// bytes. Each thread has one clip in memory.
///
/// # Errors
/// [`Error::Write`].
pub fn write(
    folder: &Path,
    options: &SynthOptions,
    mean: usize,
    (world, encoder): (&World, &SynthEncoder),
    clips: &[&SynthClip],
    progress: &(dyn Fn(u64) + Sync),
) -> Result<u64> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Error::Write { path, source }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    let size = encoder.cols() / 7;
    let written: Vec<Result<u64>> = clips
        .par_iter()
        .with_max_len(1)
        .map_init(Vec::new, |bytes: &mut Vec<u8>, clip| {
            let frames = count(options.seed, mean, encoder.index(), clip);
            bytes.clear();
            bytes.extend(npy_header(
                options.precision.descr(),
                &format!("({frames}, {size})"),
            ));
            let header = bytes.len();
            let mut columns = vec![0.0; encoder.cols()];
            encoder.fill(world, clip, &mut columns);
            let (means, spreads) = columns.split_at(size);
            let item = FRAMES + encoder.index();
            let key = stream_key(options.seed, Purpose::Synth, item, clip.number);
            let mut noise = Noise::new(key);
            let mut frame = vec![0.0; size];
            for _ in 0..frames {
                for ((value, mean), spread) in frame.iter_mut().zip(means).zip(spreads) {
                    *value = mean + spread * noise.draw();
                }
                options.precision.encode(&frame, bytes);
            }
            let path = folder.join(format!("{}.npy", clip_key(&clip.name)));
            let file = File::create(&path).and_then(|mut file| file.write_all(bytes));
            file.map_err(failed(&path))?;
            let values = (bytes.len() - header) as u64;
            progress(values);
            Ok(values)
        })
        .collect();
    written.into_iter().sum()
}
