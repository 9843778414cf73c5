//! Matrix products at the model's shapes and square ones, beside other libraries, in turn:
//! `cargo bench --bench gemm` in this folder. Prints a table of GFLOP/s, medians of
//! interleaved rounds; `-- square` times the products of that name only. Every result is checked
//! before it is timed. All use the machine's threads.
//!
//! `packed` is what the model does: weights and batch lie packed for good, so no packing is timed.
//! `gemm` takes plain matrices as the others do, and packs them.

use std::hint::black_box;
use std::time::Instant;

use blendfuse_kernels::gemm::gemm;
use blendfuse_kernels::layout::{PackedRows, Panels};
use blendfuse_kernels::linear::{linear_backward_input, linear_backward_weight, linear_forward};
use blendfuse_kernels::{MatMut, MatRef};

mod operands;

use operands::{integers, matrixmultiply_sgemm};

const ROUNDS: usize = 9;

/// A product `C (m, n) = A (m, k) B (k, n)`, each operand as its row and column strides say.
struct Product {
    name: &'static str,
    m: usize,
    k: usize,
    n: usize,
    /// Whether A and B are stored transposed.
    transposed: [bool; 2],
}

const PRODUCTS: [Product; 6] = [
    Product {
        name: "forward 64 x 57344 . W^T (256)",
        m: 64,
        k: 57_344,
        n: 256,
        transposed: [false, true],
    },
    Product {
        name: "forward 64 x 7168 . W^T (256)",
        m: 64,
        k: 7168,
        n: 256,
        transposed: [false, true],
    },
    Product {
        name: "forward 64 x 9216 . W^T (512)",
        m: 64,
        k: 9216,
        n: 512,
        transposed: [false, true],
    },
    Product {
        name: "weight gradient (256) dY^T . 64 x 57344",
        m: 256,
        k: 64,
        n: 57_344,
        transposed: [true, false],
    },
    Product {
        name: "input gradient dY (64 x 512) . W (9216)",
        m: 64,
        k: 512,
        n: 9216,
        transposed: [false, false],
    },
    Product {
        name: "square 2048",
        m: 2048,
        k: 2048,
        n: 2048,
        transposed: [false, false],
    },
];

/// Row and column strides of a stored matrix of `rows × cols`.
fn strides(rows: usize, cols: usize, transposed: bool) -> (usize, usize) {
    if transposed { (1, rows) } else { (cols, 1) }
}

type Run<'a> = Box<dyn FnMut(&mut [f32]) + 'a>;

fn contenders<'a>(
    product: &'a Product,
    a: &'a [f32],
    b: &'a [f32],
) -> Vec<(&'static str, Run<'a>)> {
    let &Product {
        m,
        k,
        n,
        transposed,
        ..
    } = product;
    let ((ar, ac), (br, bc)) = (strides(m, k, transposed[0]), strides(k, n, transposed[1]));
    let view = |x: &'a [f32], rows: usize, cols: usize, transposed: bool| {
        if transposed {
            MatRef::row_major(x, cols, rows).transposed()
        } else {
            MatRef::row_major(x, rows, cols)
        }
    };
    let (va, vb) = (view(a, m, k, transposed[0]), view(b, k, n, transposed[1]));
    let mut all: Vec<(&'static str, Run<'a>)> = vec![
        (
            "gemm",
            Box::new(move |c| gemm(1.0, va, vb, 0.0, MatMut::row_major(c, m, n))),
        ),
        (
            "matrixmultiply",
            Box::new(move |c| matrixmultiply_sgemm((m, k, n), (a, ar, ac), (b, br, bc), c)),
        ),
        (
            "gemm crate",
            Box::new(move |c| {
                let threads = ::gemm::Parallelism::Rayon(0);
                // SAFETY: the slices hold m × k, k × n and m × n elements at these strides.
                unsafe {
                    ::gemm::gemm(
                        m,
                        n,
                        k,
                        c.as_mut_ptr(),
                        1,
                        n as isize,
                        false,
                        a.as_ptr(),
                        ac as isize,
                        ar as isize,
                        b.as_ptr(),
                        bc as isize,
                        br as isize,
                        0.0,
                        1.0,
                        false,
                        false,
                        false,
                        threads,
                    );
                }
            }),
        ),
        (
            "faer",
            Box::new(move |c| {
                let matrix = |x: &'a [f32], rows: usize, cols: usize, transposed: bool| {
                    if transposed {
                        faer::MatRef::from_row_major_slice(x, cols, rows).transpose()
                    } else {
                        faer::MatRef::from_row_major_slice(x, rows, cols)
                    }
                };
                faer::linalg::matmul::matmul(
                    faer::MatMut::from_row_major_slice_mut(c, m, n),
                    faer::Accum::Replace,
                    matrix(a, m, k, transposed[0]),
                    matrix(b, k, n, transposed[1]),
                    1.0_f32,
                    faer::Par::rayon(0),
                );
            }),
        ),
    ];
    match transposed {
        [false, true] => {
            let (x, w) = (PackedRows::from_view(va), Panels::from_row_major(b, n, k));
            let run = move |c: &mut [f32]| {
                linear_forward(&x, &w, None, MatMut::row_major(c, m, n));
            };
            all.insert(0, ("packed", Box::new(run)));
        }
        [true, false] => {
            let x = PackedRows::from_view(vb);
            let run = move |c: &mut [f32]| {
                // The kernel adds.
                c.fill(0.0);
                linear_backward_weight(va.transposed(), &x, MatMut::row_major(c, m, n));
            };
            all.insert(0, ("packed", Box::new(run)));
        }
        _ if m < n => {
            let w = Panels::from_row_major(b, k, n);
            let run = move |c: &mut [f32]| {
                c.fill(0.0);
                linear_backward_input(va, &w, MatMut::row_major(c, m, n));
            };
            all.insert(0, ("packed", Box::new(run)));
        }
        _ => {}
    }
    all
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--test") {
        return;
    }
    let wanted = arguments.iter().find(|argument| !argument.starts_with('-'));
    let is_wanted = |product: &&Product| wanted.is_none_or(|part| product.name.contains(part));
    for product in PRODUCTS.iter().filter(is_wanted) {
        if std::env::var("ONLY").is_ok_and(|o| !product.name.contains(&o)) {
            continue;
        }
        let &Product { name, m, k, n, .. } = product;
        let (a, b) = (integers(m * k, 1), integers(k * n, 2));
        let mut expected: Option<Vec<f32>> = None;
        let mut c = vec![0.0; m * n];
        let mut contenders = contenders(product, &a, &b);
        for (who, run) in &mut contenders {
            c.fill(f32::NAN);
            run(&mut c);
            let expected = expected.get_or_insert_with(|| c.clone());
            assert!(*expected == c, "{name}: {who} gives another product");
        }
        let mut times = vec![Vec::new(); contenders.len()];
        for _ in 0..ROUNDS {
            for ((_, run), times) in contenders.iter_mut().zip(&mut times) {
                let start = Instant::now();
                run(black_box(&mut c));
                times.push(start.elapsed().as_secs_f64());
            }
        }
        let flops = 2.0 * (m * k * n) as f64;
        let rates: Vec<String> = contenders
            .iter()
            .zip(&mut times)
            .map(|((who, _), times)| {
                times.sort_by(f64::total_cmp);
                format!("{who} {:.0}", flops / times[ROUNDS / 2] / 1e9)
            })
            .collect();
        println!("{name}: {}", rates.join(", "));
    }
}
