//! Conversion from Fortran to C order.

/// Columns read side by side: the number of cache lines that stay in the L1 cache.
const WIDTH: usize = 16;

/// Reorders elements from first axis fastest to last axis fastest.
pub(crate) fn to_c_order<T: Copy + Default>(values: &[T], shape: &[usize]) -> Vec<T> {
    // Axes of length 1 do not affect the order; without them most arrays are matrices.
    let long: Vec<usize> = shape.iter().copied().filter(|&axis| axis != 1).collect();
    if let [rows, cols] = long[..] {
        return transposed(values, rows, cols);
    }
    // Stride of each axis in the output.
    let mut strides = vec![1; shape.len()];
    for axis in (0..shape.len() - 1).rev() {
        strides[axis] = strides[axis + 1] * shape[axis + 1];
    }
    let mut out = vec![T::default(); values.len()];
    let (mut index, mut at) = (vec![0; shape.len()], 0);
    for &value in values {
        out[at] = value;
        for axis in 0..shape.len() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    out
}

/// Transposes a column-major matrix `(rows, cols)`. [`WIDTH`] columns are read side by side, so that
/// whole cache lines of each row are written at once.
fn transposed<T: Copy + Default>(values: &[T], rows: usize, cols: usize) -> Vec<T> {
    let mut out = vec![T::default(); values.len()];
    if values.is_empty() {
        return out;
    }
    for (block, columns) in values.chunks(WIDTH * rows).enumerate() {
        let columns: Vec<&[T]> = columns.chunks_exact(rows).collect();
        let first = block * WIDTH;
        for (row, out) in out.chunks_exact_mut(cols).enumerate() {
            for (out, column) in out[first..].iter_mut().zip(&columns) {
                *out = column[row];
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Element (i, j) has the value 1000 i + j.
    fn check(rows: usize, cols: usize, shape: &[usize]) {
        let values: Vec<usize> = (0..cols)
            .flat_map(|j| (0..rows).map(move |i| 1000 * i + j))
            .collect();
        let expected: Vec<usize> = (0..rows)
            .flat_map(|i| (0..cols).map(move |j| 1000 * i + j))
            .collect();
        assert_eq!(to_c_order(&values, shape), expected, "{shape:?}");
    }

    #[test]
    fn matrices_of_any_size_are_transposed_with_any_axes_of_length_one() {
        for (rows, cols) in [
            (2, 3),
            (5, 16),
            (7, 17),
            (40, 33),
            (3, 1),
            (1, 3),
            (0, 3),
            (3, 0),
        ] {
            check(rows, cols, &[rows, cols]);
            check(rows, cols, &[1, rows, cols]);
            check(rows, cols, &[rows, 1, cols, 1]);
        }
    }
}
