//! Training on arrays: in a thread of its own, while Python's listens for Ctrl-C and tells the progress.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use blendfuse::artifact::history::EpochRecord;
use blendfuse::config::Config;
use blendfuse::data::dataset::{Dataset, Folds, LabelledRows};
use blendfuse::data::label::Classes;
use blendfuse::data::metadata::NewFolds;
use blendfuse::encoders::Modality;
use blendfuse::train::{Observer, Options, Run, Stop, Trained};
use numpy::ndarray::Array1;
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray2};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use serde_json::Value;

use crate::arrays::{Named, borrowed, refuse_partial};
use crate::faults::exception;
use crate::model::{Model, Weights};
use crate::threads::pool;

/// How often Python's signals are looked at.
const LISTENING: Duration = Duration::from_millis(20);

/// What to train on, and how; a dictionary with these keys.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Request<'py> {
    /// Features (N, D) in C order by encoder; a row of NaN where the encoder lacks the clip.
    features: Vec<Named<'py>>,
    /// The same of unlabelled clips, for domain adaptation; None without.
    target_features: Option<Vec<Named<'py>>>,
    /// The group of each unlabelled clip; None: unknown.
    target_groups: Option<Vec<String>>,
    /// Encoders whose place is told, with their modality; None: the usual one.
    modalities: Vec<(String, Option<String>)>,
    /// Names of the classes.
    classes: Vec<String>,
    /// Soft labels (N, C).
    targets: PyReadonlyArray2<'py, f64>,
    /// The group of each clip; None: each clip is its own.
    groups: Option<Vec<String>>,
    /// The fold of each clip, if folds are given.
    folds: Option<Vec<Option<usize>>>,
    /// The number of folds to make.
    new_folds: Option<usize>,
    /// The fold that validates.
    fold: Option<usize>,
    /// Settings as in a configuration file, as JSON.
    settings: String,
    /// Number of threads; None: one for each processor.
    threads: Option<usize>,
}

/// A model, its weights, those of the last epoch where they are others, the mean weight of each encoder, and what ended
/// training early.
type Fitted = (
    Model,
    Weights,
    Option<Weights>,
    Py<PyArray1<f64>>,
    Option<PyErr>,
);

/// What the training thread tells.
enum Event {
    Warning(String),
    Epoch(Box<EpochRecord>),
}

/// Passes on what a run tells.
struct Teller {
    to: Sender<Event>,
    /// Whether anybody wants to know how far it is.
    progress: bool,
}

impl Teller {
    fn tell(&self, event: Event) {
        // Nobody listens any more only if the other thread has failed, which ends this one too.
        let _told = self.to.send(event);
    }
}

impl Observer for Teller {
    fn warning(&mut self, text: &str) {
        self.tell(Event::Warning(text.to_owned()));
    }

    fn epoch(&mut self, record: &EpochRecord) {
        if self.progress {
            self.tell(Event::Epoch(Box::new(record.clone())));
        }
    }
}

/// The configuration of settings as JSON, laid over the defaults.
fn configured(settings: &str) -> PyResult<Config> {
    let settings: Value =
        serde_json::from_str(settings).map_err(|error| PyValueError::new_err(error.to_string()))?;
    Config::from_overrides(&[settings]).map_err(exception)
}

/// Every dotted key of a configuration with its default, as JSON.
#[pyfunction]
pub fn default_settings() -> PyResult<String> {
    let keys: serde_json::Map<String, Value> = Config::keys().into_iter().collect();
    serde_json::to_string(&keys).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// A modality by its name.
fn modality(name: &str) -> PyResult<Modality> {
    serde_json::from_value(Value::from(name)).map_err(|_| {
        PyValueError::new_err(format!(
            "modalities: found {name:?}; expected video, audio, multimodal or other"
        ))
    })
}

/// Trains, and writes a run's files but its weights into the empty folder `out`, which the caller reads and removes.
///
/// `hear` is called with `"warning"` and a text, and with `wants_progress` also with `"epoch"` and its record as JSON. On Ctrl-C, or when
/// `hear` raises, training ends within a step with the best weights so far.
///
/// Gives the model, its weights file, that of the last epoch unless it is the same, the mean weight of each encoder
/// before selection over all labelled clips, and the exception that ended training early, if one did.
#[pyfunction]
pub fn train(
    py: Python<'_>,
    request: Request<'_>,
    out: PathBuf,
    hear: Py<PyAny>,
    wants_progress: bool,
) -> PyResult<Fitted> {
    let config = configured(&request.settings)?;
    let features = borrowed(&request.features)?;
    let target_features = request
        .target_features
        .as_deref()
        .map(borrowed)
        .transpose()?;
    let listed = request.modalities.iter().map(|(name, told)| {
        let told = told.as_deref().map(modality).transpose()?;
        Ok((name.clone(), told))
    });
    let listed = listed.collect::<PyResult<Vec<_>>>()?;
    let classes = Classes::new(request.classes.iter().cloned());
    let folds = match (&request.folds, request.new_folds) {
        (Some(folds), _) => Folds::Given(folds),
        (None, Some(count)) => Folds::Make(NewFolds {
            count,
            seed: config.data.fold_seed,
        }),
        (None, None) => Folds::None,
    };
    let rows = LabelledRows {
        features: &features,
        test_features: target_features.as_deref(),
        test_actors: request.target_groups.as_deref(),
        listed: &listed,
        classes: &classes,
        targets: request.targets.as_array(),
        actors: request.groups.as_deref(),
        folds,
    };
    let (stop, pool) = (Stop::default(), pool(request.threads)?);
    let options = Options {
        fold: request.fold,
        stop: stop.clone(),
        finish_when_stopped: true,
        scratch: true,
        // Arrays have no files whose hashes could be told.
        inputs: Some(Vec::new()),
        ..Options::default()
    };
    let (to, from) = channel();
    let teller = Teller {
        to,
        progress: wants_progress,
    };
    let (trained, heard) = py.detach(|| {
        thread::scope(|scope| {
            let work = || pool.install(|| run(&rows, &config, options, &out, teller));
            let worker = scope.spawn(work);
            let heard = listen(from, &hear, &stop);
            (worker.join(), heard)
        })
    });
    match trained {
        Ok(Ok((Trained { best, last }, importances))) => Ok((
            Model::of(Arc::clone(&best)),
            Weights::of(Arc::clone(&best)),
            (!Arc::ptr_eq(&best, &last)).then(|| Weights::of(last)),
            importances.into_pyarray(py).unbind(),
            heard.err(),
        )),
        // What ended training is told rather than what came of it.
        Ok(Err(error)) => Err(match heard {
            Err(exception) => exception,
            // A row that is NaN in part is told in the words of every method that takes features.
            Ok(()) => refuse_partial(&features)
                .err()
                .unwrap_or_else(|| exception(error)),
        }),
        Err(_) => Err(PyRuntimeError::new_err(
            "internal error in training, please report it",
        )),
    }
}

fn run(
    rows: &LabelledRows<'_, '_>,
    config: &Config,
    options: Options,
    out: &Path,
    mut teller: Teller,
) -> blendfuse::Result<(Trained, Array1<f64>)> {
    let data = Dataset::in_memory(rows, &config.data)?;
    for note in data.notes() {
        teller.warning(&note);
    }
    let outcome = Run::prepare(&data, config, options)?.train(out, &mut teller)?;
    if let Some(fault) = outcome.manifest.fault {
        teller.warning(&fault.text);
    }
    let trained = outcome
        .trained
        .ok_or_else(|| blendfuse::Error::Data("the run left no model in memory".into()))?;
    let clips: Vec<usize> = (0..data.train.len()).collect();
    let importances = trained.best.importances(&data.train, &clips)?;
    Ok((trained, importances))
}

/// Calls Python with what is told until training ends, and looks for signals; the first exception asks it to stop.
fn listen(from: Receiver<Event>, hear: &Py<PyAny>, stop: &Stop) -> PyResult<()> {
    let mut heard = Ok(());
    loop {
        let event = match from.recv_timeout(LISTENING) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return heard,
        };
        if heard.is_err() {
            continue;
        }
        heard = Python::attach(|py| {
            py.check_signals()?;
            event.map_or(Ok(()), |event| pass_on(py, hear, event))
        });
        if heard.is_err() {
            stop.ask();
        }
    }
}

fn pass_on(py: Python<'_>, hear: &Py<PyAny>, event: Event) -> PyResult<()> {
    let (kind, text) = match event {
        Event::Warning(text) => ("warning", text),
        Event::Epoch(record) => {
            let text = serde_json::to_string(&*record);
            (
                "epoch",
                text.map_err(|error| PyRuntimeError::new_err(error.to_string()))?,
            )
        }
    };
    hear.call1(py, (kind, text))?;
    Ok(())
}
