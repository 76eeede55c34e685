//! What the engine sees in a file: `cargo run -p media --example probe FILE…`.

#[path = "../tests/common/mod.rs"]
mod common;

fn main() {
    for path in std::env::args().skip(1) {
        match common::probe_file(path.as_ref()) {
            Ok(p) => println!(
                "{path}: {:?}\n  {:?}\n  {} {:?}",
                p.video, p.estimate, p.division, p.warnings
            ),
            Err(e) => println!("{path}: refused: {e}"),
        }
    }
}
