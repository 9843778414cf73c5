//! A graph under construction: nodes, inputs and outputs, and constants that are serialised only when
//! the file is written.

use std::collections::HashSet;
use std::io::{self, Write};

use super::proto::{
    AttributeProto, DimensionProto, NodeProto, TensorProto, TensorShapeProto, TensorTypeProto,
    TypeProto, ValueInfoProto, attribute_type, data_type,
};
use crate::kernels::layout::PANEL;
use crate::nn::Folded;
use crate::{Error, Result};

/// The name of the dynamic batch axis.
pub(super) const BATCH_AXIS: &str = "batch";

/// A graph. Its value names are unique.
#[derive(Debug, Default)]
pub(super) struct Graph<'a> {
    pub(super) nodes: Vec<NodeProto>,
    pub(super) constants: Vec<Constant<'a>>,
    pub(super) inputs: Vec<ValueInfoProto>,
    pub(super) outputs: Vec<ValueInfoProto>,
    names: HashSet<String>,
}

/// A named tensor of the file.
#[derive(Debug)]
pub(super) struct Constant<'a> {
    name: String,
    dims: Vec<usize>,
    data_type: i32,
    values: Values<'a>,
}

/// The source of a constant's values.
#[derive(Debug)]
pub(super) enum Values<'a> {
    Bytes(Vec<u8>),
    /// `scale_o · W[o, i] · columns_i`; without `columns`, their factor is 1.
    Weights {
        layer: &'a Folded,
        columns: Option<Vec<f32>>,
    },
}

impl<'a> Graph<'a> {
    fn take_name(&mut self, name: &str) -> Result<()> {
        if self.names.insert(name.to_owned()) {
            return Ok(());
        }
        Err(Error::Data(format!(
            "encoder {name}: the exported graph already has a value with this name; rename its feature files and train again"
        )))
    }

    /// Adds a single-precision input `(batch, width)`.
    pub(super) fn input(&mut self, name: &str, width: usize, doc: String) -> Result<()> {
        self.take_name(name)?;
        self.inputs.push(value_info(name, width, doc));
        Ok(())
    }

    /// Declares the value `name` `(batch, width)` of a node as an output.
    pub(super) fn output(&mut self, name: &str, width: usize, doc: String) {
        self.outputs.push(value_info(name, width, doc));
    }

    /// Adds a node with one output; both are named `name`, which is returned.
    pub(super) fn node(
        &mut self,
        op: &str,
        name: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> Result<String> {
        self.node_of(op, &[name], inputs, attributes)?;
        Ok(name.to_owned())
    }

    /// Adds a node with several outputs, named after the first.
    pub(super) fn node_of(
        &mut self,
        op: &str,
        outputs: &[&str],
        inputs: &[&str],
        attribute: Vec<AttributeProto>,
    ) -> Result<()> {
        for name in outputs {
            self.take_name(name)?;
        }
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        self.nodes.push(NodeProto {
            input: owned(inputs),
            output: owned(outputs),
            name: outputs.first().map(|&name| name.to_owned()),
            op_type: Some(op.to_owned()),
            attribute,
        });
        Ok(())
    }

    /// Adds a constant; returns its name.
    fn constant(
        &mut self,
        name: &str,
        dims: Vec<usize>,
        data_type: i32,
        values: Values<'a>,
    ) -> Result<String> {
        self.take_name(name)?;
        self.constants.push(Constant {
            name: name.to_owned(),
            dims,
            data_type,
            values,
        });
        Ok(name.to_owned())
    }

    /// Adds a weight matrix `(outputs, inputs)`.
    pub(super) fn weights(
        &mut self,
        name: &str,
        layer: &'a Folded,
        columns: Option<Vec<f32>>,
    ) -> Result<String> {
        let dims = vec![layer.outputs(), layer.inputs()];
        let values = Values::Weights { layer, columns };
        self.constant(name, dims, data_type::FLOAT, values)
    }

    /// Adds a single-precision vector.
    pub(super) fn vector(&mut self, name: &str, values: &[f32]) -> Result<String> {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let dims = vec![values.len()];
        self.constant(name, dims, data_type::FLOAT, Values::Bytes(bytes))
    }

    /// Adds a single-precision number.
    pub(super) fn number(&mut self, name: &str, value: f32) -> Result<String> {
        let bytes = value.to_le_bytes().to_vec();
        self.constant(name, vec![], data_type::FLOAT, Values::Bytes(bytes))
    }

    /// Adds a double-precision number.
    pub(super) fn double(&mut self, name: &str, value: f64) -> Result<String> {
        let bytes = value.to_le_bytes().to_vec();
        self.constant(name, vec![], data_type::DOUBLE, Values::Bytes(bytes))
    }

    /// Adds a list of integers: axes, shapes and counts.
    pub(super) fn whole(&mut self, name: &str, values: &[i64]) -> Result<String> {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let dims = vec![values.len()];
        self.constant(name, dims, data_type::INT64, Values::Bytes(bytes))
    }
}

impl Constant<'_> {
    /// The tensor's message without its values.
    pub(super) fn header(&self) -> TensorProto {
        TensorProto {
            dims: self.dims.iter().map(|&dim| dim as i64).collect(),
            data_type: Some(self.data_type),
            name: Some(self.name.clone()),
            raw_data: None,
        }
    }

    /// The size of the values in bytes.
    pub(super) fn len(&self) -> u64 {
        match &self.values {
            Values::Bytes(bytes) => bytes.len() as u64,
            Values::Weights { layer, .. } => 4 * layer.outputs() as u64 * layer.inputs() as u64,
        }
    }

    /// Writes the values; a matrix in blocks of rows, each value rounded once.
    ///
    /// # Errors
    /// Those of `out`, and one for a folded weight out of the range of single precision.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let (layer, columns) = match &self.values {
            Values::Bytes(bytes) => return out.write_all(bytes),
            Values::Weights { layer, columns } => (*layer, columns),
        };
        let (rows, cols) = (layer.outputs(), layer.inputs());
        let (mut values, mut bytes) = (Vec::new(), Vec::new());
        for (n, first) in (0..rows).step_by(PANEL).enumerate() {
            values.resize(PANEL.min(rows - first) * cols, 0.0);
            layer.weights().panel_rows(n, &mut values);
            bytes.clear();
            for (row, &scale) in values.chunks(cols).zip(&layer.scale()[first..]) {
                let scale = f64::from(scale);
                for (i, &w) in row.iter().enumerate() {
                    let column = columns.as_ref().map_or(1.0, |columns| columns[i].into());
                    let folded = (scale * f64::from(w) * column) as f32;
                    if !folded.is_finite() {
                        return Err(io::Error::other(format!(
                            "{}: a weight times what is folded into it exceeds the range of single precision; the column's standard deviation is too small",
                            self.name
                        )));
                    }
                    bytes.extend(folded.to_le_bytes());
                }
            }
            out.write_all(&bytes)?;
        }
        Ok(())
    }
}

/// An integer attribute.
pub(super) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        i: Some(value),
        r#type: Some(attribute_type::INT),
        ..AttributeProto::default()
    }
}

/// An attribute with a list of integers.
pub(super) fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        ints: values.to_vec(),
        r#type: Some(attribute_type::INTS),
        ..AttributeProto::default()
    }
}

fn value_info(name: &str, width: usize, doc: String) -> ValueInfoProto {
    let batch = DimensionProto {
        dim_value: None,
        dim_param: Some(BATCH_AXIS.to_owned()),
    };
    let width = DimensionProto {
        dim_value: Some(width as i64),
        dim_param: None,
    };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: Some(data_type::FLOAT),
                shape: Some(TensorShapeProto {
                    dim: vec![batch, width],
                }),
            }),
        }),
        doc_string: Some(doc),
    }
}
