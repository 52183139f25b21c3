//! The CRM: one export of all contacts, in marketing quality.

use crate::calendar::Civil;
use crate::people::Person;
use crate::random::{Purpose, Random};
use crate::recorded::{Recorded, Recorder};
use crate::text::{Day, Page, put};
use crate::world::World;

pub(crate) const HEADER: &str =
    "contact_id,first_name,last_name,dob,sex,street,city,state,zip,home_phone,cell_phone,email,updated_at\n";

/// Writes one contact; `second` for the one entered twice.
pub(crate) fn write(out: &mut Page, world: &World, index: u32, person: &Person, second: bool) {
    let recorder = if second { Recorder::CrmAgain } else { Recorder::Crm };
    let mut random = Random::new(
        world.seed,
        Purpose::Life,
        u64::from(index) * 2 + u64::from(second) + (2 << 40),
    );
    let updated_at = random.between(world.start, world.end - 1);
    let recorded = Recorded::new(world, index, person, recorder, updated_at);
    let (mut given, mut family) = (recorded.given.to_string(), recorded.family.to_string());
    match random.below(100) {
        0 => std::mem::swap(&mut given, &mut family),
        1..6 => (given, family) = (given.to_uppercase(), family.to_uppercase()),
        6..11 => (given, family) = (given.to_lowercase(), family.to_lowercase()),
        _ => {}
    }
    put!(out, "{}", world.contact_id(index, second));
    out.cell(&given);
    out.cell(&family);
    out.text(",");
    if let Some(birth) = recorded.birth {
        put!(out, "{}", Day::Us(birth));
    }
    out.cell(match recorded.male {
        Some(true) => "M",
        Some(false) => "F",
        None => "",
    });
    match recorded.address {
        Some(address) => {
            let line = address.line(recorded.short_street);
            put!(
                out,
                ",{line},{},{},{:05}",
                address.city(),
                address.state(),
                address.zip()
            );
        }
        None => out.text(",,,,"),
    }
    for phone in [recorded.home, recorded.cell] {
        match phone {
            Some(phone) if random.chance(0.5) => put!(out, ",{phone}"),
            Some(phone) => put!(
                out,
                ",{}-{:03}-{:04}",
                phone.area(),
                phone.exchange(),
                phone.line()
            ),
            None => out.text(","),
        }
    }
    out.cell(&recorded.email);
    let c = Civil::utc(updated_at);
    put!(
        out,
        ",{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z\n",
        c.year,
        c.month,
        c.day,
        c.hour,
        c.minute,
        c.second
    );
}
