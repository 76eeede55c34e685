//! Queue depth and machines over time, as SVG: one row of two charts for each scenario.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use plotters::prelude::*;

use crate::outcome::{Outcome, Point};

const ROW: u32 = 300;
const WIDTH: u32 = 1_200;
/// More points than pixels only make the file larger.
const MOST_POINTS: usize = 300;
const COLOURS: [RGBColor; 5] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(120, 120, 120),
];

/// A scenario's name and its outcomes.
pub type Row<'a> = (&'a str, &'a [Outcome]);

pub fn draw(path: &Path, rows: &[Row<'_>]) -> Result<()> {
    let size = (WIDTH, ROW * rows.len().max(1) as u32);
    let root = SVGBackend::new(path, size).into_drawing_area();
    root.fill(&WHITE)
        .map_err(|e| anyhow!("{e}"))
        .context("draw the plot")?;
    for (area, (name, outcomes)) in root.split_evenly((rows.len().max(1), 1)).iter().zip(rows) {
        let halves = area.split_evenly((1, 2));
        let title = |what: &str| format!("{name}: {what}");
        chart(&halves[0], &title("messages waiting"), outcomes, |p| {
            p.queued
        })
        .and_then(|()| chart(&halves[1], &title("machines"), outcomes, |p| p.machines))
        .context("draw the plot")?;
    }
    root.present()
        .map_err(|e| anyhow!("{e}"))
        .context("write the plot")
}

fn chart(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    title: &str,
    outcomes: &[Outcome],
    value: fn(&Point) -> u32,
) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| anyhow!("{error}");
    // Up to where something still happens: an idle fixed fleet would squeeze the rest.
    let end = outcomes
        .iter()
        .flat_map(|o| o.points.iter().filter(|p| p.queued > 0 || p.busy > 0))
        .map(|p| p.at)
        .max()
        .unwrap_or(0);
    let end = minutes(end) * 1.1 + 5.0;
    let highest = outcomes.iter().flat_map(|o| &o.points).map(value).max();
    let highest = f64::from(highest.unwrap_or(0).max(1)) * 1.05;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 16))
        .margin(8)
        .x_label_area_size(32)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..end, 0.0..highest)
        .map_err(|e| failed(&e))?;
    chart
        .configure_mesh()
        .x_desc("minutes")
        .y_label_formatter(&|y| format!("{y:.0}"))
        .x_label_formatter(&|x| format!("{x:.0}"))
        .light_line_style(WHITE)
        .draw()
        .map_err(|e| failed(&e))?;
    // The first strategy is drawn last, so that no other hides it.
    let coloured: Vec<_> = outcomes.iter().zip(COLOURS.iter().cycle()).collect();
    for (outcome, colour) in coloured.into_iter().rev() {
        let line = thinned(&outcome.points, value, end);
        chart
            .draw_series(LineSeries::new(line, colour.stroke_width(2)))
            .map_err(|e| failed(&e))?
            .label(&outcome.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], *colour));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .draw()
        .map_err(|e| failed(&e))
}

/// The highest value of each of at most `MOST_POINTS` stretches, so that no peak is lost.
fn thinned(points: &[Point], value: fn(&Point) -> u32, end: f64) -> Vec<(f64, f64)> {
    let shown: Vec<&Point> = points.iter().filter(|p| minutes(p.at) <= end).collect();
    let stretch = shown.len().div_ceil(MOST_POINTS).max(1);
    shown
        .chunks(stretch)
        .filter_map(|chunk| {
            let highest = chunk.iter().map(|p| value(p)).max()?;
            Some((minutes(chunk.first()?.at), f64::from(highest)))
        })
        .collect()
}

fn minutes(millis: u64) -> f64 {
    millis as f64 / 60_000.0
}
