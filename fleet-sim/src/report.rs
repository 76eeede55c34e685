//! Outcomes as a Markdown table. Absent: the plot.

use comfy_table::{Cell, CellAlignment, Table, presets};

use crate::outcome::Outcome;

const HEADER: [&str; 14] = [
    "strategy",
    "p50 s",
    "p95 s",
    "p99 s",
    "machines",
    "hours",
    "cost $",
    "waste",
    "busy kills",
    "redelivered",
    "Spot stops",
    "redone s",
    "unfinished",
    "to zero min",
];

/// One row an outcome; `slots` is how many tasks a machine works on at once.
pub fn table(outcomes: &[Outcome], slots: u32) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(HEADER);
    for outcome in outcomes {
        let time = |share| number(outcome.percentile(share), 0);
        table.add_row([
            outcome.name.clone(),
            time(0.5),
            time(0.95),
            time(0.99),
            outcome.most_machines.to_string(),
            number(Some(outcome.instance_hours()), 1),
            number(Some(outcome.cost), 2),
            format!("{:.0} %", outcome.waste(slots) * 100.0),
            outcome.busy_kills.to_string(),
            outcome.redelivered.to_string(),
            outcome.interruptions.to_string(),
            number(Some(outcome.lost_millis as f64 / 1_000.0), 0),
            outcome.unfinished.to_string(),
            number(outcome.minutes_to_zero(), 1),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// The rows of a grid: what was tried, and what came of it in each scenario.
pub fn plain_table(header: &[String], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(header.iter().map(Cell::new));
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

pub fn number(value: Option<f64>, decimals: usize) -> String {
    match value {
        Some(value) => format!("{value:.decimals$}"),
        None => "–".into(),
    }
}
