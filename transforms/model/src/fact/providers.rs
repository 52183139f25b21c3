//! Providers (NPPES; FHIR R4 Practitioner and PractitionerRole with an NPI): the evidence behind `provider_360`.

fact_table! {
    "provider_360", id: "npi", doc: "One row per provider (NPI), from registry and directory feeds.",
    date: None, end: None;
    ENTITY_TYPE entity_type: Text, "individual or organization";
    FAMILY_NAME family_name: Text, "Family name";
    GIVEN_NAME given_name: Text, "Given name";
    MIDDLE_NAME middle_name: Text, "Middle name";
    NAME_SUFFIX name_suffix: Text, "Name suffix";
    CREDENTIAL credential: Text, "Credential text: MD, DO, NP";
    ORGANIZATION_NAME organization_name: Text, "Legal business name";
    TAXONOMY_CODE taxonomy_code: Text, "Primary NUCC taxonomy code";
    SPECIALTY specialty: Text, "Specialty in words";
    PRACTICE_LINE practice_line: Text, "Practice address line";
    PRACTICE_CITY practice_city: Text, "Practice city";
    PRACTICE_STATE practice_state: Text, "Practice state";
    PRACTICE_POSTAL_CODE practice_postal_code: Text, "Practice postal code";
    PRACTICE_PHONE practice_phone: Text, "Practice phone";
    LICENSE_NUMBER license_number: Text, "Licence number of the primary taxonomy";
    LICENSE_STATE license_state: Text, "Licence state";
    SEX sex: Text, "female, male, other, unknown";
    NPPES_STATUS nppes_status: Text, "active or deactivated";
    ENUMERATED_AT enumerated_at: Time, "Enumeration date";
    UPDATED_IN_REGISTRY_AT updated_in_registry_at: Time, "Last update in the registry";
    DEACTIVATED_AT deactivated_at: Time, "Deactivation date";
    CREDENTIAL_STATUS credential_status: Text, "clear, expiring_90d, expired, excluded, review";
    LEIE_EXCLUDED leie_excluded: Bool, "On the OIG list of excluded individuals and entities";
    DIRECTORY_ID directory_id: Text, "Id of the practitioner in the directory feed";
    ORGANIZATION organization: Text, "Organisation the provider works for (PractitionerRole.organization)";
}
