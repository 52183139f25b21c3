//! `panorama identity review`, `link`, `unlink`, `withdraw`: the work of a steward.

use crate::cli::{ConfigFile, Decision, Output, Review, Verdict};
use crate::{operator, render, service};
use serde_json::{Value, json};

pub(crate) fn review(what: Review, output: &Output) -> anyhow::Result<()> {
    match what {
        Review::List { file, limit } => list(&file, limit, output),
        Review::Decide {
            file,
            id,
            verdict,
            who,
        } => {
            let request = json!({
                "op": "review_decide", "id": id, "verdict": verdict.name(), "by": who.by, "note": who.note,
            });
            decide(&file, &request, output)
        }
    }
}

pub(crate) fn say(decision: &Decision, verdict: Verdict, output: &Output) -> anyhow::Result<()> {
    let request = json!({
        "op": "identity_decide", "a": decision.a, "b": decision.b, "verdict": verdict.name(),
        "by": decision.who.by, "note": decision.who.note,
    });
    decide(&decision.file, &request, output)
}

/// A decision is durable when this returns; a running service has read it a moment later.
fn decide(file: &ConfigFile, request: &Value, output: &Output) -> anyhow::Result<()> {
    let config = service::load(file)?;
    let answer = operator::call(&config, request)?;
    if output.json {
        render::json(&answer);
    } else {
        let verdict = render::member(&answer, "verdict");
        render::line(format!(
            "{verdict}: kept for ever; in force once the pipeline has read it (at once where it runs, else with the next run)"
        ));
    }
    Ok(())
}

fn list(file: &ConfigFile, limit: usize, output: &Output) -> anyhow::Result<()> {
    let config = service::load(file)?;
    let answer = operator::call(&config, &json!({"op": "review_list", "limit": limit}))?;
    if output.json {
        render::json(&answer);
        return Ok(());
    }
    let reviews = answer.get("reviews").and_then(Value::as_array);
    let row = |review: &Value| {
        let [id, a, b, reason] =
            ["review_id", "record_a", "record_b", "reason"].map(|key| render::member(review, key));
        let probability = review
            .get("match_probability")
            .and_then(Value::as_f64)
            .unwrap_or_default();
        vec![id, a, b, format!("{probability:.4}"), reason]
    };
    render::table(
        &["review_id", "record_a", "record_b", "probability", "reason"],
        reviews.map_or(&[][..], Vec::as_slice).iter().map(row),
    );
    let open = answer.get("open").and_then(Value::as_u64).unwrap_or(0);
    render::line(format!(
        "{} open; `identity explain A B` says why, `identity review decide ID match|no-match --by NAME` decides",
        render::thousands(open)
    ));
    Ok(())
}
