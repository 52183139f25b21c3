//! The truth: who is who behind every record the feeds carried, for measuring matches and for nothing else.

use super::sent;
use crate::files::{FeedSink, Rolling};
use crate::people::Person;
use crate::text::{Day, Page, put};
use crate::world::World;
use std::fmt;

/// The real person's number.
#[derive(Clone, Copy, Debug)]
struct EntityId(u32);

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P{:08}", self.0)
    }
}

/// Writes the three truth files; returns how many source records have a known person.
pub(crate) fn write<S: FeedSink + ?Sized>(
    world: &World,
    marks: &[u8],
    sink: &mut S,
) -> Result<u64, S::Error> {
    let mut entities = Rolling::single("truth/entities", ".csv");
    let mut shared = Rolling::single("truth/shared_endpoints", ".csv");
    let mut persons = Rolling::single("truth/persons", ".csv");
    entities.page.text("source,source_record_id,entity_id\n");
    shared.page.text("source,source_record_id\n");
    persons.page.text(
        "entity_id,household_id,given_name,middle_name,family_name,previous_family_name,name_suffix,birth_date,sex,ssn,\
         cell_phone,home_phone,email,address_line,city,state,postal_code\n",
    );
    for ((index, person), mark) in (0u32..).zip(&world.population.people).zip(marks) {
        records(&mut entities, world, index, person, *mark, sink)?;
        endpoints(&mut entities, &mut shared, world, index, person, *mark, sink)?;
        write_person(&mut persons.page, world, index, person);
        persons.end_message(sink)?;
    }
    shared_by_household(&mut shared, world, marks, sink)?;
    for file in [&mut entities, &mut shared, &mut persons] {
        file.hand_over(sink)?;
    }
    Ok(entities.messages)
}

fn row<S: FeedSink + ?Sized>(
    file: &mut Rolling,
    sink: &mut S,
    line: fmt::Arguments<'_>,
) -> Result<(), S::Error> {
    file.page.format(line);
    file.page.text("\n");
    file.end_message(sink)
}

fn records<S: FeedSink + ?Sized>(
    file: &mut Rolling,
    world: &World,
    index: u32,
    person: &Person,
    mark: u8,
    sink: &mut S,
) -> Result<(), S::Error> {
    let entity = EntityId(index);
    for (bit, second) in [(sent::FIRST_MRN, false), (sent::SECOND_MRN, true)] {
        if mark & bit != 0 {
            row(
                file,
                sink,
                format_args!("hospital,{},{entity}", world.mrn(index, second)),
            )?;
        }
    }
    if mark & sent::CLINIC != 0 {
        row(
            file,
            sink,
            format_args!("clinic,{},{entity}", world.clinic_id(index)),
        )?;
    }
    if person.known & crate::people::known::CRM != 0 {
        row(
            file,
            sink,
            format_args!("crm,{},{entity}", world.contact_id(index, false)),
        )?;
        if world.contact_is_double(index) {
            row(
                file,
                sink,
                format_args!("crm,{},{entity}", world.contact_id(index, true)),
            )?;
        }
    }
    if mark & sent::USER != 0 {
        row(file, sink, format_args!("web,{},{entity}", world.user_id(index)))?;
    }
    Ok(())
}

fn endpoints<S: FeedSink + ?Sized>(
    entities: &mut Rolling,
    shared: &mut Rolling,
    world: &World,
    index: u32,
    person: &Person,
    mark: u8,
    sink: &mut S,
) -> Result<(), S::Error> {
    let (entity, population) = (EntityId(index), &world.population);
    if let Some(cell) = population.cell(index, person).filter(|_| mark & sent::CELL != 0) {
        if population.cell_is_exclusive(index, person) {
            row(entities, sink, format_args!("contact-center,{cell:#},{entity}"))?;
        } else {
            row(shared, sink, format_args!("contact-center,{cell:#}"))?;
        }
    }
    if let Some(line) = population.landline(person).filter(|_| mark & sent::LANDLINE != 0)
        && population.landline_is_exclusive(person)
    {
        row(entities, sink, format_args!("contact-center,{line:#},{entity}"))?;
    }
    if mark & sent::EMAIL != 0 && !person.email.is_empty() {
        row(entities, sink, format_args!("email,{},{entity}", person.email))?;
    }
    Ok(())
}

/// Landlines and e-mail addresses that a household shares, each once.
fn shared_by_household<S: FeedSink + ?Sized>(
    shared: &mut Rolling,
    world: &World,
    marks: &[u8],
    sink: &mut S,
) -> Result<(), S::Error> {
    let population = &world.population;
    for household in &population.households {
        let range = household.first as usize..household.first as usize + usize::from(household.size);
        let Some(people) = population.people.get(range.clone()) else {
            continue;
        };
        let together = marks
            .get(range)
            .unwrap_or_default()
            .iter()
            .fold(0, |all, mark| all | mark);
        let Some(first) = people.first() else { continue };
        if let Some(line) = population
            .landline(first)
            .filter(|_| together & sent::LANDLINE != 0)
            && household.size > 1
        {
            row(shared, sink, format_args!("contact-center,{line:#}"))?;
        }
        let mailed = people
            .iter()
            .zip(marks.get(household.first as usize..).unwrap_or_default());
        let mut mailed = mailed.filter(|(person, mark)| **mark & sent::EMAIL != 0 && person.email.is_empty());
        if mailed.next().is_some() {
            row(shared, sink, format_args!("email,{}", household.shared_email))?;
        }
    }
    Ok(())
}

fn write_person(out: &mut Page, world: &World, index: u32, person: &Person) {
    let population = &world.population;
    put!(
        out,
        "{},H{:08},{},{},{},{},{},{},{},{:09}",
        EntityId(index),
        person.household,
        person.given,
        person.middle,
        person.family,
        person.maiden,
        person.suffix,
        Day::Iso(person.birth),
        if person.male { "M" } else { "F" },
        person.ssn
    );
    for phone in [population.cell(index, person), population.landline(person)] {
        match phone {
            Some(phone) => put!(out, ",{phone:#}"),
            None => out.text(","),
        }
    }
    put!(out, ",{}", population.email(person));
    match population.household(person).map(|household| household.address) {
        Some(a) => put!(
            out,
            ",{},{},{},{:05}\n",
            a.line(false),
            a.city(),
            a.state(),
            a.zip()
        ),
        None => out.text(",,,,\n"),
    }
}
