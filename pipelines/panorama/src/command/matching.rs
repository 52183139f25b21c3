//! `panorama identity train` and `identity evaluate --compare`: models learned, and held against the one in force.

use super::identity::read_truth;
use crate::cli::Output;
use crate::{operator, render};
use anyhow::{Context, bail};
use panorama_config::Config;
use panorama_identity::{LevelReport, TrainingReport};
use panorama_runtime::now;
use serde_json::{Value, json};
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// Bits that fill half a bar of the chart.
const BAR_BITS: f64 = 12.0;

/// Learns a model and writes it, versioned by day, records and content.
pub(crate) fn train(config: &Config, out: &Path, output: &Output) -> anyhow::Result<()> {
    let answer = operator::call(config, &json!({"op": "identity_train"}))?;
    let mut model = answer.get("model").cloned().context("no model came back")?;
    let hash = xxh3_64(model.to_string().as_bytes());
    let records = answer.get("records").and_then(Value::as_u64).unwrap_or(0);
    let day = now().date().to_string().replace('-', "");
    let version = format!("trained-{day}-{records}-{:08x}", hash >> 32);
    if let Some(model) = model.as_object_mut() {
        model.insert("version".to_owned(), version.clone().into());
    }
    std::fs::write(out, serde_json::to_string_pretty(&model)?)
        .with_context(|| format!("cannot write {}", out.display()))?;
    if output.json {
        let file = out.display().to_string();
        render::json(&json!({"model": file, "version": version, "report": answer.get("report")}));
        return Ok(());
    }
    let report = answer.get("report").cloned().unwrap_or_default();
    tell(&serde_json::from_value(report).context("the report is not one")?);
    render::line(format!(
        "\n{version} is in {}. Hold it against the model in force:\n  panorama identity evaluate --compare {}\n\
         and adopt it with identity.model: {} (the next start matches all records again)",
        out.display(),
        out.display(),
        out.display()
    ));
    Ok(())
}

/// What was learned: a bar per level, to the right for one person, to the left against.
fn tell(report: &TrainingReport) {
    for comparison in &report.comparisons {
        render::line(format!("\n{}", comparison.name));
        for level in &comparison.levels {
            render::line(format!(
                "  {:16} m {:.4}  u {:.2e}  household {:.4}  {:+6.1} {} bits {}",
                level.name,
                level.m_probability,
                level.u_probability,
                level.household_probability,
                level.weight_bits,
                sureness(level),
                bar(level.weight_bits)
            ));
        }
    }
    render::line(format!(
        "\n{} records, {} blocked and {} random pairs, {} rounds ({}); two records are one person in {:.2e}",
        render::thousands(report.records as u64),
        render::thousands(report.blocked_pairs as u64),
        render::thousands(report.random_pairs as u64),
        report.rounds,
        if report.converged {
            "converged"
        } else {
            "stopped at the limit"
        },
        report.match_probability
    ));
    let sure = if report.levels_learned > 0 {
        format!(", half of them to ±{:.2} bits or better", report.uncertainty_bits)
    } else {
        String::new()
    };
    render::line(format!(
        "{} of {} weights are learned from your records{sure}; those marked start are mostly the start model's",
        report.levels_learned, report.levels
    ));
    let row = |at: &panorama_identity::ThresholdEstimate| {
        vec![
            format!("{:.3}", at.probability),
            format!("{:.4}", at.precision),
            format!("{:.4}", at.recall),
            render::thousands(at.pairs.round().max(0.0) as u64),
        ]
    };
    render::table(
        &["threshold", "expected precision", "expected recall", "pairs"],
        report.thresholds.iter().map(row).collect::<Vec<_>>(),
    );
    for warning in &report.warnings {
        render::line(format!("note: {warning}"));
    }
}

/// How sure a level's weight is: by how much it may be off, or that it was not learned.
fn sureness(level: &LevelReport) -> String {
    if level.learned {
        format!("±{:<4.1}", level.uncertainty_bits)
    } else {
        "start".to_owned()
    }
}

fn bar(bits: f64) -> String {
    let cells = (bits.abs().min(BAR_BITS) / BAR_BITS * 12.0).round();
    let cells = if cells.is_finite() { cells as usize } else { 0 };
    let filled = "#".repeat(cells);
    if bits < 0.0 {
        format!("{filled:>12}|{:12}", "")
    } else {
        format!("{:12}|{filled:<12}", "")
    }
}

/// Links all records under both models, in memory, and says how they differ.
pub(crate) fn compare(
    config: &Config,
    truth: Option<&Path>,
    model: Option<&Path>,
    output: &Output,
) -> anyhow::Result<()> {
    let Some(model) = model else {
        bail!("say what to compare: --compare MODEL");
    };
    let text = std::fs::read_to_string(model).with_context(|| format!("cannot read {}", model.display()))?;
    let model: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not a model", model.display()))?;
    let truth = truth.map(read_truth).transpose()?.unwrap_or_default();
    let answer = operator::call(
        config,
        &json!({"op": "identity_compare", "model": model, "truth": truth}),
    )?;
    if output.json {
        render::json(&answer);
        return Ok(());
    }
    let row = |name: &str, key: &str| {
        let side = answer.get(key).cloned().unwrap_or_default();
        let quality = side.get("quality").cloned().unwrap_or_default();
        let figure = |key: &str| quality.get(key).and_then(Value::as_f64);
        let shown = |key: &str| figure(key).map_or_else(String::new, |f| format!("{f:.4}"));
        vec![
            name.to_owned(),
            render::member(&side, "persons"),
            shown("precision"),
            shown("recall"),
            shown("f1"),
        ]
    };
    render::table(
        &["model", "persons", "precision", "recall", "F1"],
        vec![row("in force", "now"), row("the other", "then")],
    );
    render::line(format!(
        "{} of {} records would belong with others",
        render::member(&answer, "records_that_would_move"),
        render::member(&answer, "records")
    ));
    Ok(())
}
