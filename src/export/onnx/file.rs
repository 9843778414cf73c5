//! Writing the file: protobuf messages around constants whose values are streamed, so that memory never
//! contains a second copy of the model's weights.

use std::io::Write;
use std::path::Path;

use prost::{Message, encode_length_delimiter, length_delimiter_len};

use super::graph::{Constant, Graph};
use super::proto::{GraphProto, ModelProto};
use crate::files::atomic_file;
use crate::{Error, Result};

/// The largest message that protobuf allows, and so the largest ONNX file without external data.
pub(super) const LARGEST: u64 = i32::MAX as u64;

// Fields that are written around streamed bytes; the numbers are those of proto.rs.
const MODEL_GRAPH: u8 = 7;
const GRAPH_INITIALIZER: u8 = 5;
const TENSOR_RAW_DATA: u8 = 9;

/// The key of a length-delimited field. One byte, because the field numbers are below 16.
const fn key(field: u8) -> u8 {
    field << 3 | 2
}

/// The size in bytes of such a field, with key and length.
fn field_len(content: u64) -> u64 {
    1 + length_delimiter_len(content as usize) as u64 + content
}

fn begin_field(out: &mut impl Write, field: u8, content: u64) -> std::io::Result<()> {
    let mut start = vec![key(field)];
    encode_length_delimiter(content as usize, &mut start)?;
    out.write_all(&start)
}

/// Writes `model`, which has no graph yet, with `graph`; returns the size of the file in bytes. The same
/// model gives the same bytes.
///
/// # Errors
/// [`Error::Data`] if the file would be larger than `largest`, before anything is written;
/// [`Error::Write`].
pub(super) fn write(
    path: &Path,
    model: &ModelProto,
    mut graph: Graph<'_>,
    largest: u64,
) -> Result<u64> {
    let constants = std::mem::take(&mut graph.constants);
    let rest = GraphProto {
        node: graph.nodes,
        name: Some("blendfuse".into()),
        initializer: Vec::new(),
        input: graph.inputs,
        output: graph.outputs,
    };
    let (model, rest) = (model.encode_to_vec(), rest.encode_to_vec());
    let headers: Vec<Vec<u8>> = constants
        .iter()
        .map(|constant| constant.header().encode_to_vec())
        .collect();
    let tensor_len =
        |header: &[u8], constant: &Constant<'_>| header.len() as u64 + field_len(constant.len());
    let tensors = headers.iter().zip(&constants);
    let tensors_len: u64 = tensors
        .clone()
        .map(|(header, constant)| field_len(tensor_len(header, constant)))
        .sum();
    let graph_len = rest.len() as u64 + tensors_len;
    let file_len = model.len() as u64 + field_len(graph_len);
    if file_len > largest {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        return Err(Error::Data(format!(
            "{}: the model would take {:.0} MiB, but an ONNX file is limited to {:.0} MiB; train with fewer encoders or a smaller model.projection_dim",
            path.display(),
            mib(file_len),
            mib(largest)
        )));
    }
    atomic_file::write(path, |out| {
        out.write_all(&model)?;
        begin_field(out, MODEL_GRAPH, graph_len)?;
        out.write_all(&rest)?;
        for (header, constant) in tensors {
            begin_field(out, GRAPH_INITIALIZER, tensor_len(header, constant))?;
            out.write_all(header)?;
            begin_field(out, TENSOR_RAW_DATA, constant.len())?;
            constant.write(out)?;
        }
        Ok(())
    })?;
    Ok(file_len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_streamed_reads_back_as_messages_and_has_the_length_foretold() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.onnx");
        let graph = || {
            let mut graph = Graph::default();
            graph.input("x", 3, "in words".into()).unwrap();
            // Longer than a one-byte length allows.
            graph.vector("v", &[0.5; 1000]).unwrap();
            graph.whole("w", &[2, -1]).unwrap();
            graph.node("Add", "y", &["x", "v"], vec![]).unwrap();
            graph.output("y", 3, "out".into());
            graph
        };
        let model = ModelProto {
            ir_version: Some(8),
            ..ModelProto::default()
        };
        let length = write(&path, &model, graph(), LARGEST).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len() as u64, length);
        let read = ModelProto::decode(&bytes[..]).unwrap();
        assert_eq!(read.ir_version, Some(8));
        let read = read.graph.unwrap();
        assert_eq!(read.node[0].input, ["x", "v"]);
        assert_eq!(read.initializer[0].dims, [1000]);
        assert_eq!(read.initializer[0].raw_data.as_ref().unwrap().len(), 4000);
        assert_eq!(read.initializer[1].name.as_deref(), Some("w"));
        // One byte too many is refused, and the existing file is kept.
        let refused = write(&path, &model, graph(), length - 1).unwrap_err();
        assert!(matches!(refused, Error::Data(_)), "{refused}");
        assert!(refused.to_string().contains("an ONNX file is limited to"));
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
        assert!(graph().node("Add", "x", &[], vec![]).is_err());
    }
}
