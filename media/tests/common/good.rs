//! Every good file, with forced 1, 2, 3 and 7 segments.

use std::path::Path;

use media::{Probe, Request, Selection};

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
    if let Err(problem) = keyframes(path, &probed, &reference) {
        row.problem.get_or_insert(format!("keyframes: {problem}"));
    }
    row
}

/// The frames that FFmpeg's decoder marks as keyframes when it decodes everything.
fn keyframes(path: &Path, probed: &Probe, reference: &Reference) -> Result<(), String> {
    let Some(expected) = reference.video["keyframe_md5"].as_array() else {
        return Err("no reference".into());
    };
    let request = Request::new(Selection::Keyframes);
    let (got, _, _) = run_forced(path, probed, &request, 1).map_err(|e| e.to_string())?;
    let same = got
        .images
        .iter()
        .zip(expected)
        .all(|(g, e)| g.frame_md5.as_deref() == e.as_str());
    match same && got.images.len() == expected.len() {
        true => Ok(()),
        false => Err(format!(
            "{} images for {}, or another md5",
            got.images.len(),
            expected.len()
        )),
    }
}
