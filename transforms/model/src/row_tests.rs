//! Rows: the last word holds, cells come back as they went in, and the stored form is that of a list.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A cell on its own: what state and journals of before the one buffer hold, and so the format that must stay.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename = "Value")]
enum Owned {
    Null,
    Text(Text),
    Int(i64),
    Float(f64),
    Bool(bool),
    Time(Timestamp),
    Date(Date),
    List(Vec<Text>),
    Map(Vec<(Text, Text)>),
    Bytes(Vec<u8>),
}

impl ToValue for Owned {
    fn to_value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::Text(text),
            Self::Int(number) => Value::Int(*number),
            Self::Float(number) => Value::Float(*number),
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Time(at) => Value::Time(*at),
            Self::Date(date) => Value::Date(*date),
            Self::List(list) => Value::List(list),
            Self::Map(map) => Value::Map(map),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        }
    }
}

fn text() -> impl Strategy<Value = Text> {
    "[a-zë国]{0,30}".prop_map(Text::from)
}

fn owned() -> impl Strategy<Value = Owned> {
    prop_oneof![
        Just(Owned::Null),
        text().prop_map(Owned::Text),
        text().prop_map(Owned::Text),
        any::<i64>().prop_map(Owned::Int),
        any::<i32>().prop_map(|number| Owned::Float(number.into())),
        any::<bool>().prop_map(Owned::Bool),
        any::<i64>().prop_map(|at| Owned::Time(Timestamp(at))),
        any::<i32>().prop_map(|day| Owned::Date(Date(day))),
        prop::collection::vec(text(), 0..3).prop_map(Owned::List),
        prop::collection::vec((text(), text()), 0..3).prop_map(Owned::Map),
        prop::collection::vec(any::<u8>(), 0..5).prop_map(Owned::Bytes),
    ]
}

proptest! {
    #[test]
    fn the_last_word_holds_and_the_bytes_are_those_of_cells_on_their_own(
        said in prop::collection::vec((0u8..8, owned()), 0..24),
        dropped in 0u8..8,
    ) {
        let mut row = Row::new();
        let mut expected = BTreeMap::new();
        for (index, value) in &said {
            row.set_index(*index, value.to_value());
            expected.insert(*index, value.clone());
        }
        let check = |row: &Row, expected: &BTreeMap<u8, Owned>| {
            for index in 0..8 {
                prop_assert_eq!(row.get_index(index), expected.get(&index).map(Owned::to_value));
            }
            let told: usize = row.cells().filter_map(|(_, value)| value.as_text()).map(str::len).sum();
            prop_assert_eq!(row.text.len(), told, "texts that no cell holds");
            let cells: Vec<(u8, Owned)> = expected.clone().into_iter().collect();
            let bytes = postcard::to_stdvec(row).unwrap();
            prop_assert_eq!(&bytes, &postcard::to_stdvec(&cells).unwrap());
            prop_assert_eq!(&postcard::from_bytes::<Row>(&bytes).unwrap(), row);
            let json = serde_json::to_string(row).unwrap();
            prop_assert_eq!(&json, &serde_json::to_string(&cells).unwrap());
            prop_assert_eq!(&serde_json::from_str::<Row>(&json).unwrap(), row);
            Ok(())
        };
        check(&row, &expected)?;
        row.retain(|index, _| index != dropped);
        expected.remove(&dropped);
        check(&row, &expected)?;
    }
}
