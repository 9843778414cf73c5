//! Mutations inside containers: of one member of a zip, with checksum and sizes recomputed, and of the
//! header of a safetensors file, with its length recomputed. Otherwise almost every input would fail at
//! the checksum. Every other time the raw bytes are mutated.

use std::io::{Cursor, Read, Write};

use libfuzzer_sys::fuzzer_mutate;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Mutates the bytes, or one member of the archive that they are.
pub fn zip(data: &mut [u8], size: usize, max: usize, seed: u32) -> usize {
    if seed % 4 != 0
        && let Some(changed) = member(&data[..size], max, seed)
        && changed.len() <= max
    {
        data[..changed.len()].copy_from_slice(&changed);
        return changed.len();
    }
    fuzzer_mutate(data, size, max)
}

fn member(bytes: &[u8], max: usize, seed: u32) -> Option<Vec<u8>> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
    let chosen = (seed as usize / 16) % archive.len().max(1);
    let method = if seed & 8 == 0 {
        CompressionMethod::Stored
    } else {
        CompressionMethod::Deflated
    };
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let member = archive.by_index(index).ok()?;
        let name = member.name().ok()?.into_owned();
        let mut content = Vec::new();
        member.take(max as u64).read_to_end(&mut content).ok()?;
        if index == chosen {
            let size = content.len();
            content.resize(size + 64, 0);
            let size = fuzzer_mutate(&mut content, size, size + 64);
            content.truncate(size);
        }
        let options = SimpleFileOptions::default().compression_method(method);
        out.start_file(name, options).ok()?;
        out.write_all(&content).ok()?;
    }
    Some(out.finish().ok()?.into_inner())
}

/// Mutates the bytes, or the header of a safetensors file.
pub fn safetensors(data: &mut [u8], size: usize, max: usize, seed: u32) -> usize {
    let length = data[..size]
        .first_chunk()
        .map_or(usize::MAX, |length| u64::from_le_bytes(*length) as usize);
    let end = length.checked_add(8).filter(|&end| end <= size);
    let Some(end) = end.filter(|_| seed % 4 != 0) else {
        return fuzzer_mutate(data, size, max);
    };
    let mut header = data[8..end].to_vec();
    let values = data[end..size].to_vec();
    let room = (max - 8).saturating_sub(values.len()).max(length);
    header.resize(room, 0);
    let length = fuzzer_mutate(&mut header, length, room);
    header.truncate(length);
    let mut bytes = (length as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(values);
    bytes.truncate(max);
    data[..bytes.len()].copy_from_slice(&bytes);
    bytes.len()
}
