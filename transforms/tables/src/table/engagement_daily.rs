//! Engagement of each person, day by day.

use crate::definition::{Partition, PartitionKind};

table! {
    "engagement_daily", "One row per person and day with any touch.",
    Some(Partition {
        column: "day_month",
        comment: "First day of the month of day",
        kind: PartitionKind::Month,
    });
    PERSON_ID person_id: Text, "The person", key;
    DAY day: Date, "UTC day", key;
    TOUCHES_OUT touches_out: Int, "Touches from us to the person";
    TOUCHES_IN touches_in: Int, "Touches from the person to us";
    OPENS opens: Int, "Messages opened, machine opens left out";
    CLICKS clicks: Int, "Links clicked";
    CALLS_IN calls_in: Int, "Inbound calls";
    CALL_MINUTES call_minutes: Float, "Minutes on calls";
    PORTAL_EVENTS portal_events: Int, "Portal events";
    APPOINTMENTS_BOOKED appointments_booked: Int, "Appointments booked";
    APPOINTMENTS_KEPT appointments_kept: Int, "Appointments kept";
    NO_SHOWS no_shows: Int, "Appointments missed";
    OPT_OUTS opt_outs: Int, "Opt-outs";
    ENGAGEMENT_SCORE engagement_score: Int, "Engagement at the end of the day, 0 to 100";
    UPDATED_AT updated_at: Time, "When the pipeline last changed the row, UTC";
}
