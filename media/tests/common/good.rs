//! Every good file, with forced 1, 2, 3 and 7 segments.

use std::path::Path;

use super::common::*;

pub const FORCED: [usize; 4] = [1, 2, 3, 7];

pub struct Row {
    pub name: String,
    pub segments: Vec<usize>,
    pub images: usize,
    pub replanned: bool,
    pub problem: Option<String>,
}

pub fn check(corpus: &Path, path: &Path) -> Row {
    let name = name(path);
    let mut row = Row {
        name: name.clone(),
        segments: vec![],
        images: 0,
        replanned: false,
        problem: None,
    };
    let Some(reference) = reference(corpus, &name) else {
        row.problem = Some("no reference".into());
        return row;
    };
    let probed = match probe_file(path) {
        Ok(probed) => probed,
        Err(e) => {
            row.problem = Some(format!("probe: {e}"));
            return row;
        }
    };
    let mut bytes: Option<Vec<Vec<u8>>> = None;
    for n in FORCED {
        match run_forced(path, &probed, &one_a_second(), n) {
            Ok((extracted, plan, replanned)) => {
                row.replanned |= replanned;
                row.segments.push(plan.segments.len());
                row.images = extracted.images.len();
                let mut problem = compare(&probed, &extracted.images, &reference);
                let images: Vec<Vec<u8>> = extracted.images.into_iter().map(|i| i.data).collect();
                match &bytes {
                    Some(first) if *first != images => {
                        problem = problem.or(Some("other bytes than with 1 segment".into()))
                    }
                    Some(_) => {}
                    None => bytes = Some(images),
                }
                if let Some(problem) = problem {
                    row.problem
                        .get_or_insert(format!("{n} segments: {problem}"));
                }
            }
            Err(e) => {
                row.problem.get_or_insert(format!("{n} segments: {e}"));
            }
        }
    }
    row
}
