//! How many persons one core standardizes in a second.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a benchmark measures time and prints"
)]

use panorama_model::{Address, Email, HumanName, PartialDate, Person, Phone, Presence, Sex};
use std::hint::black_box;
use std::time::Instant;

fn person(n: u32) -> Person {
    Person {
        names: Presence::Value(vec![HumanName {
            family: ["O'Neill", "de la Cruz", "Smith", "García-López"][n as usize % 4].into(),
            given: ["Bill", "Mary Ann", "JOSÉ", "Katherine"][n as usize / 4 % 4].into(),
            ..HumanName::default()
        }]),
        birth_date: Presence::from(PartialDate::from_ymd(1950, 1, (n % 28) as u8 + 1)),
        sex: Presence::Value(Sex::Female),
        ssn: Presence::Value(format!("4{:08}", n + 11_000_000).into()),
        addresses: Presence::Value(vec![Address {
            line: format!("{n} North 77th Court").into(),
            line2: "Apt 12".into(),
            city: "Saint Francis".into(),
            state: "WI".into(),
            postal_code: "53235".into(),
            ..Address::default()
        }]),
        phones: Presence::Value(vec![Phone {
            number: format!("(414) 555-{:04}", n % 10_000).into(),
            ..Phone::default()
        }]),
        emails: Presence::Value(vec![Email {
            address: format!("person{n}@example.org").into(),
            ..Email::default()
        }]),
        ..Person::default()
    }
}

fn main() {
    let persons: Vec<_> = (0..200_000).map(person).collect();
    let start = Instant::now();
    for person in &persons {
        black_box(panorama_standardize::standardize(person));
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "standardize: {:.0} persons/s on one core",
        persons.len() as f64 / seconds
    );
}
