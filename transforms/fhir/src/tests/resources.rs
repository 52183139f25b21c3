//! One small fixture for each resource type.

use super::check;

#[test]
fn patient() {
    check(
        r#"{"resourceType":"Patient","id":"p1","active":false,
        "meta":{"lastUpdated":"2026-01-02T03:04:05Z","versionId":"7","tag":[{"code":"HTEST"}]},
        "text":{"status":"generated","div":"<div>Jo \"Jo\" Roe</div>"},
        "extension":[
          {"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-race","extension":[
            {"url":"ombCategory","valueCoding":{"code":"2106-3"}},{"url":"ombCategory","valueCoding":{"code":"2028-9"}},
            {"url":"text","valueString":"Mixed"}]},
          {"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity","extension":[
            {"url":"text","valueString":"Not Hispanic"}]},
          {"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex","valueCode":"F"},
          {"url":"http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName","valueString":"Quill"}],
        "identifier":[
          {"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]},
           "system":"http://north.example/mrn","value":"N-1"},
          {"system":"http://hl7.org/fhir/sid/us-ssn","value":"900-00-0001"},
          {"type":{"coding":[{"code":"DL"}]},"assigner":{"display":"State X"},"value":"D1"},
          {"system":"http://other.example","value":"O1"}],
        "name":[{"use":"maiden","family":"Quill"},
          {"use":"nickname","given":["Jo"],"family":"Roe"},
          {"use":"official","family":"Roe","given":["Joan","Ann","Bea"],"suffix":["Jr"],"prefix":["Dr"]},
          {"family":"Past","period":{"end":"2001-01-01"}}],
        "telecom":[{"system":"phone","value":"tel:+1-555-0100","use":"home","rank":2},
          {"system":"phone","value":"555-0101","use":"mobile","rank":1},
          {"system":"fax","value":"555-0102"},{"system":"email","value":"jo@example.org","use":"work"}],
        "birthDate":"1980-02-29","deceasedDateTime":"2025-12-31",
        "address":[{"use":"old","line":["9 Elm"],"city":"Oldtown"},
          {"use":"home","line":["1 Oak St","Apt 2"],"city":"Newtown","district":"Kent","state":"CT","postalCode":"06001","country":"US"}],
        "maritalStatus":{"coding":[{"code":"M"}]},"multipleBirthInteger":2,
        "communication":[{"language":{"coding":[{"code":"en"}]}},{"language":{"coding":[{"code":"es"}]},"preferred":true}],
        "generalPractitioner":[{"identifier":{"system":"http://hl7.org/fhir/sid/us-npi","value":"9000000001"}}],
        "link":[{"other":{"reference":"Patient/p2"},"type":"replaced-by"},
          {"other":{"reference":"Patient/p3"},"type":"replaces"},
          {"other":{"reference":"RelatedPerson/r1"},"type":"seealso"},
          {"other":{"display":"somebody"},"type":"seealso"}]}"#,
        "error reference_unresolved Patient.link[3].other
            event link patient/p1 related_person/r1
            event merge patient/p1 patient/p3
            event merge patient/p2 patient/p1
            patient/p1 addresses=[{city:Newtown,country:US,county:Kent,line:1 Oak St,line2:Apt 2,postal_code:06001,state:CT,usage:Home},{city:Oldtown,line:9 Elm,usage:Old}] birth_date={day:29,month:2,year:1980} birth_order=2 death_at=1767139200000000 deceased=true emails=[{address:jo@example.org,usage:Work}] ethnicity=Not Hispanic identifiers=[{authority:http://north.example/mrn,kind:medical_record,value:N-1},{authority:State X,kind:driver_license,value:D1},{authority:http://other.example,kind:other,value:O1}] inactive=true language=es marital_status=M mother_maiden_name=Quill multiple_birth=true names=[{family:Roe,given:Joan,middle:Ann Bea,prefix:Dr,suffix:Jr,usage:Official},{family:Roe,given:Jo,usage:Nickname},{family:Quill,usage:Maiden},{family:Past,usage:Old}] phones=[{number:555-0101,usage:Mobile},{number:+1-555-0100,usage:Home}] primary_care_npi=9000000001 race=2106-3; 2028-9 sex=female ssn=900-00-0001 test=true",
    );
}

#[test]
fn related_person() {
    check(
        r#"{"resourceType":"RelatedPerson","id":"r1","patient":{"reference":"Patient/p1"},
        "name":[{"text":"Ann Marie Roe"}],"gender":"female","birthDate":"1955",
        "telecom":[{"system":"phone","value":"555-0103"}]}"#,
        "information name_from_text RelatedPerson.name[0]
            related_person/r1 birth_date={day:0,month:0,year:1955} names=[{family:Roe,given:Ann,middle:Marie,usage:Official}] phones=[{number:555-0103,usage:Home}] sex=female",
    );
}

#[test]
fn practitioner_and_role() {
    check(
        r#"{"resourceType":"Bundle","type":"searchset","entry":[
        {"fullUrl":"http://x.example/Practitioner/d1","resource":{"resourceType":"Practitioner","id":"d1",
          "identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":"9000000001"}],
          "name":[{"family":"Heal","given":["Al","B"],"suffix":["MD"]}],"gender":"male",
          "telecom":[{"system":"phone","use":"home","value":"1"},{"system":"phone","use":"work","value":"2"}],
          "address":[{"use":"home","line":["h"]},{"use":"work","line":["1 Clinic Way"],"city":"Newtown","state":"CT","postalCode":"06001"}],
          "qualification":[{"code":{"coding":[{"code":"MD"}]},"identifier":[{"value":"L-1"}]}]}},
        {"resource":{"resourceType":"PractitionerRole","id":"role1","practitioner":{"reference":"Practitioner/d1"},
          "organization":{"reference":"Organization/o1"},
          "specialty":[{"coding":[{"system":"http://nucc.org/provider-taxonomy","code":"207Q00000X","display":"Family Medicine"}]}]}},
        {"resource":{"resourceType":"PractitionerRole","id":"role2","practitioner":{"reference":"Practitioner/nobody"}}},
        {"resource":{"resourceType":"Practitioner","id":"d2","name":[{"family":"Unlisted"}]}},
        {"resource":{"resourceType":"Organization","id":"o1","name":"North Clinic"}},
        {"resource":{"resourceType":"Organization","id":"o2","name":"South Clinic",
          "identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":"9000000002"}],"telecom":[{"system":"phone","value":"3"}]}},
        {"resource":{"resourceType":"Location","id":"l1","name":"Ward 1"}},
        {"resource":{"resourceType":"Medication","id":"m1"}},
        {"resource":{"resourceType":"Endpoint","id":"e1"}},
        {"resource":{"resourceType":"Horoscope","id":"h1"}}]}"#,
        "information directory_only entry[6].resource
            information directory_only entry[7].resource
            information npi_missing entry[2].resource
            information npi_missing entry[3].resource
            information npi_missing entry[4].resource
            information resource_unmapped entry[8].resource
            provider/9000000001 provider_360 9000000001 partial entity_type=individual family_name=Heal given_name=Al middle_name=B name_suffix=MD credential=MD practice_line=1 Clinic Way practice_city=Newtown practice_state=CT practice_postal_code=06001 practice_phone=2 license_number=L-1 sex=male directory_id=d1
            provider/9000000001 provider_360 9000000001 partial taxonomy_code=207Q00000X specialty=Family Medicine organization=North Clinic
            provider/9000000002 provider_360 9000000002 partial entity_type=organization organization_name=South Clinic practice_phone=3 directory_id=o2
            warning resource_type_unknown entry[9].resource",
    );
}

#[test]
fn encounter() {
    check(
        r#"{"resourceType":"Bundle","type":"collection","entry":[
        {"resource":{"resourceType":"Encounter","id":"e1","status":"finished",
          "identifier":[{"value":"x"},{"type":{"coding":[{"code":"VN"}]},"value":"V-9"}],
          "class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"IMP"},
          "type":[{"coding":[{"system":"http://snomed.info/sct","code":"32485007","display":"Hospital admission"}]}],
          "serviceType":{"text":"Cardiology"},"subject":{"reference":"Patient/p1"},
          "participant":[{"type":[{"coding":[{"code":"PPRF"}]}],"individual":{"reference":"Practitioner/d2"}},
            {"type":[{"coding":[{"code":"ATND"}]}],"individual":{"reference":"PractitionerRole/role1"}},
            {"type":[{"coding":[{"code":"REF"}]}],"individual":{"reference":"Practitioner/d3","display":"Dr Ref"}},
            {"type":[{"coding":[{"code":"ADM"}]}],"individual":{"reference":"Practitioner/d1"}}],
          "period":{"start":"2026-01-01T08:00:00-06:00","end":"2026-01-03"},
          "reasonCode":[{"text":"chest pain"}],
          "diagnosis":[{"condition":{"reference":"Condition/c9"},"rank":2},{"condition":{"reference":"Condition/c1"},"rank":1}],
          "hospitalization":{"admitSource":{"coding":[{"code":"emd"}]},"dischargeDisposition":{"coding":[{"code":"home"}]}},
          "location":[{"location":{"reference":"Location/l1"}}],"serviceProvider":{"reference":"Organization/o1"}}},
        {"resource":{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p1"},
          "code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"I21.9"}]}}},
        {"resource":{"resourceType":"PractitionerRole","id":"role1","practitioner":{"reference":"Practitioner/d1"}}},
        {"resource":{"resourceType":"Practitioner","id":"d1","name":[{"family":"Heal","given":["Al"]}],
          "identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":"9000000001"}]}},
        {"resource":{"resourceType":"Organization","id":"o1","name":"North Hospital"}},
        {"resource":{"resourceType":"Location","id":"l1","name":"Ward 1"}}]}"#,
        "information directory_only entry[5].resource
            information npi_missing entry[4].resource
            patient/p1 conditions c1 code=I21.9 code_system=http://hl7.org/fhir/sid/icd-10-cm
            patient/p1 encounters e1 visit_number=V-9 class=IMP type_code=32485007 type_display=Hospital admission status=finished start_at=2026-01-01T14:00:00Z end_at=2026-01-03 service=Cardiology facility=North Hospital location=Ward 1 admit_source=emd discharge_disposition=home attending_npi=9000000001 attending_name=Al Heal referring_npi=d3 admitting_npi=9000000001 primary_dx_code=I21.9 primary_dx_system=http://hl7.org/fhir/sid/icd-10-cm reason=chest pain
            provider/9000000001 provider_360 9000000001 partial
            provider/9000000001 provider_360 9000000001 partial entity_type=individual family_name=Heal given_name=Al directory_id=d1",
    );
}

#[test]
fn condition() {
    check(
        r#"{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p1"},"encounter":{"reference":"Encounter/e1"},
        "clinicalStatus":{"coding":[{"code":"active"}]},"verificationStatus":{"coding":[{"code":"entered-in-error"}]},
        "category":[{"coding":[{"code":"problem-list-item"}]}],
        "code":{"coding":[{"system":"http://local","code":"HTN"},{"system":"http://snomed.info/sct","code":"38341003","display":"Hypertension"}]},
        "onsetPeriod":{"start":"2019-05"},"recordedDate":"2019-05-06","abatementDateTime":"2020",
        "recorder":{"reference":"Practitioner/d1"}}"#,
        "patient/p1 conditions c1 deleted encounter_id=e1 code=38341003 code_system=http://snomed.info/sct display=Hypertension category=problem-list-item clinical_status=active verification_status=entered-in-error onset_at=2019-05-01 recorded_at=2019-05-06 abatement_at=2020-01-01 recorder_npi=d1",
    );
}

#[test]
fn observation_with_components() {
    check(
        r#"{"resourceType":"Observation","id":"bp","status":"final","subject":{"reference":"Patient/p1"},
        "category":[{"coding":[{"code":"vital-signs"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"85354-9","display":"Blood pressure"}]},
        "effectiveDateTime":"2026-01-02T10:00:00","issued":"2026-01-02T10:05:00Z","performer":[{"display":"Nurse"}],
        "basedOn":[{"reference":"ServiceRequest/s1"}],"note":[{"text":"seated"},{"text":"left arm"}],
        "component":[
          {"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":142,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]","comparator":">"},
           "interpretation":[{"coding":[{"code":"H"}]}],"referenceRange":[{"low":{"value":90},"high":{"value":"120"},"text":"90-120"}]},
          {"code":{"text":"Mood"},"valueCodeableConcept":{"coding":[{"system":"http://loinc.org","code":"LA6568-5","display":"Not at all"}]}}]}"#,
        "patient/p1 observations bp order_id=s1 code=85354-9 code_system=http://loinc.org display=Blood pressure category=vital-signs effective_at=2026-01-02T16:00:00Z issued_at=2026-01-02T10:05:00Z status=final note=seated | left arm performer=Nurse
            patient/p1 observations bp#1 order_id=s1 code=8480-6 code_system=http://loinc.org panel_code=85354-9 panel_display=Blood pressure category=vital-signs effective_at=2026-01-02T16:00:00Z issued_at=2026-01-02T10:05:00Z value_type=NM value_num=142 unit=mm[Hg] comparator=> reference_low=90 reference_high=120 reference_text=90-120 interpretation=H status=final performer=Nurse
            patient/p1 observations bp#2 order_id=s1 display=Mood panel_code=85354-9 panel_display=Blood pressure category=vital-signs effective_at=2026-01-02T16:00:00Z issued_at=2026-01-02T10:05:00Z value_type=CWE value_text=Not at all value_code=LA6568-5 value_code_system=http://loinc.org status=final performer=Nurse
            warning type_coerced Observation.component[0].referenceRange[0].high.value",
    );
}

#[test]
fn observation_values() {
    let value = |value: &str, expected: &str| {
        let json = format!(
            r#"{{"resourceType":"Observation","id":"o","subject":{{"reference":"Patient/p"}},{value}}}"#
        );
        check(&json, &format!("patient/p observations o {expected}"));
    };
    value(r#""valueString":"clear""#, "value_type=ST value_text=clear");
    value(r#""valueBoolean":true"#, "value_type=ID value_text=true");
    value(r#""valueInteger":3"#, "value_type=NM value_num=3");
    value(
        r#""valueDateTime":"2026-01""#,
        "value_type=DTM value_text=2026-01",
    );
    value(r#""valueTime":"10:00:00""#, "value_type=TM value_text=10:00:00");
    value(
        r#""valuePeriod":{"start":"2026"}"#,
        "value_type=DR value_text=2026/",
    );
    value(
        r#""valueRange":{"low":{"value":1.5},"high":{"value":2}}"#,
        "value_type=NR value_text=1.5-2",
    );
    value(
        r#""valueRatio":{"numerator":{"value":1},"denominator":{"value":128}}"#,
        "value_type=SN value_text=1:128",
    );
    value(
        r#""valueSampledData":{"data":"1 2 3"}"#,
        "value_type=NA value_text=1 2 3",
    );
    value(
        r#""dataAbsentReason":{"coding":[{"code":"asked-declined"}]}"#,
        "note=asked-declined",
    );
}

#[test]
fn medication_request() {
    check(
        r##"{"resourceType":"MedicationRequest","id":"m1","status":"active","intent":"order","subject":{"reference":"Patient/p1"},
        "encounter":{"reference":"Encounter/e1"},"authoredOn":"2026-01-02","requester":{"reference":"Practitioner/d1"},
        "contained":[{"resourceType":"Medication","id":"med","code":{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"314076","display":"lisinopril 10 MG"}]}}],
        "medicationReference":{"reference":"#med"},
        "dosageInstruction":[{"text":"one a day","timing":{"repeat":{"frequency":1,"period":1,"periodUnit":"d","boundsPeriod":{"start":"2026-01-03","end":"2026-04-03"}}},
          "route":{"text":"oral"},"doseAndRate":[{"doseQuantity":{"value":1,"unit":"tablet"}}]}],
        "dispenseRequest":{"quantity":{"value":90},"expectedSupplyDuration":{"value":3,"unit":"months"},"numberOfRepeatsAllowed":2}}"##,
        "patient/p1 medications m1 encounter_id=e1 kind=request code=314076 code_system=http://www.nlm.nih.gov/research/umls/rxnorm display=lisinopril 10 MG status=active intent=order authored_at=2026-01-02 start_at=2026-01-03 end_at=2026-04-03 prescriber_npi=d1 dose_text=one a day dose=1 dose_unit=tablet route=oral frequency=1 per 1 d quantity=90 days_supply=90 refills=2",
    );
}

#[test]
fn other_medications_keep_ids_apart() {
    check(
        r#"{"resourceType":"Bundle","type":"collection","entry":[
        {"resource":{"resourceType":"MedicationStatement","id":"1","status":"active","subject":{"reference":"Patient/p"},"context":{"reference":"Encounter/e"},
          "medicationCodeableConcept":{"text":"aspirin"},"effectivePeriod":{"start":"2020","end":"2021"},"dateAsserted":"2022","dosage":[{"timing":{"code":{"coding":[{"code":"BID"}]}}}]}},
        {"resource":{"resourceType":"MedicationAdministration","id":"1","status":"completed","subject":{"reference":"Patient/p"},
          "medicationReference":{"reference":"Medication/m"},"effectiveDateTime":"2020-02-03T04:05:06Z","dosage":{"text":"iv","route":{"coding":[{"code":"IV"}]},"dose":{"value":5,"unit":"mg"}}}},
        {"resource":{"resourceType":"MedicationDispense","id":"1","status":"completed","subject":{"reference":"Patient/p"},
          "medicationCodeableConcept":{"coding":[{"system":"http://hl7.org/fhir/sid/ndc","code":"0071"}]},"whenHandedOver":"2020-02-03","quantity":{"value":30},"daysSupply":{"value":30,"unit":"days"}}},
        {"resource":{"resourceType":"Medication","id":"m","code":{"text":"heparin"}}}]}"#,
        "information directory_only entry[3].resource
            patient/p medications MedicationAdministration/1 kind=administration display=heparin status=completed authored_at=2020-02-03T04:05:06Z start_at=2020-02-03T04:05:06Z dose_text=iv dose=5 dose_unit=mg route=IV
            patient/p medications MedicationDispense/1 kind=dispense code=0071 code_system=http://hl7.org/fhir/sid/ndc status=completed authored_at=2020-02-03 start_at=2020-02-03 quantity=30 days_supply=30
            patient/p medications MedicationStatement/1 encounter_id=e kind=statement display=aspirin status=active authored_at=2022-01-01 start_at=2020-01-01 end_at=2021-01-01 frequency=BID",
    );
}

#[test]
fn procedure_immunization_allergy() {
    check(
        r#"{"resourceType":"Procedure","id":"x","status":"completed","subject":{"reference":"Patient/p"},"encounter":{"reference":"Encounter/e"},
        "code":{"coding":[{"system":"http://snomed.info/sct","code":"80146002","display":"Appendectomy"}]},
        "performedPeriod":{"start":"2026-01-01T10:00:00Z","end":"2026-01-01T11:00:00Z"},"performer":[{"actor":{"reference":"Practitioner/d"}}],
        "reasonCode":[{"text":"appendicitis"}]}"#,
        "patient/p procedures x encounter_id=e code=80146002 code_system=http://snomed.info/sct display=Appendectomy status=completed performed_at=2026-01-01T10:00:00Z end_at=2026-01-01T11:00:00Z performer_npi=d reason=appendicitis",
    );
    check(
        r#"{"resourceType":"Immunization","id":"i","status":"not-done","statusReason":{"text":"refused"},"patient":{"reference":"Patient/p"},
        "vaccineCode":{"coding":[{"system":"http://hl7.org/fhir/sid/cvx","code":"140","display":"Influenza"}]},"occurrenceDateTime":"2026-10-01",
        "primarySource":false,"lotNumber":"L1","expirationDate":"2027-01-01","manufacturer":{"display":"Maker"},"doseQuantity":{"value":0.5,"unit":"mL"},
        "route":{"coding":[{"code":"IM"}]},"site":{"coding":[{"code":"LA"}]},"performer":[{"actor":{"reference":"Practitioner/d"}}]}"#,
        "patient/p immunizations i code=140 code_system=http://hl7.org/fhir/sid/cvx display=Influenza status=not-done status_reason=refused occurred_at=2026-10-01 lot_number=L1 expires_at=2027-01-01 manufacturer=Maker dose=0.5 dose_unit=mL route=IM site=LA performer_npi=d is_historical=true",
    );
    check(
        r#"{"resourceType":"AllergyIntolerance","id":"a","patient":{"reference":"Patient/p"},"code":{"coding":[{"system":"http://snomed.info/sct","code":"91935009","display":"Peanut allergy"}]},
        "clinicalStatus":{"coding":[{"code":"active"}]},"verificationStatus":{"coding":[{"code":"confirmed"}]},"category":["food"],"criticality":"high",
        "recordedDate":"2020-01-01","reaction":[{"manifestation":[{"text":"hives"},{"text":"wheeze"}],"severity":"mild"},{"severity":"severe"}]}"#,
        "patient/p allergies a code=91935009 code_system=http://snomed.info/sct display=Peanut allergy category=food criticality=high severity=severe reaction=hives; wheeze clinical_status=active verification_status=confirmed recorded_at=2020-01-01",
    );
}

#[test]
fn documents() {
    check(
        r#"{"resourceType":"DocumentReference","id":"d","status":"current","docStatus":"final","type":{"coding":[{"system":"http://loinc.org","code":"18842-5","display":"Discharge summary"}]},
        "subject":{"reference":"Patient/p"},"date":"2026-01-01T00:00:00Z","author":[{"reference":"Practitioner/d1"}],
        "relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/d0"}}],
        "content":[{"attachment":{"contentType":"text/plain","data":"aGVsbG8=","title":"Summary"}}],"context":{"encounter":[{"reference":"Encounter/e"}]}}"#,
        "patient/p documents d encounter_id=e type_code=18842-5 type_display=Discharge summary status=current document_status=final created_at=2026-01-01 author_npi=d1 title=Summary content_type=text/plain content_bytes=5 replaces=d0",
    );
    check(
        r#"{"resourceType":"DiagnosticReport","id":"d","status":"final","code":{"text":"Chest X-ray"},"subject":{"reference":"Patient/p"},
        "effectiveDateTime":"2026-01-01","presentedForm":[{"contentType":"application/pdf","url":"https://x.example/r.pdf","size":10}],"result":[{"reference":"Observation/o"}]}"#,
        "patient/p documents DiagnosticReport/d type_display=Chest X-ray status=current document_status=final created_at=2026-01-01 content_type=application/pdf content_url=https://x.example/r.pdf content_bytes=10",
    );
}

#[test]
fn service_request() {
    check(
        r#"{"resourceType":"ServiceRequest","id":"s","status":"active","intent":"order","priority":"urgent","identifier":[{"value":"R-1"}],
        "category":[{"text":"Referral"}],"code":{"coding":[{"system":"http://snomed.info/sct","code":"306206005","display":"Referral to service"}]},
        "subject":{"reference":"Patient/p"},"authoredOn":"2026-01-01T12:00:00","occurrencePeriod":{"end":"2026-06-01"},
        "requester":{"identifier":{"system":"http://hl7.org/fhir/sid/us-npi","value":"9000000001"}},
        "performer":[{"reference":"Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|9000000002"},{"reference":"Organization/o","display":"South Clinic"}],
        "performerType":{"text":"Orthopedics"},"reasonCode":[{"text":"knee"}]}"#,
        "patient/p referrals s external_id=R-1 referring_npi=9000000001 referred_to_npi=9000000002 referred_to_org=South Clinic service_line=Orthopedics code=306206005 code_system=http://snomed.info/sct display=Referral to service priority=urgent status=active category=Referral reason=knee ordered_at=2026-01-01T18:00:00Z expires_at=2026-06-01",
    );
}

#[test]
fn appointment() {
    check(
        r#"{"resourceType":"Appointment","id":"a","status":"noshow","meta":{"lastUpdated":"2026-01-02T09:00:00Z"},
        "identifier":[{"type":{"coding":[{"code":"PLAC"}]},"value":"P1"},{"type":{"coding":[{"code":"FILL"}]},"value":"F1"}],
        "serviceType":[{"text":"Cardiology"}],"appointmentType":{"coding":[{"code":"FOLLOWUP"}]},"description":"check",
        "start":"2026-01-02T08:00:00Z","end":"2026-01-02T08:30:00Z","created":"2025-12-01",
        "participant":[{"actor":{"reference":"Practitioner/d","display":"Dr Heal"}},{"actor":{"reference":"Location/l","display":"Room 2"}},{"actor":{"reference":"Patient/p"}}]}"#,
        "patient/p appointments a placer_id=P1 filler_id=F1 start_at=2026-01-02T08:00:00Z end_at=2026-01-02T08:30:00Z duration_min=30 booked_at=2025-12-01 location=Room 2 practitioner_npi=d practitioner_name=Dr Heal service_line=Cardiology visit_type=FOLLOWUP reason=check status=noshow status_source=status_code no_show_at=2026-01-02T09:00:00Z",
    );
    check(
        r#"{"resourceType":"Appointment","id":"g","status":"booked","participant":[{"actor":{"reference":"Patient/p2"}},{"actor":{"reference":"Patient/p1"}}]}"#,
        "patient/p1 appointments g status=booked status_source=status_code
            patient/p2 appointments g#2 status=booked status_source=status_code",
    );
    check(
        r#"{"resourceType":"Appointment","id":"n","participant":[{"actor":{"reference":"Practitioner/d"}}]}"#,
        "error subject_missing Appointment.participant",
    );
}

#[test]
fn coverage_communication_consent() {
    check(
        r#"{"resourceType":"Coverage","id":"c","status":"active","order":1,"beneficiary":{"reference":"Patient/p"},"subscriberId":"M1","type":{"coding":[{"code":"HMO"}]},
        "relationship":{"coding":[{"code":"self"}]},"payor":[{"reference":"Organization/aetna","display":"Aetna"}],"subscriber":{"display":"Jo Roe"},
        "class":[{"type":{"coding":[{"code":"group"}]},"value":"G1"},{"type":{"coding":[{"code":"plan"}]},"value":"PL","name":"Gold"}],"period":{"start":"2026","end":"2027"}}"#,
        "patient/p coverage c status=active rank=1 payer_id=aetna payer=Aetna plan_id=PL plan=Gold plan_type=HMO group_number=G1 member_id=M1 relationship=self subscriber_name=Jo Roe start_at=2026-01-01 end_at=2027-01-01",
    );
    check(
        r#"{"resourceType":"Communication","id":"c","status":"completed","subject":{"reference":"Patient/p"},"sender":{"reference":"Practitioner/d"},
        "recipient":[{"reference":"Patient/p"}],"medium":[{"coding":[{"code":"SMSWRIT"}]}],"sent":"2026-01-01T00:00:00Z","received":"2026-01-01T00:00:09Z","topic":{"text":"reminder"}}"#,
        "patient/p interactions c event_time=2026-01-01 channel=sms direction=out event_type=delivered outcome=completed agent_id=d topic=reminder",
    );
    check(
        r#"{"resourceType":"Communication","id":"c","status":"completed","sender":{"reference":"Patient/p"},"recipient":[{"reference":"Practitioner/d"}]}"#,
        "patient/p interactions c direction=in event_type=sent outcome=completed agent_id=d",
    );
    check(
        r#"{"resourceType":"Consent","id":"c","status":"active","scope":{"coding":[{"code":"patient-privacy"}]},"patient":{"reference":"Patient/p"},"dateTime":"2026-01-01",
        "policyRule":{"coding":[{"code":"OPTOUT"}]},"provision":{"type":"deny","period":{"end":"2028-01-01"},"purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HMARKT"}]}}"#,
        "patient/p consent c channel=any purpose=marketing status=denied basis=OPTOUT scope=patient-privacy effective_at=2026-01-01 expires_at=2028-01-01",
    );
    check(
        r#"{"resourceType":"Consent","id":"c","status":"inactive","scope":{"coding":[{"code":"research"}]},"patient":{"reference":"Patient/p"}}"#,
        "patient/p consent c channel=any purpose=research status=revoked scope=research",
    );
}

#[test]
fn person_and_linkage() {
    check(
        r#"{"resourceType":"Person","id":"x","link":[{"target":{"reference":"Patient/b"},"assurance":"level3"},
        {"target":{"reference":"Patient/a"}},{"target":{"reference":"RelatedPerson/r"}},{"target":{"reference":"Patient/z"},"assurance":"level1"}]}"#,
        "event link patient/a patient/b
         event link patient/a related_person/r
         information directory_only Person",
    );
    check(
        r#"{"resourceType":"Linkage","id":"x","item":[{"type":"historical","resource":{"reference":"Patient/old"}},
        {"type":"source","resource":{"reference":"Patient/new"}},{"type":"alternate","resource":{"reference":"Patient/also"}},
        {"type":"historical","resource":{"type":"Patient","identifier":{"value":"1"}}}]}"#,
        "event merge patient/new patient/old
         event link patient/new patient/also
         error reference_unresolved Linkage.item[3].resource",
    );
    check(
        r#"{"resourceType":"Linkage","id":"x","item":[{"type":"source","resource":{"reference":"Account/1"}}]}"#,
        "information resource_unmapped Linkage",
    );
}
