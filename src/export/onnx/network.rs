//! The network as a graph: the computation of `model::inference`, operation by operation.
//!
//! Value names follow those of the weights file. The last steps of the heads run in double precision:
//! they are cheap, and the single-precision sigmoids of runtimes lose digits of small probabilities,
//! whose ratios matter in the alignment.

use super::graph::{Graph, int, ints};
use super::proto::data_type;
use super::{ALIGNED, KEPT, OUTPUTS, PRESENCE, SALIENCE, WEIGHTS};
use crate::data::standardise::Standardisation;
use crate::eval::align::EPSILON;
use crate::kernels::rowwise::RENORMALISE_EPS;
use crate::model::FoldedLayers;
use crate::nn::Folded;
use crate::predict::Predictor;
use crate::{Error, Result};

// Constants that several nodes share.
const ZERO: &str = "constants/zero";
const ONE: &str = "constants/one";
const NAN: &str = "constants/nan";
const COLUMNS: &str = "constants/columns_axis";
const LOW: &str = "constants/low";
const HIGH: &str = "constants/high";

/// Builds the graph of the whole network.
///
/// # Errors
/// [`Error::Data`](crate::Error::Data) for an encoder whose name the graph uses for another value.
pub(super) fn build(model: &Predictor) -> Result<Graph<'_>> {
    let layers = model.layers();
    let mut graph = Graph::default();
    for encoder in &model.description().encoders {
        if OUTPUTS.contains(&encoder.name.as_str()) {
            return Err(Error::Data(format!(
                "encoder {}: an output of the exported graph has the same name; rename its feature files and train again",
                encoder.name
            )));
        }
        let form = match model.is_per_actor() {
            false => "as in its feature file: not standardised",
            true => {
                "standardised by the clips of the same actor, shrunk towards the training statistics of the weights file as the metadata say"
            }
        };
        let doc = format!(
            "Features of encoder {} ({}), one row per clip, {form}. A row that contains NaN means that the encoder is missing for the clip.",
            encoder.name, encoder.modality
        );
        graph.input(&encoder.name, encoder.width, doc)?;
    }
    graph.number(ZERO, 0.0)?;
    graph.number(ONE, 1.0)?;
    graph.number(NAN, f32::NAN)?;
    graph.whole(COLUMNS, &[1])?;
    let joined = join(&mut graph, model, layers)?;
    let gate = gate(&mut graph, model, layers, &joined)?;
    let embedding = fuse(&mut graph, layers, &joined, &gate.kept)?;
    heads(&mut graph, model, layers, &embedding, &joined.none)?;
    for (name, value) in [(WEIGHTS, &gate.weights), (KEPT, &gate.kept)] {
        graph.node("Where", name, &[&joined.none, NAN, value], vec![])?;
    }
    outputs(&mut graph, model);
    Ok(graph)
}

/// The concatenated projections.
struct Joined {
    /// `(batch, M, P)`, 0 where an encoder is missing.
    projections: String,
    /// The shape `(batch, M·P)`, for Reshape.
    flat: String,
    /// `(batch, M)`: 1 where the encoder is present, else 0.
    present: String,
    /// `(batch, M)`: whether the encoder is missing.
    absent: String,
    /// `(batch, 1)`: the number of encoders present.
    count: String,
    /// `(batch, 1)`: whether all encoders are missing.
    none: String,
}

/// All projections, eq. 1, with standardisation and batch norm folded into the weights. Only the mean is
/// subtracted separately: folded into the bias, it would cost digits of columns far from 0. Bounds stand
/// between the two, and what each actor's clips decide is left to the caller.
fn join<'a>(
    graph: &mut Graph<'a>,
    model: &'a Predictor,
    layers: &'a FoldedLayers,
) -> Result<Joined> {
    let (mut embeddings, mut lacking) = (Vec::new(), Vec::new());
    let encoders = &model.description().encoders;
    let bound = match model.standardisation().map(Standardisation::bound) {
        Some(bound) if bound < f32::INFINITY => {
            graph.number(LOW, -bound)?;
            graph.number(HIGH, bound)?;
            Some([LOW, HIGH])
        }
        _ => None,
    };
    for (m, (encoder, layer)) in encoders.iter().zip(&layers.projections).enumerate() {
        let input = encoder.name.as_str();
        let part = |part: &str| format!("encoders/{input}/{part}");
        let nan = graph.node("IsNaN", &part("is_nan"), &[input], vec![])?;
        let rule = model.standardisation();
        let stats = rule.filter(|rule| !rule.is_per_actor());
        let stats = stats.map(|rule| &rule.training()[m]);
        let centred = match stats {
            Some(stats) => {
                let mean = graph.vector(&part("mean"), stats.mean())?;
                graph.node("Sub", &part("centred"), &[input, &mean], vec![])?
            }
            None => input.to_owned(),
        };
        let mut columns = stats.map(|stats| stats.as_kernel().inv_std.to_vec());
        let bounded = match bound {
            None => centred,
            Some([low, high]) => {
                let scaled = match columns.take() {
                    None => centred,
                    Some(columns) => {
                        let scale = graph.vector(&part("scale"), &columns)?;
                        graph.node("Mul", &part("scaled"), &[&centred, &scale], vec![])?
                    }
                };
                graph.node("Clip", &part("bounded"), &[&scaled, low, high], vec![])?
            }
        };
        let known = graph.node("Where", &part("known"), &[&nan, ZERO, &bounded], vec![])?;
        let as_float = int("to", data_type::FLOAT.into());
        let nan = graph.node("Cast", &part("nan"), &[&nan], vec![as_float])?;
        let over_columns = vec![ints("axes", &[1]), int("keepdims", 1)];
        lacking.push(graph.node("ReduceMax", &part("lacking"), &[&nan], over_columns)?);
        embeddings.push(dense(graph, &part("linear"), &known, layer, columns, true)?);
    }
    let side_by_side = |graph: &mut Graph<'a>, name: &str, parts: &[String]| {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        graph.node("Concat", name, &parts, vec![int("axis", 1)])
    };
    let lacking = side_by_side(graph, "encoders/lacking", &lacking)?;
    let as_bool = int("to", data_type::BOOL.into());
    let absent = graph.node("Cast", "encoders/absent", &[&lacking], vec![as_bool])?;
    let present = graph.node("Sub", "encoders/present", &[ONE, &lacking], vec![])?;
    let keep = vec![int("keepdims", 1)];
    let count = graph.node("ReduceSum", "encoders/count", &[&present, COLUMNS], keep)?;
    let none = graph.node("Equal", "encoders/none", &[&count, ZERO], vec![])?;

    let side = layers.projections[0].outputs() as i64;
    let m = encoders.len() as i64;
    // 0 keeps the length of the axis.
    let cube = graph.whole("encoders/shape", &[0, m, side])?;
    let flat = graph.whole("encoders/flat_shape", &[0, m * side])?;
    let joined = side_by_side(graph, "encoders/joined", &embeddings)?;
    let joined = graph.node("Reshape", "encoders/stacked", &[&joined, &cube], vec![])?;
    let last = graph.whole("constants/last_axis", &[2])?;
    let shown = graph.node("Unsqueeze", "encoders/shown", &[&present, &last], vec![])?;
    let projections = graph.node("Mul", "encoders/projections", &[&joined, &shown], vec![])?;
    Ok(Joined {
        projections,
        flat,
        present,
        absent,
        count,
        none,
    })
}

/// The gate's outputs, each `(batch, M)`.
struct Gate {
    weights: String,
    kept: String,
}

/// Eqs. 3 and 4.
fn gate<'a>(
    graph: &mut Graph<'a>,
    model: &Predictor,
    layers: &'a FoldedLayers,
    joined: &Joined,
) -> Result<Gate> {
    let (Some([hidden, output]), Some(temperature)) = (&layers.gate, model.net().temperature())
    else {
        let shares = [joined.present.as_str(), &joined.count];
        let weights = graph.node("Div", "gate/weights", &shares, vec![])?;
        return Ok(Gate {
            kept: weights.clone(),
            weights,
        });
    };
    let flat = [joined.projections.as_str(), &joined.flat];
    let flat = graph.node("Reshape", "gate/input", &flat, vec![])?;
    let hidden = dense(graph, "gate/0", &flat, hidden, None, true)?;
    let logits = dense(graph, "gate/2", &hidden, output, None, false)?;
    let scale = graph.number("gate/inverse_temperature", 1.0 / temperature as f32)?;
    let scaled = graph.node("Mul", "gate/scaled", &[&logits, &scale], vec![])?;
    let never = graph.number("gate/never", f32::NEG_INFINITY)?;
    let masked = [joined.absent.as_str(), &never, &scaled];
    let masked = graph.node("Where", "gate/masked", &masked, vec![])?;
    let along = || int("axis", 1);
    let softmax = graph.node("Softmax", "gate/softmax", &[&masked], vec![along()])?;
    // Runtimes may give a logit of −∞ a weight near 0 instead of 0.
    let softmax = [softmax.as_str(), &joined.present];
    let weights = graph.node("Mul", "gate/weights", &softmax, vec![])?;

    let encoders = layers.projections.len();
    let n = model.description().config.model.top_k.min(encoders);
    let (largest, places) = if n < encoders {
        let count = graph.whole("gate/top_k", &[n as i64])?;
        let outputs = ["gate/largest", "gate/places"];
        let settings = vec![along(), int("largest", 1), int("sorted", 1)];
        graph.node_of("TopK", &outputs, &[&weights, &count], settings)?;
        (outputs[0].to_owned(), Some(outputs[1]))
    } else {
        (weights.clone(), None)
    };
    let keep = vec![int("keepdims", 1)];
    let sum = graph.node("ReduceSum", "gate/sum", &[&largest, COLUMNS], keep)?;
    let eps = graph.number("gate/eps", RENORMALISE_EPS as f32)?;
    let sum = graph.node("Add", "gate/normaliser", &[&sum, &eps], vec![])?;
    let shares = graph.node("Div", "gate/shares", &[&largest, &sum], vec![])?;
    let kept = match places {
        None => shares,
        Some(places) => {
            let shape = graph.node("Shape", "gate/shape", &[&weights], vec![])?;
            // Its default value is 0.
            let blank = graph.node("ConstantOfShape", "gate/blank", &[&shape], vec![])?;
            let scattered = [blank.as_str(), places, &shares];
            graph.node("ScatterElements", "gate/kept", &scattered, vec![along()])?
        }
    };
    Ok(Gate { weights, kept })
}

/// Eqs. 5 and 6: z.
fn fuse<'a>(
    graph: &mut Graph<'a>,
    layers: &'a FoldedLayers,
    joined: &Joined,
    kept: &str,
) -> Result<String> {
    let factors = [kept, "constants/last_axis"];
    let factors = graph.node("Unsqueeze", "fusion/factors", &factors, vec![])?;
    let weighted = [joined.projections.as_str(), &factors];
    let weighted = graph.node("Mul", "fusion/weighted", &weighted, vec![])?;
    let flat = [weighted.as_str(), &joined.flat];
    let flat = graph.node("Reshape", "fusion/input", &flat, vec![])?;
    dense(graph, "fusion/linear", &flat, &layers.fusion, None, true)
}

/// Eqs. 7, 8 and 14. A clip without any encoder gets NaN, never a plausible number.
fn heads<'a>(
    graph: &mut Graph<'a>,
    model: &Predictor,
    layers: &'a FoldedLayers,
    embedding: &str,
    none: &str,
) -> Result<()> {
    let to = |data_type: i32| vec![int("to", data_type.into())];
    let logits = |graph: &mut Graph<'a>, head: &str, [hidden, output]: &'a [Folded; 2]| {
        let part = |part: &str| format!("{head}/{part}");
        let hidden = dense(graph, &part("0"), embedding, hidden, None, true)?;
        let logits = dense(graph, &part("3"), &hidden, output, None, false)?;
        graph.node("Cast", &part("logits"), &[&logits], to(data_type::DOUBLE))
    };
    let presence = logits(graph, "presence", &layers.presence)?;
    let salience = match &layers.salience {
        Some(layers) => logits(graph, "salience", layers)?,
        None => presence.clone(),
    };
    // 1 / (1 + exp(−o))
    let one = graph.double("constants/one_double", 1.0)?;
    let p = graph.node("Neg", "presence/negative", &[&presence], vec![])?;
    let p = graph.node("Exp", "presence/exp", &[&p], vec![])?;
    let p = graph.node("Add", "presence/sum", &[&p, &one], vec![])?;
    let p = graph.node("Reciprocal", "presence/double", &[&p], vec![])?;
    let classes = || vec![int("axis", 1)];
    let s = graph.node("Softmax", "salience/double", &[&salience], classes())?;
    // Both are rounded to single precision before the alignment, as in the program.
    let p = graph.node("Cast", "presence/single", &[&p], to(data_type::FLOAT))?;
    let s = graph.node("Cast", "salience/single", &[&s], to(data_type::FLOAT))?;
    for (name, value) in [(PRESENCE, &p), (SALIENCE, &s)] {
        graph.node("Where", name, &[none, NAN, value], vec![])?;
    }

    // f = softmax(β log p + α log(s + ε)) is eq. 14 without underflow. If every p is 0, all count as
    // equally present. With β = 0, the salience alone, p is left out: 0 log 0 is no number.
    let p = graph.node("Cast", "aligned/presence", &[&p], to(data_type::DOUBLE))?;
    let s = graph.node("Cast", "aligned/salience", &[&s], to(data_type::DOUBLE))?;
    let over_classes = vec![ints("axes", &[1]), int("keepdims", 1)];
    let largest = graph.node("ReduceMax", "aligned/largest", &[&p], over_classes)?;
    let zero = graph.double("constants/zero_double", 0.0)?;
    let nothing = graph.node("Equal", "aligned/nothing", &[&largest, &zero], vec![])?;
    let nothing = graph.node("Cast", "aligned/equal", &[&nothing], to(data_type::DOUBLE))?;
    let p = graph.node("Add", "aligned/some", &[&p, &nothing], vec![])?;
    let p = graph.node("Log", "aligned/log_presence", &[&p], vec![])?;
    let eps = graph.double("aligned/eps", EPSILON)?;
    let s = graph.node("Add", "aligned/above_zero", &[&s, &eps], vec![])?;
    let s = graph.node("Log", "aligned/log_salience", &[&s], vec![])?;
    let alpha = graph.double("aligned/alpha", model.description().thresholds.alpha)?;
    let s = graph.node("Mul", "aligned/weighted", &[&s, &alpha], vec![])?;
    let f = match model.description().thresholds.beta {
        0.0 => s,
        1.0 => graph.node("Add", "aligned/sum", &[&p, &s], vec![])?,
        beta => {
            let beta = graph.double("aligned/beta", beta)?;
            let p = graph.node("Mul", "aligned/weighted_presence", &[&p, &beta], vec![])?;
            graph.node("Add", "aligned/sum", &[&p, &s], vec![])?
        }
    };
    let f = graph.node("Softmax", "aligned/double", &[&f], classes())?;
    let f = graph.node("Cast", "aligned/single", &[&f], to(data_type::FLOAT))?;
    graph.node("Where", ALIGNED, &[none, NAN, &f], vec![])?;
    Ok(())
}

fn outputs(graph: &mut Graph<'_>, model: &Predictor) {
    let description = model.description();
    let listed = description.classes.join(", ");
    let by_class = format!("one column per class: {listed}");
    let by_encoder = "one column per encoder, in the order of the inputs";
    let (classes, encoders) = (description.classes.len(), description.encoders.len());
    let docs = [
        (
            PRESENCE,
            classes,
            format!("Presence p of each emotion, each in [0, 1]; {by_class}."),
        ),
        (
            SALIENCE,
            classes,
            format!("Salience s, summing to 1; {by_class}."),
        ),
        (
            ALIGNED,
            classes,
            format!(
                "Aligned distribution f of presence and salience, summing to 1: the scores to decode; {by_class}."
            ),
        ),
        (
            WEIGHTS,
            encoders,
            format!("Gate weight of each encoder before selection, summing to 1; {by_encoder}."),
        ),
        (
            KEPT,
            encoders,
            format!(
                "Gate weight of each encoder after selection, 0 if it was not selected; {by_encoder}."
            ),
        ),
    ];
    for (name, width, doc) in docs {
        graph.output(name, width, doc);
    }
}

/// `scale · (W x) + shift` of a layer, with optional ReLU. The scale is folded into the weights, as is a
/// factor per column.
fn dense<'a>(
    graph: &mut Graph<'a>,
    name: &str,
    x: &str,
    layer: &'a Folded,
    columns: Option<Vec<f32>>,
    relu: bool,
) -> Result<String> {
    let weights = graph.weights(&format!("{name}/weight"), layer, columns)?;
    let bias = graph.vector(&format!("{name}/bias"), layer.shift())?;
    let settings = vec![int("transB", 1)];
    let y = graph.node(
        "Gemm",
        &format!("{name}/linear"),
        &[x, &weights, &bias],
        settings,
    )?;
    if !relu {
        return Ok(y);
    }
    graph.node("Relu", &format!("{name}/relu"), &[&y], vec![])
}
