//! Every selection, in 1, 2, 3 and 7 segments: the same images whatever the number.

#![allow(dead_code)] // The example prints more than the test asks for.

use std::path::Path;

use media::{Duplicates, Request, Selection, TimeRange};
use num_rational::Ratio;

use super::common::*;

pub struct Row {
    pub name: String,
    pub selection: String,
    /// For each number of segments asked for.
    pub segments: Vec<usize>,
    pub images: usize,
    pub replanned: bool,
    pub problem: Option<String>,
}

pub fn requests() -> Vec<(&'static str, Request)> {
    let range = Some(TimeRange {
        start: Ratio::new(3, 4),
        end: Some(Ratio::from(5)),
    });
    let ranged = |selection| Request {
        range,
        ..Request::new(selection)
    };
    let threshold = Ratio::new(1, 50);
    vec![
        ("all", Request::new(Selection::All)),
        ("all in a range", ranged(Selection::All)),
        ("every 7th", Request::new(Selection::EveryNth(7))),
        ("every 7th in a range", ranged(Selection::EveryNth(7))),
        ("keyframes", Request::new(Selection::Keyframes)),
        ("keyframes in a range", ranged(Selection::Keyframes)),
        ("scenes", Request::new(Selection::Scenes { threshold })),
        ("scenes in a range", ranged(Selection::Scenes { threshold })),
        ("count", Request::new(Selection::Count(23))),
        (
            "60 fps without duplicates",
            Request {
                duplicates: Duplicates::Skip,
                ..Request::new(Selection::Fps(Ratio::from(60)))
            },
        ),
    ]
}

pub fn check(path: &Path, what: &str, request: &Request, forced: &[usize]) -> Row {
    let mut row = Row {
        name: name(path),
        selection: what.to_owned(),
        segments: Vec::new(),
        images: 0,
        replanned: false,
        problem: None,
    };
    let probed = match probe_file(path) {
        Ok(probed) => probed,
        Err(e) => {
            row.problem = Some(format!("probe: {e}"));
            return row;
        }
    };
    let mut first = None;
    for n in forced {
        let (got, plan, replanned) = match run_forced(path, &probed, request, *n) {
            Ok(done) => done,
            Err(e) => {
                row.problem.get_or_insert(format!("{n} segments: {e}"));
                continue;
            }
        };
        row.segments.push(plan.segments.len());
        row.replanned |= replanned;
        row.images = got.images.len();
        match &first {
            None => first = Some(got.images),
            Some(one) if *one == got.images => {}
            Some(one) => {
                let at = one.iter().zip(&got.images).position(|(a, b)| a != b);
                let counts = (one.len(), got.images.len());
                row.problem.get_or_insert(format!(
                    "{n} segments: other images than with {}, {counts:?}, first at {at:?}",
                    forced[0]
                ));
            }
        }
    }
    row
}
