//! Appointments (FHIR R4 Appointment; HL7 v2 SIU SCH/AIS; Tuva `appointment`).

fact_table! {
    "appointments", id: "appointment_id", doc: "One row per appointment, as last told, with how it ended.",
    date: Some(START_AT), end: Some(END_AT);
    PLACER_ID placer_id: Text, "Placer appointment id (SCH-1)", identifying;
    FILLER_ID filler_id: Text, "Filler appointment id (SCH-2)", identifying;
    START_AT start_at: Time, "Start, UTC (SCH-11.4, TQ1-7, AIS-4)";
    END_AT end_at: Time, "End, UTC";
    DURATION_MIN duration_min: Int, "Duration, minutes";
    BOOKED_AT booked_at: Time, "First booked, UTC (S12 message time, Appointment.created)";
    LOCATION location: Text, "Location (AIL-3)";
    PRACTITIONER_NPI practitioner_npi: Text, "Practitioner id; NPI where the source has it (AIP-3)";
    PRACTITIONER_NAME practitioner_name: Text, "Practitioner name";
    SERVICE_LINE service_line: Text, "Service (AIS-3, serviceType)";
    VISIT_TYPE visit_type: Text, "Appointment type (SCH-8, appointmentType)";
    REASON reason: Text, "Reason (SCH-7)", identifying;
    STATUS status: Text, "booked, arrived, fulfilled, cancelled, noshow, rescheduled, waitlist, entered-in-error";
    STATUS_SOURCE status_source: Text, "How the status is known: S26, status_code, inferred, event";
    CANCELLED_AT cancelled_at: Time, "Cancelled, UTC (S15 message time)";
    CANCELLATION_REASON cancellation_reason: Text, "Why cancelled", identifying;
    NO_SHOW_AT no_show_at: Time, "Told to be a no-show, UTC (S26 message time)";
    LAST_EVENT last_event: Text, "Trigger event of the last message: S12, S14, S15, S26 ...";
}
