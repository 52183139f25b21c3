//! FHIR `Quantity`.

use crate::node::Node;
use panorama_model::Text;

/// A number with its unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Quantity {
    pub(crate) value: Option<f64>,
    /// The UCUM code where the quantity has one, else the unit as written.
    pub(crate) unit: Option<Text>,
    pub(crate) comparator: Option<Text>,
}

/// Reads a Quantity (also SimpleQuantity, Age, Duration, Money).
pub(crate) fn quantity(node: Node<'_>) -> Quantity {
    if !node.exists() {
        return Quantity::default();
    }
    let is_ucum = node.get("system").str_if_text() == Some("http://unitsofmeasure.org");
    let code = if is_ucum { node.get("code").text() } else { None };
    Quantity {
        value: node.get("value").number(),
        unit: code
            .or_else(|| node.get("unit").text())
            .or_else(|| node.get("code").text()),
        comparator: node.get("comparator").text(),
    }
}
