//! Runs an exported graph, slowly and in double precision: the operators in such graphs, as specified
//! by ONNX.

use std::collections::HashMap;

use blendfuse::testing::export::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, data_type,
};
use ndarray::{ArrayD, Axis, IxDyn, concatenate};

/// Every value is a double here, including booleans as 0 and 1.
pub type Tensor = ArrayD<f64>;

pub fn graph(model: &ModelProto) -> &GraphProto {
    model.graph.as_ref().unwrap()
}

/// The values of a constant.
pub fn constant(tensor: &TensorProto) -> Tensor {
    let bytes = tensor.raw_data.as_deref().unwrap();
    let values: Vec<f64> = match tensor.data_type.unwrap() {
        data_type::FLOAT => chunks(bytes)
            .map(|b| f32::from_le_bytes(b).into())
            .collect(),
        data_type::DOUBLE => chunks(bytes).map(f64::from_le_bytes).collect(),
        data_type::INT64 => chunks(bytes)
            .map(|b| i64::from_le_bytes(b) as f64)
            .collect(),
        other => panic!("a constant of type {other}"),
    };
    let dims: Vec<usize> = tensor.dims.iter().map(|&dim| dim as usize).collect();
    ArrayD::from_shape_vec(dims, values).unwrap()
}

fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    assert_eq!(bytes.len() % N, 0);
    bytes.as_chunks().0.iter().copied()
}

/// All values of the graph by name.
pub fn run(model: &ModelProto, inputs: &HashMap<String, Tensor>) -> HashMap<String, Tensor> {
    let graph = graph(model);
    let mut values = inputs.clone();
    for tensor in &graph.initializer {
        values.insert(tensor.name.clone().unwrap(), constant(tensor));
    }
    for node in &graph.node {
        let taken: Vec<&Tensor> = node.input.iter().map(|name| &values[name]).collect();
        let given = operate(node, &taken);
        assert_eq!(given.len(), node.output.len());
        for (name, value) in node.output.iter().zip(given) {
            assert!(values.insert(name.clone(), value).is_none(), "{name} twice");
        }
    }
    values
}

fn setting<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    let mut settings = node.attribute.iter();
    settings.find(|setting| setting.name.as_deref() == Some(name))
}

fn int(node: &NodeProto, name: &str) -> i64 {
    setting(node, name).and_then(|setting| setting.i).unwrap()
}

fn whole(tensor: &Tensor) -> Vec<usize> {
    tensor.iter().map(|&x| x as usize).collect()
}

fn operate(node: &NodeProto, x: &[&Tensor]) -> Vec<Tensor> {
    let along_columns = || assert_eq!(int(node, "axis"), 1);
    let op = node.op_type.as_deref().unwrap();
    let y = match op {
        "IsNaN" => x[0].mapv(|x| f64::from(u8::from(x.is_nan()))),
        "Neg" => x[0].mapv(|x| -x),
        "Exp" => x[0].mapv(f64::exp),
        "Log" => x[0].mapv(f64::ln),
        "Reciprocal" => x[0].mapv(f64::recip),
        "Relu" => x[0].mapv(|x| x.max(0.0)),
        "Cast" => match int(node, "to") as i32 {
            data_type::BOOL => x[0].mapv(|x| f64::from(u8::from(x != 0.0))),
            _ => x[0].clone(),
        },
        "Add" => x[0] + x[1],
        "Sub" => x[0] - x[1],
        "Mul" => x[0] * x[1],
        "Div" => x[0] / x[1],
        "Clip" => {
            let (low, high) = (x[1].iter().next().unwrap(), x[2].iter().next().unwrap());
            x[0].mapv(|x| if x.is_nan() { x } else { x.clamp(*low, *high) })
        }
        "Equal" => (x[0] - x[1]).mapv(|x| f64::from(u8::from(x == 0.0))),
        "Where" => {
            let shape = (x[0] + x[1] + x[2]).raw_dim();
            let [which, a, b] = [0, 1, 2].map(|i| x[i].broadcast(shape.clone()).unwrap());
            let mut chosen = b.to_owned();
            chosen.indexed_iter_mut().for_each(|(at, y)| {
                if which[&at] != 0.0 {
                    *y = a[&at];
                }
            });
            chosen
        }
        "Concat" => {
            along_columns();
            let parts: Vec<_> = x.iter().map(|x| x.view()).collect();
            concatenate(Axis(1), &parts).unwrap()
        }
        "Reshape" => {
            let asked = whole(x[1]).into_iter().enumerate();
            let shape: Vec<_> = asked
                .map(|(axis, n)| if n == 0 { x[0].shape()[axis] } else { n })
                .collect();
            x[0].as_standard_layout()
                .into_owned()
                .into_shape_with_order(shape)
                .unwrap()
        }
        "Unsqueeze" => x[0].clone().insert_axis(Axis(whole(x[1])[0])),
        "Shape" => {
            let shape: Vec<_> = x[0].shape().iter().map(|&n| n as f64).collect();
            ArrayD::from_shape_vec(vec![shape.len()], shape).unwrap()
        }
        "ConstantOfShape" => ArrayD::zeros(whole(x[0])),
        "ReduceMax" => {
            assert_eq!(setting(node, "axes").unwrap().ints, [1]);
            reduce(x[0], |row| {
                row.iter().copied().fold(f64::NEG_INFINITY, f64::max)
            })
        }
        "ReduceSum" => {
            assert_eq!(whole(x[1]), [1]);
            reduce(x[0], |row| row.iter().sum())
        }
        "Softmax" => {
            along_columns();
            by_row(x[0], |row| {
                let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = row.iter().map(|x| (x - max).exp()).sum();
                row.iter().map(|x| (x - max).exp() / sum).collect()
            })
        }
        "Gemm" => {
            assert_eq!(int(node, "transB"), 1);
            let matrix = |x: &Tensor| x.clone().into_dimensionality::<ndarray::Ix2>().unwrap();
            (matrix(x[0]).dot(&matrix(x[1]).t())).into_dyn() + x[2]
        }
        "TopK" => {
            along_columns();
            let n = whole(x[1])[0];
            let order = |row: &[f64]| {
                let mut order: Vec<usize> = (0..row.len()).collect();
                order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
                order.truncate(n);
                order
            };
            let values = by_row(x[0], |row| order(row).into_iter().map(|i| row[i]).collect());
            let places = by_row(x[0], |row| {
                order(row).into_iter().map(|i| i as f64).collect()
            });
            return vec![values, places];
        }
        "ScatterElements" => {
            along_columns();
            let mut scattered = x[0].clone();
            for (at, &place) in x[1].indexed_iter() {
                scattered[IxDyn(&[at[0], place as usize])] = x[2][&at];
            }
            scattered
        }
        other => panic!("no operator {other} here"),
    };
    vec![y]
}

fn by_row(x: &Tensor, f: impl Fn(&[f64]) -> Vec<f64>) -> Tensor {
    let rows: Vec<Vec<f64>> = x.rows().into_iter().map(|row| f(&row.to_vec())).collect();
    let shape = [rows.len(), rows[0].len()];
    ArrayD::from_shape_vec(IxDyn(&shape), rows.concat()).unwrap()
}

fn reduce(x: &Tensor, f: impl Fn(&[f64]) -> f64) -> Tensor {
    by_row(x, |row| vec![f(row)])
}
