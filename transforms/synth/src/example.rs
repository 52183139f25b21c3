//! The configuration that runs the pipeline over the synthetic feeds.

/// Writes a configuration with the seven synthetic sources.
///
/// - Shape: directories as they are to be written in the file, without a slash at the end.
pub fn example_config(feeds_dir: &str, data_dir: &str, tables_dir: &str) -> String {
    let (data, tables) = (quoted(data_dir), quoted(tables_dir));
    let feed = |path: &str| quoted(&format!("{feeds_dir}/{path}"));
    format!(
        r#"# A synthetic health system: seven sources, one 360-degree record per person.
name: synthetic-health-system
data_dir: {data}
bus:
  type: local
sources:
  - id: hospital
    type: file
    path: {hospital}
    format: hl7v2
    timezone: America/Chicago
  - id: clinic
    type: file
    path: [{clinic_lines}, {clinic_bundles}]
    format: fhir-r4
  - id: contact-center
    type: file
    path: {calls}
    format: amazon-connect
  - id: crm
    type: file
    path: {crm}
    format: csv
    record: person
    columns:
      source_record_id: contact_id
      given_name: first_name
      family_name: last_name
      birth_date: dob
      sex: sex
      address_line: street
      city: city
      state: state
      postal_code: zip
      phone: [home_phone, cell_phone]
      email: email
      updated_at: updated_at
    multiple: [phone]
    birth_date_format: "%m/%d/%Y"
  - id: email
    type: file
    path: {mail}
    format: sendgrid
  - id: web
    type: file
    path: {web}
    format: segment
  - id: nppes
    type: file
    path: {nppes}
    format: nppes
tables:
  location: {tables}
"#,
        hospital = feed("hl7/*.hl7"),
        clinic_lines = feed("fhir/*.ndjson"),
        clinic_bundles = feed("fhir/*.json"),
        calls = feed("calls/*.json"),
        crm = feed("crm/contacts.csv"),
        mail = feed("marketing/*.json"),
        web = feed("web/*.json"),
        nppes = feed("providers/nppes.csv"),
    )
}

/// A YAML double-quoted scalar, which may hold any path.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_every_source_and_quotes_paths() {
        let text = example_config("/a b/feeds", "d\\x", "t");
        for id in [
            "hospital",
            "clinic",
            "contact-center",
            "crm",
            "email",
            "web",
            "nppes",
        ] {
            assert_eq!(text.matches(&format!("- id: {id}\n")).count(), 1, "{id}");
        }
        assert!(text.contains("path: \"/a b/feeds/hl7/*.hl7\"\n"));
        assert!(text.contains("data_dir: \"d\\\\x\"\n"));
    }
}
