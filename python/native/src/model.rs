//! A trained model.

use std::path::PathBuf;
use std::sync::Arc;

use blendfuse::analysis::cka::pairwise_cka;
use blendfuse::data::dataset::EncoderRows;
use blendfuse::predict::Predictor;
use numpy::ndarray::ArrayView2;
use numpy::{IntoPyArray, PyArray2, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};

use crate::arrays::{refuse_partial, single};
use crate::faults::exception;
use crate::threads::pool;

/// Features (N, D) in single precision by the name of their encoder.
type Rows<'py> = Vec<(String, PyReadonlyArray2<'py, f32>)>;

/// Presence, salience and aligned scores (N, C), gate weights before and after selection (N, M).
type Scores<'py> = [Bound<'py, PyArray2<f64>>; 5];

/// A trained model in memory; scores from any number of threads.
#[pyclass(frozen)]
pub struct Model {
    predictor: Arc<Predictor>,
}

impl Model {
    pub fn of(predictor: Arc<Predictor>) -> Self {
        Self { predictor }
    }
}

/// The weights file of a model in memory, made when it is asked for; pickled and copied as its bytes.
#[pyclass(frozen)]
pub struct Weights {
    predictor: Arc<Predictor>,
}

impl Weights {
    pub fn of(predictor: Arc<Predictor>) -> Self {
        Self { predictor }
    }
}

#[pymethods]
impl Weights {
    fn __bytes__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| self.predictor.to_bytes());
        Ok(PyBytes::new(py, &bytes.map_err(exception)?))
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyType>, (Bound<'py, PyBytes>,))> {
        Ok((py.get_type::<PyBytes>(), (self.__bytes__(py)?,)))
    }
}

/// Features of the encoders, as the library takes them.
struct Given<'a> {
    views: Vec<(&'a str, ArrayView2<'a, f32>)>,
    rows: Vec<EncoderRows<'a>>,
}

impl<'a> Given<'a> {
    fn of(features: &'a Rows<'_>) -> PyResult<Self> {
        let view = |(name, x): &'a (String, PyReadonlyArray2<'_, f32>)| (&**name, x.as_array());
        let rows = |(name, x): &'a (String, PyReadonlyArray2<'_, f32>)| single(name, x);
        Ok(Self {
            views: features.iter().map(view).collect(),
            rows: features.iter().map(rows).collect::<PyResult<_>>()?,
        })
    }

    /// What `compute` makes of them, unless a row is NaN in part.
    fn checked<T>(
        &self,
        compute: impl FnOnce(&[(&'a str, ArrayView2<'a, f32>)]) -> blendfuse::Result<T>,
    ) -> PyResult<T> {
        refuse_partial(&self.rows)?;
        compute(&self.views).map_err(exception)
    }
}

#[pymethods]
impl Model {
    /// The model of a run's folder or of a weights file.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let predictor = py.detach(|| Predictor::load(&path)).map_err(exception)?;
        Ok(Self::of(Arc::new(predictor)))
    }

    /// The model of a weights file's contents.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, weights: Vec<u8>) -> PyResult<Self> {
        let predictor = py.detach(|| Predictor::from_bytes(Arc::new(weights)));
        Ok(Self::of(Arc::new(predictor.map_err(exception)?)))
    }

    /// What the weights file says about itself, as JSON.
    fn description(&self) -> PyResult<String> {
        serde_json::to_string(self.predictor.description())
            .map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Whether the model standardises per actor.
    fn is_per_actor(&self) -> bool {
        self.predictor.is_per_actor()
    }

    /// The scores of clips; `groups` names the actor of each, for a model that standardises per actor.
    fn score<'py>(
        &self,
        py: Python<'py>,
        features: Rows<'py>,
        groups: Option<Vec<String>>,
        threads: Option<usize>,
    ) -> PyResult<Scores<'py>> {
        let (given, pool) = (Given::of(&features)?, pool(threads)?);
        let score = |views: &_| self.predictor.score_rows_of(views, groups.as_deref());
        let scores = py.detach(|| pool.install(|| given.checked(score)))?;
        let arrays = [
            scores.presence,
            scores.salience,
            scores.aligned,
            scores.gate_weights,
            scores.selected_weights,
        ];
        Ok(arrays.map(|array| array.into_pyarray(py)))
    }

    /// The emotions that aligned scores (N, C) are decoded to: for each clip places in the classes, with saliences
    /// in percent.
    fn decode(&self, aligned: PyReadonlyArray2<'_, f64>) -> PyResult<Vec<Vec<(usize, f64)>>> {
        let decoder = self.predictor.description().decoder();
        let blends = decoder.decode(aligned.as_array(), &self.predictor.classes());
        let parts = |blend: &blendfuse::data::label::Blend| {
            let parts = blend.parts().iter();
            parts.map(|part| (part.class, part.salience)).collect()
        };
        Ok(blends.map_err(exception)?.iter().map(parts).collect())
    }

    /// Linear CKA of the encoders' embeddings (M, M), NaN where it is undefined.
    fn similarity<'py>(
        &self,
        py: Python<'py>,
        features: Rows<'py>,
        groups: Option<Vec<String>>,
        threads: Option<usize>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let (given, pool) = (Given::of(&features)?, pool(threads)?);
        let compare = |views: &_| {
            let (embeddings, presence) = self.predictor.embed_rows(views, groups.as_deref())?;
            pairwise_cka(&embeddings, &presence)
        };
        let found = py.detach(|| pool.install(|| given.checked(compare)))?;
        Ok(found.into_pyarray(py))
    }
}
