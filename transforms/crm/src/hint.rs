//! "Did you mean": hints for names that are not found.

/// How many names a hint lists before it stops.
const NAMES_MAX: usize = 40;

/// `; did you mean X?` where a name is near, and then the names there are.
pub(crate) fn hint<'a>(wanted: &str, names: impl Iterator<Item = &'a str> + Clone) -> String {
    let near = names
        .clone()
        .map(|name| (distance(wanted, name), name))
        .min()
        .filter(|(distance, _)| *distance <= 1 + wanted.chars().count() / 3)
        .map(|(_, name)| format!("; did you mean {name}?"))
        .unwrap_or_default();
    let listed: Vec<_> = names.clone().take(NAMES_MAX).collect();
    let more = if names.count() > NAMES_MAX { " ..." } else { "" };
    format!("{near}; there are: {}{more}", listed.join(", "))
}

/// Edit distance without regard to case, `_`, `-` and spaces.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<u8> = panorama_model::json::squeeze(a).collect();
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (line, y) in panorama_model::json::squeeze(b).enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (cell, x) in row
            .iter_mut()
            .zip(std::iter::once(None).chain(a.iter().map(Some)))
        {
            let Some(x) = x else {
                *cell = line + 1;
                continue;
            };
            let above = *cell;
            left = (diagonal + usize::from(*x != y)).min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let check = |a: &str, b: &str, expected: usize| assert_eq!(distance(a, b), expected, "{a} {b}");
        check("", "", 0);
        check("", "abc", 3);
        check("abc", "", 3);
        check("kitten", "sitting", 3);
        check("First Name", "first_name", 0);
        check("dob", "dab", 1);
    }

    #[test]
    fn near_names_are_offered() {
        let names = ["first_name", "last_name", "dob"];
        assert!(hint("frist_name", names.into_iter()).starts_with("; did you mean first_name?"));
        assert!(hint("telephone", names.into_iter()).starts_with("; there are: first_name"));
    }
}
