//! Borrowed matrices with strides, checked once when they are made.

use std::ops::Range;

/// A read-only matrix: element `(r, c)` is at `r * row_stride + c * col_stride`.
#[derive(Clone, Copy, Debug)]
pub struct MatRef<'a, T> {
    data: &'a [T],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

/// A mutable matrix; rows must not overlap.
#[derive(Debug)]
pub struct MatMut<'a, T> {
    data: &'a mut [T],
    rows: usize,
    cols: usize,
    row_stride: usize,
}

/// A part of a [`MatMut`], one slice for each row.
#[derive(Debug)]
pub(crate) struct Rectangle<'a, T> {
    /// Row of the matrix that it begins at.
    pub(crate) first_row: usize,
    /// Column of the matrix that it begins at.
    pub(crate) first_col: usize,
    /// Its rows, of one length and never empty.
    pub(crate) rows: Vec<&'a mut [T]>,
}

impl<T> Rectangle<'_, T> {
    /// Columns.
    pub(crate) fn width(&self) -> usize {
        self.rows.first().map_or(0, |row| row.len())
    }
}

fn check(len: usize, rows: usize, cols: usize, row_stride: usize, col_stride: usize) {
    if rows == 0 || cols == 0 {
        return;
    }
    let last = (rows - 1)
        .checked_mul(row_stride)
        .zip((cols - 1).checked_mul(col_stride))
        .and_then(|(r, c)| r.checked_add(c));
    assert!(
        last.is_some_and(|last| last < len),
        "a {rows} × {cols} view with strides {row_stride}, {col_stride} leaves its slice of {len}"
    );
}

impl<'a, T: Copy> MatRef<'a, T> {
    /// # Panics
    /// If the last element lies outside `data`.
    pub fn new(
        data: &'a [T],
        rows: usize,
        cols: usize,
        row_stride: usize,
        col_stride: usize,
    ) -> Self {
        check(data.len(), rows, cols, row_stride, col_stride);
        Self {
            data,
            rows,
            cols,
            row_stride,
            col_stride,
        }
    }

    /// A contiguous row-major matrix.
    ///
    /// # Panics
    /// If `data` is shorter than `rows * cols`.
    pub fn row_major(data: &'a [T], rows: usize, cols: usize) -> Self {
        Self::new(data, rows, cols, cols, 1)
    }

    /// The same elements with rows and columns exchanged.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }

    /// Rows `rows` and columns `cols` of this matrix.
    ///
    /// # Panics
    /// If they leave the matrix.
    pub fn part(self, rows: Range<usize>, cols: Range<usize>) -> Self {
        assert!(
            rows.start <= rows.end && rows.end <= self.rows,
            "rows {rows:?} of {}",
            self.rows
        );
        assert!(
            cols.start <= cols.end && cols.end <= self.cols,
            "columns {cols:?} of {}",
            self.cols
        );
        let start = rows.start * self.row_stride + cols.start * self.col_stride;
        Self {
            // An empty part may start behind the last element.
            data: self.data.get(start..).unwrap_or_default(),
            rows: rows.len(),
            cols: cols.len(),
            ..self
        }
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Distance between rows, in elements.
    pub fn row_stride(&self) -> usize {
        self.row_stride
    }

    /// Distance between columns, in elements.
    pub fn col_stride(&self) -> usize {
        self.col_stride
    }

    /// Row `r` as a slice: the row itself where it is contiguous, else a copy of it in `scratch`.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline(always)]
    pub(crate) fn row<'s>(&self, r: usize, scratch: &'s mut Vec<T>) -> &'s [T]
    where
        'a: 's,
    {
        assert!(r < self.rows, "row {r} of {}", self.rows);
        if self.cols == 0 {
            return &[];
        }
        if self.col_stride == 1 {
            return &self.data[r * self.row_stride..][..self.cols];
        }
        scratch.clear();
        scratch.extend((0..self.cols).map(|c| self.get(r, c)));
        scratch
    }

    /// The slice that holds the elements, beginning with `(0, 0)`.
    pub fn data(&self) -> &'a [T] {
        self.data
    }

    /// One element.
    #[inline(always)]
    pub fn get(&self, row: usize, col: usize) -> T {
        self.data[row * self.row_stride + col * self.col_stride]
    }
}

impl<'a, T: Copy> MatMut<'a, T> {
    /// A matrix whose rows are contiguous and `row_stride` apart.
    ///
    /// # Panics
    /// If rows overlap or the last element lies outside `data`.
    pub fn new(data: &'a mut [T], rows: usize, cols: usize, row_stride: usize) -> Self {
        assert!(
            rows < 2 || row_stride >= cols,
            "rows of {cols} overlap at stride {row_stride}"
        );
        check(data.len(), rows, cols, row_stride, 1);
        Self {
            data,
            rows,
            cols,
            row_stride,
        }
    }

    /// A contiguous row-major matrix.
    ///
    /// # Panics
    /// If `data` is shorter than `rows * cols`.
    pub fn row_major(data: &'a mut [T], rows: usize, cols: usize) -> Self {
        Self::new(data, rows, cols, cols)
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Distance between rows, in elements.
    pub fn row_stride(&self) -> usize {
        self.row_stride
    }

    /// The slice that holds the elements, beginning with `(0, 0)`.
    pub fn data_mut(&mut self) -> &mut [T] {
        self.data
    }

    /// Row `row`.
    ///
    /// # Panics
    /// If it lies outside the data.
    #[inline]
    pub fn row_mut(&mut self, row: usize) -> &mut [T] {
        let start = row * self.row_stride;
        &mut self.data[start..start + self.cols]
    }

    /// Cuts the matrix into rectangles of at most `height` × `width`, row by row of rectangles, so
    /// that threads can own parts of one matrix without sharing it.
    pub(crate) fn rectangles(self, height: usize, width: usize) -> Vec<Rectangle<'a, T>> {
        let (height, width) = (height.clamp(1, self.rows.max(1)), width.max(1));
        let across = self.cols.div_ceil(width);
        let mut rectangles: Vec<Rectangle<'a, T>> = (0..self.rows.div_ceil(height) * across)
            .map(|n| Rectangle {
                first_row: n / across * height,
                first_col: n % across * width,
                rows: Vec::with_capacity(height),
            })
            .collect();
        // A single row may be longer than its stride says.
        let stride = self.row_stride.max(self.cols).max(1);
        for (r, row) in self.data.chunks_mut(stride).take(self.rows).enumerate() {
            let row = &mut row[..self.cols];
            for (n, part) in row.chunks_mut(width).enumerate() {
                rectangles[r / height * across + n].rows.push(part);
            }
        }
        rectangles
    }

    /// The same matrix, borrowed for a shorter time.
    pub fn reborrow(&mut self) -> MatMut<'_, T> {
        MatMut {
            data: self.data,
            rows: self.rows,
            cols: self.cols,
            row_stride: self.row_stride,
        }
    }
}
