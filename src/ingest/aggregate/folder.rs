//! Frames saved with NumPy: a folder of `.npy` and `.npz` files, or one `.npz`.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::frames::{FrameReader, FrameSource, as_frames, frames_shape};
use crate::formats::npy;
use crate::formats::npy::Values;
use crate::formats::npz::Npz;
use crate::kernels::pack::RowSource;
use crate::suggest::path_instead;
use crate::{Error, Result};

/// Which files of a folder are frames, and how its clips are named.
pub struct FrameSelection<'a> {
    /// Whether subfolders are searched.
    pub recursive: bool,
    /// Whether a clip in a subfolder is named by its path relative to `FRAMES`, with `/`.
    pub folders_in_names: bool,
    /// The clip of a file, by the file's name; `None` leaves the file out. See [`stem`].
    pub clip: &'a dyn Fn(&str) -> Option<String>,
    /// The array to read of each `.npz`; its clip is then named after the file.
    pub array: Option<&'a str>,
    /// Files to ignore, even in this folder: the output files.
    pub except: &'a [PathBuf],
}

/// The default name: `clip` for `clip.npy` and `clip.npz`, with the extension in any case.
pub fn stem(file: &str) -> Option<String> {
    let (stem, ending) = file.rsplit_once('.')?;
    let known = ["npy", "npz"].iter();
    let known = known
        .into_iter()
        .any(|known| ending.eq_ignore_ascii_case(known));
    (known && !stem.is_empty()).then(|| stem.to_owned())
}

/// Clips of a folder, sorted by name; hidden files and folders (`.…`) are ignored.
///
/// Each `.npy` is one clip. An `.npz` is one clip too, if it contains a single array or an array is
/// selected; otherwise each of its arrays is a clip, named after the array.
#[derive(Debug)]
pub struct FrameFolder {
    clips: Vec<String>,
    places: Vec<Place>,
    /// Number of arrays `[1, F, T]` with as many rows as openSMILE's low-level descriptors have features.
    like_opensmile: AtomicUsize,
}

/// Numbers of openSMILE's low-level descriptors: GeMAPS, eGeMAPSv02 and ComParE 2016.
const OPENSMILE_FEATURES: [usize; 4] = [18, 23, 25, 65];

#[derive(Debug)]
enum Place {
    Npy(PathBuf),
    Member {
        archive: PathBuf,
        array: String,
    },
    /// An archive that cannot be opened, or an array that is not of one clip.
    Damaged {
        archive: PathBuf,
        reason: String,
    },
}

impl FrameFolder {
    /// Number of arrays read so far that may be openSMILE's `[channels, features, time]`.
    pub fn like_opensmile(&self) -> usize {
        self.like_opensmile.load(Ordering::Relaxed)
    }

    /// Finds the frames. No values are read, but archives are opened to list their arrays; one that cannot
    /// be opened becomes a clip that is refused when it is read.
    ///
    /// # Errors
    /// [`Error::Read`] if a folder cannot be listed; [`Error::Data`] if there are no frames.
    pub fn open(path: &Path, selection: &FrameSelection<'_>) -> Result<FrameFolder> {
        let except = selection.except.iter();
        let mut search = Search {
            selection,
            except: except
                .filter_map(|path| fs::canonicalize(path).ok())
                .collect(),
            clips: Vec::new(),
            seen: HashSet::new(),
            folders: 0,
            others: 0,
            extensions: BTreeMap::new(),
        };
        if path.is_dir() {
            search.folder(path, "")?;
        } else {
            let name = path.file_name().map(|name| name.to_string_lossy());
            let is_archive = name.as_ref().is_some_and(|name| is_archive(name));
            if !path.is_file() || !is_archive {
                return Err(Error::Missing {
                    path: path.to_owned(),
                    expected: "a folder of .npy or .npz files, or one .npz".into(),
                    found: if path.exists() {
                        "it is neither of these".to_owned()
                    } else {
                        format!("no such file or folder{}", path_instead(path))
                    },
                });
            }
            search.archive(path.to_path_buf(), name.and_then(|name| stem(&name)), "");
        }
        if search.clips.is_empty() {
            return Err(search.nothing(path));
        }
        let mut clips = search.clips;
        clips.sort_by(|a, b| a.0.cmp(&b.0));
        let (clips, places) = clips.into_iter().unzip();
        Ok(FrameFolder {
            clips,
            places,
            like_opensmile: AtomicUsize::new(0),
        })
    }
}

impl FrameFolder {
    /// As [`frames_shape`]; counts what openSMILE may have written.
    fn shape(&self, shape: &[usize]) -> Result<[usize; 2], String> {
        let found = frames_shape(shape)?;
        if shape.len() == 3 && shape[0] == 1 && OPENSMILE_FEATURES.contains(&shape[1]) {
            self.like_opensmile.fetch_add(1, Ordering::Relaxed);
        }
        Ok(found)
    }
}

/// How files of another kind become frames.
fn conversion(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "csv" => {
            ".csv: vectors reads one vector per clip and openface face analyses; save other frames as .npy, [T, d], e.g. np.save('clip.npy', pandas.read_csv('clip.csv').drop(columns=['frame']).to_numpy())"
        }
        "pt" | "pth" => ".pt: np.save('clip.npy', torch.load('clip.pt').cpu().numpy())",
        "mat" => ".mat: np.save('clip.npy', scipy.io.loadmat('clip.mat')['features'])",
        "h5" | "hdf5" | "csd" => ".h5: np.save('clip.npy', h5py.File('clip.h5')['features'][()])",
        "gz" => ".gz: unpack the files",
        "pkl" | "pickle" => ".pkl: pickles are never read; save arrays with np.save",
        _ => return None,
    })
}

/// Whether a file beside an array says that several clips are in it, one after another.
fn has_lengths(array: &Path) -> bool {
    array.with_extension("lengths").is_file()
}

fn is_archive(file: &str) -> bool {
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
    ending.eq_ignore_ascii_case("npz")
}

struct Search<'a> {
    selection: &'a FrameSelection<'a>,
    clips: Vec<(String, Place)>,
    /// Canonical paths of the folders that were entered: links can form cycles.
    seen: HashSet<PathBuf>,
    /// Canonical paths of the files to ignore.
    except: HashSet<PathBuf>,
    /// Number of subfolders that were not entered.
    folders: usize,
    /// Number of files that are not frames.
    others: usize,
    /// Their extensions in lower case, with their numbers.
    extensions: BTreeMap<String, usize>,
}

impl Search<'_> {
    /// Searches a folder; `prefix` is prepended to the names of its clips.
    fn folder(&mut self, path: &Path, prefix: &str) -> Result<()> {
        let failed = |source| Error::Read {
            path: path.to_path_buf(),
            source,
        };
        if !self.seen.insert(fs::canonicalize(path).map_err(failed)?) {
            return Ok(());
        }
        let entries = fs::read_dir(path).map_err(failed)?;
        let entries = entries.map(|entry| Ok(entry?.path()));
        let mut entries = entries
            .collect::<std::io::Result<Vec<_>>>()
            .map_err(failed)?;
        entries.sort();
        for entry in entries {
            let name = entry.file_name().and_then(|name| name.to_str());
            let Some(name) = name else {
                return Err(Error::Data(format!(
                    "{}: its name is not valid Unicode; rename it",
                    entry.display()
                )));
            };
            if name.starts_with('.') {
                continue;
            }
            if entry.is_dir() {
                if self.selection.recursive {
                    let inside = if self.selection.folders_in_names {
                        format!("{prefix}{name}/")
                    } else {
                        String::new()
                    };
                    self.folder(&entry, &inside)?;
                } else {
                    self.folders += 1;
                }
                continue;
            }
            // The extension decides how to read a file, whatever its clip is named.
            let clip = stem(name).and_then(|_| (self.selection.clip)(name));
            match clip {
                None => {
                    self.others += 1;
                    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
                    *self
                        .extensions
                        .entry(extension.to_ascii_lowercase())
                        .or_default() += 1;
                }
                Some(_) if self.is_output(&entry) => {}
                Some(clip) if is_archive(name) => {
                    self.archive(entry.clone(), Some(clip), prefix);
                }
                Some(clip) => {
                    let name = format!("{prefix}{clip}");
                    let place = match has_lengths(&entry) {
                        false => Place::Npy(entry.clone()),
                        true => Place::Damaged {
                            archive: entry.clone(),
                            reason: "the .lengths file beside it says that it holds several clips, one after another; save one array per clip".into(),
                        },
                    };
                    self.clips.push((name, place));
                }
            }
        }
        Ok(())
    }

    fn is_output(&self, file: &Path) -> bool {
        let is_one = |path| self.except.contains(&path);
        !self.except.is_empty() && fs::canonicalize(file).is_ok_and(is_one)
    }

    fn archive(&mut self, archive: PathBuf, clip: Option<String>, prefix: &str) {
        let clip = format!("{prefix}{}", clip.unwrap_or_default());
        if let Some(array) = self.selection.array {
            let array = array.to_owned();
            self.clips.push((clip, Place::Member { archive, array }));
            return;
        }
        let mut arrays = match Npz::open(&archive) {
            Ok(npz) => npz.arrays(),
            Err(error) => {
                let reason = reason(error);
                self.clips.push((clip, Place::Damaged { archive, reason }));
                return;
            }
        };
        match arrays.pop() {
            None => {
                let reason = "contains no array; expected frames [T, d]".into();
                self.clips.push((clip, Place::Damaged { archive, reason }));
            }
            Some(array) if arrays.is_empty() => {
                self.clips.push((clip, Place::Member { archive, array }));
            }
            Some(last) => {
                arrays.push(last);
                self.clips.extend(arrays.into_iter().map(|array| {
                    let archive = archive.clone();
                    (format!("{prefix}{array}"), Place::Member { archive, array })
                }));
            }
        }
    }

    fn nothing(&self, path: &Path) -> Error {
        let mut found = Vec::new();
        if self.others > 0 {
            let s = if self.others == 1 { "" } else { "s" };
            let most = self.extensions.iter().max_by_key(|(_, count)| **count);
            let conversion = most.and_then(|(extension, _)| conversion(extension));
            let conversion = conversion.map(|how| format!(" ({how})"));
            found.push(format!(
                "{} other file{s}{}",
                self.others,
                conversion.unwrap_or_default()
            ));
        }
        if self.folders > 0 {
            let folders = self.folders;
            let s = if folders == 1 { "" } else { "s" };
            found.push(format!("{folders} folder{s}"));
        }
        if found.is_empty() {
            found.push("nothing".into());
        }
        Error::NoFiles {
            path: path.to_owned(),
            expected: "frames, as .npy or .npz files".into(),
            found: found.join(" and "),
            unsearched: self.folders > 0,
        }
    }
}

impl FrameSource for FrameFolder {
    fn clips(&self) -> &[String] {
        &self.clips
    }

    fn origin(&self, clip: usize) -> String {
        match &self.places[clip] {
            Place::Npy(path) => path.display().to_string(),
            Place::Damaged { archive, .. } => archive.display().to_string(),
            Place::Member { archive, array } => format!("{}, array {array}", archive.display()),
        }
    }

    fn reader(&self) -> Box<dyn FrameReader + '_> {
        Box::new(Reader {
            folder: self,
            values: Values::default(),
            open: None,
        })
    }
}

struct Reader<'a> {
    folder: &'a FrameFolder,
    values: Values,
    /// The most recently read archive.
    open: Option<Npz>,
}

impl FrameReader for Reader<'_> {
    fn read(&mut self, clip: usize) -> Result<RowSource<'_>, String> {
        let cols = match &self.folder.places[clip] {
            Place::Damaged { reason, .. } => return Err(reason.clone()),
            Place::Npy(path) => {
                let memory = std::mem::take(&mut self.values);
                let read = npy::with_file(path, |reader, header| {
                    header.require_numbers()?;
                    let [_, cols] = self.folder.shape(&header.shape)?;
                    let values = npy::read_numbers_into(reader, &header, memory)?;
                    Ok((values, cols))
                });
                let (values, cols) = read.map_err(reason)?;
                self.values = values;
                cols
            }
            Place::Member { archive, array } => {
                if self.open.as_ref().is_none_or(|open| open.path() != archive) {
                    self.open = None;
                    self.open = Some(Npz::open(archive).map_err(reason)?);
                }
                let Some(npz) = &mut self.open else {
                    return Err("cannot be opened".into());
                };
                let header = npz.header(array).map_err(reason)?;
                header.require_numbers()?;
                let [_, cols] = self.folder.shape(&header.shape)?;
                let memory = std::mem::take(&mut self.values);
                self.values = npz.numbers_into(array, memory).map_err(reason)?.values;
                cols
            }
        };
        Ok(as_frames(&self.values, cols))
    }
}

/// An error without its path, which the clip's origin already gives.
fn reason(error: Error) -> String {
    match error {
        Error::Npz { reason, .. } => reason,
        Error::Read { source, .. } => format!("cannot be read ({source})"),
        other => other.to_string(),
    }
}
