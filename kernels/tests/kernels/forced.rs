//! The choice of a micro-kernel, and all other tests once more under each.

use std::process::{Command, Output};

use blendfuse_kernels::micro::{
    KERNEL_NAMES, KERNEL_VARIABLE, Kernel, SelectError, kernel_name, select, select_named,
};

/// Runs the tests of this program whose names contain `filter`, with the variable set.
fn rerun(name: &str, arguments: &[&str]) -> Output {
    Command::new(std::env::current_exe().expect("path of the tests"))
        .args(arguments)
        .env(KERNEL_VARIABLE, name)
        .output()
        .expect("the tests run")
}

#[test]
fn every_supported_kernel_passes_all_tests() {
    // One that is forced already was asked for by name, or by this very test.
    if std::env::var_os(KERNEL_VARIABLE).is_some() {
        return;
    }
    for kernel in Kernel::supported() {
        let output = rerun(kernel.name(), &[]);
        assert!(
            output.status.success(),
            "{}:\n{}",
            kernel.name(),
            String::from_utf8_lossy(&output.stdout)
        );
    }
}

#[test]
fn the_variable_decides() {
    if let Some(name) = std::env::var_os(KERNEL_VARIABLE) {
        assert_eq!(kernel_name().ok(), name.to_str());
    } else {
        assert_eq!(select().ok(), Kernel::supported().pop());
    }
}

#[test]
fn portable_is_always_there_and_names_match() {
    assert_eq!(Kernel::supported()[0].name(), "portable");
    for kernel in Kernel::supported() {
        assert_eq!(select_named(kernel.name()), Ok(kernel));
    }
}

#[test]
fn an_unknown_name_is_an_error_that_lists_the_known() {
    let error = select_named("sse9").expect_err("no such kernel");
    assert!(matches!(error, SelectError::Unknown { .. }));
    let text = error.to_string();
    assert!(text.contains("`sse9`") && text.contains(KERNEL_VARIABLE));
    assert!(
        KERNEL_NAMES.iter().all(|name| text.contains(name)),
        "{text}"
    );
}

/// What a program that did not check sees; run by the next test.
#[test]
#[ignore = "run with an invalid variable by `an_unchecked_variable_ends_with_its_message`"]
fn multiplies_under_an_invalid_variable() {
    assert!(select().is_err() && kernel_name().is_err());
    let x = [1.0_f32];
    let x = blendfuse_kernels::MatRef::row_major(&x, 1, 1);
    let mut c = [0.0];
    blendfuse_kernels::gemm::gemm(
        1.0,
        x,
        x,
        0.0,
        blendfuse_kernels::MatMut::row_major(&mut c, 1, 1),
    );
}

#[test]
fn an_unchecked_variable_ends_with_its_message() {
    let arguments = [
        "--ignored",
        "--nocapture",
        "multiplies_under_an_invalid_variable",
    ];
    let output = rerun("avx1024", &arguments);
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("no kernel is called `avx1024`"), "{text}");
}
