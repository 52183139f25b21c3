//! Why a pair scored what it scored: the waterfall from prior to probability (INV-7).

use crate::pair_kind::PairKind;
use crate::score::{Compiled, LevelBits, MatchWeight, Scorer, Totals, Veto, rarer_bits};
use panorama_model::Text;
use panorama_standardize::StandardPerson;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One comparison's part in a score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplanationStep {
    /// The comparison's stable name.
    pub comparison: String,
    /// The level's stable name; `missing` where one side has no value.
    pub level: String,
    /// What that means, in words.
    pub words: String,
    /// Probability of the level for one person.
    pub m_probability: f32,
    /// Probability of the level for strangers, adjusted to the term.
    pub u_probability: f32,
    /// Probability of the level for members of one household.
    pub household_probability: f32,
    /// Bits of `m / u` that come from how common the term is (part of the weight).
    pub term_frequency_bits: f32,
    /// What the step adds to the match weight, in bits.
    pub weight_bits: f32,
    /// The match weight after this step, in bits.
    pub running_bits: f32,
}

/// The whole waterfall of a pair. Holds levels and probabilities, no values of the records (INV-8).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The model that says so.
    pub model_version: String,
    /// The weight before anything is compared, in bits.
    pub prior_bits: f32,
    /// The comparisons in order.
    pub steps: Vec<ExplanationStep>,
    /// The odds against two strangers alone, in bits.
    pub against_strangers_bits: f32,
    /// The odds against two members of one household alone, in bits.
    pub against_household_bits: f32,
    /// The kind of pair this most likely is.
    pub likeliest: PairKind,
    /// What forbids the match, if anything.
    pub veto: Option<Veto>,
    /// True where the weight was held down to review because the pair looks like twins.
    pub twins_suspected: bool,
    /// The source that is not believed further than the weight, where that held it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_down_by: Option<Text>,
    /// The match weight.
    pub weight: MatchWeight,
    /// The match probability.
    pub probability: f64,
}

/// What one record says, and who says it.
#[derive(Clone, Copy, Debug)]
pub struct Spoken<'a> {
    /// The configured source id.
    pub source: &'a str,
    /// What it says, standardized.
    pub person: &'a StandardPerson,
}

impl Scorer {
    /// Explains the score of two records as the engine scores them: what the model sees of them, no higher than their
    /// sources are believed.
    pub fn explain_records(&self, a: Spoken<'_>, b: Spoken<'_>) -> Explanation {
        let (x, y) = (self.matched(a.source, a.person), self.matched(b.source, b.person));
        let explanation = self.explain(&x, &y);
        let (weight, held_down_by) = self.declared.trusted(explanation.weight, [a.source, b.source]);
        Explanation {
            weight,
            probability: weight.probability(),
            held_down_by: held_down_by.map(Text::from),
            ..explanation
        }
    }

    /// Explains the score of a pair, step by step.
    ///
    /// - Shape: one step per comparison of the model; the running weight counts the odds against both rival
    ///   explanations, so a step that only shows a common household adds little.
    pub fn explain(&self, a: &StandardPerson, b: &StandardPerson) -> Explanation {
        let score = self.score(a, b);
        let mut totals = self.prior;
        let mut running = totals.combined();
        let prior_bits = running;
        let steps = self
            .compiled
            .iter()
            .map(|compiled| {
                let step = self.step(compiled, a, b, &mut totals, running);
                running = step.running_bits;
                step
            })
            .collect();
        let [against_strangers_bits, against_household_bits] = totals.against_each();
        Explanation {
            model_version: self.model.version.clone(),
            prior_bits,
            steps,
            against_strangers_bits,
            against_household_bits,
            likeliest: totals.likeliest(),
            veto: score.veto,
            twins_suspected: score.twins_suspected,
            held_down_by: None,
            weight: score.weight,
            probability: score.probability(),
        }
    }

    fn step(
        &self,
        compiled: &Compiled,
        a: &StandardPerson,
        b: &StandardPerson,
        totals: &mut Totals,
        running: f32,
    ) -> ExplanationStep {
        let compared = compiled.compare(a, b);
        let found = compared.and_then(|c| Some((c, compiled.level(c.level)?, compiled.bits.get(c.level)?)));
        let Some((compared, (level, words), bits)) = found else {
            return ExplanationStep {
                comparison: compiled.name().to_owned(),
                level: "missing".to_owned(),
                words: "not known on one side".to_owned(),
                m_probability: 1.0,
                u_probability: 1.0,
                household_probability: 1.0,
                term_frequency_bits: 0.0,
                weight_bits: 0.0,
                running_bits: running,
            };
        };
        totals.add(bits);
        let mut rarer = [0.0; 2];
        if let Some((kind, term)) = compared.term
            && let Some(slot) = rarer.get_mut(kind as usize)
        {
            *slot = rarer_bits(bits, kind.table(&self.given, &self.family).bits(term));
        }
        totals.rarer(rarer);
        let term_bits: f32 = rarer.iter().sum();
        let after = totals.combined();
        ExplanationStep {
            comparison: compiled.name().to_owned(),
            level: level.to_owned(),
            words: words.to_owned(),
            m_probability: self.share_of(bits, PairKind::is_one_person),
            u_probability: (self.share_of(bits, |kind| kind == PairKind::Strangers).log2() - term_bits)
                .exp2(),
            household_probability: self.share_of(bits, PairKind::is_household),
            term_frequency_bits: term_bits,
            weight_bits: after - running,
            running_bits: after,
        }
    }
}

impl Scorer {
    /// The probability of a level over several kinds, each counted by its share.
    fn share_of(&self, bits: &LevelBits, wanted: fn(PairKind) -> bool) -> f32 {
        let (mut sum, mut all) = (0.0, 0.0);
        for ((kind, bits), prior) in PairKind::ALL.into_iter().zip(bits).zip(self.prior.0) {
            if wanted(kind) {
                sum += (bits + prior).exp2();
                all += prior.exp2();
            }
        }
        if all > 0.0 { sum / all } else { 0.0 }
    }
}

impl fmt::Display for Explanation {
    /// A waterfall for terminals: one line per comparison.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<14} {:<42} {:>8} {:>8}",
            "prior",
            "before anything is compared",
            "",
            bits(self.prior_bits)
        )?;
        for step in &self.steps {
            let (weight, running) = (bits(step.weight_bits), bits(step.running_bits));
            writeln!(
                f,
                "{:<14} {:<42} {weight:>8} {running:>8}",
                step.comparison, step.words
            )?;
        }
        if let Some(veto) = self.veto {
            writeln!(f, "{:<14} {veto:?} forbids the match", "veto")?;
        }
        if self.twins_suspected {
            writeln!(
                f,
                "{:<14} different given names, one birth date: held down to review",
                "twins guard"
            )?;
        }
        if let Some(source) = &self.held_down_by {
            writeln!(f, "{:<14} {source} is not believed further", "source trust")?;
        }
        write!(
            f,
            "match weight {} bits, probability {:.4}: most likely {} (model {}; against strangers {}, against one \
             household {})",
            bits(self.weight.bits()),
            self.probability,
            self.likeliest.words(),
            self.model_version,
            bits(self.against_strangers_bits),
            bits(self.against_household_bits),
        )
    }
}

fn bits(bits: f32) -> String {
    format!("{bits:+.2}")
}
