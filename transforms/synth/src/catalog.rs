//! What the health system offers: service lines with their codes, laboratory panels, vaccines and campaigns.

/// A coded word.
pub(crate) type Coded = (&'static str, &'static str);

/// One service line: who treats, what is found, what is given, how it is advertised.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: &'static str,
    /// Department code of HL7 locations.
    pub(crate) department: &'static str,
    /// NUCC taxonomy of its physicians.
    pub(crate) taxonomy: &'static str,
    /// ICD-10-CM.
    pub(crate) diagnoses: &'static [Coded],
    /// RxNorm.
    pub(crate) medications: &'static [Coded],
    /// Positions in [`PANELS`].
    pub(crate) panels: &'static [usize],
    /// Campaign name; its id is the position of the service.
    pub(crate) campaign: &'static str,
    /// Path of the landing page.
    pub(crate) landing: &'static str,
}

/// One laboratory analyte.
#[derive(Debug)]
pub(crate) struct Analyte {
    /// LOINC.
    pub(crate) code: Coded,
    pub(crate) unit: &'static str,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) decimals: usize,
}

/// An orderable set of analytes.
#[derive(Debug)]
pub(crate) struct Panel {
    /// LOINC.
    pub(crate) code: Coded,
    pub(crate) analytes: &'static [Analyte],
}

const fn analyte(
    code: &'static str,
    name: &'static str,
    unit: &'static str,
    low: f64,
    high: f64,
    decimals: usize,
) -> Analyte {
    Analyte {
        code: (code, name),
        unit,
        low,
        high,
        decimals,
    }
}

pub(crate) const PANELS: &[Panel] = &[
    Panel {
        code: ("58410-2", "CBC panel - Blood by Automated count"),
        analytes: &[
            analyte("6690-2", "Leukocytes", "10*3/uL", 4.0, 11.0, 1),
            analyte("789-8", "Erythrocytes", "10*6/uL", 4.1, 5.7, 2),
            analyte("718-7", "Hemoglobin", "g/dL", 12.0, 17.0, 1),
            analyte("4544-3", "Hematocrit", "%", 36.0, 50.0, 1),
            analyte("777-3", "Platelets", "10*3/uL", 150.0, 400.0, 0),
        ],
    },
    Panel {
        code: ("51990-0", "Basic metabolic panel - Blood"),
        analytes: &[
            analyte("2345-7", "Glucose", "mg/dL", 70.0, 110.0, 0),
            analyte("3094-0", "Urea nitrogen", "mg/dL", 7.0, 20.0, 0),
            analyte("2160-0", "Creatinine", "mg/dL", 0.6, 1.3, 2),
            analyte("2951-2", "Sodium", "mmol/L", 135.0, 145.0, 0),
            analyte("2823-3", "Potassium", "mmol/L", 3.5, 5.1, 1),
            analyte("2075-0", "Chloride", "mmol/L", 98.0, 107.0, 0),
        ],
    },
    Panel {
        code: ("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood"),
        analytes: &[analyte("4548-4", "Hemoglobin A1c", "%", 4.0, 5.7, 1)],
    },
    Panel {
        code: ("57698-3", "Lipid panel with direct LDL - Serum or Plasma"),
        analytes: &[
            analyte("2093-3", "Cholesterol", "mg/dL", 125.0, 200.0, 0),
            analyte("2085-9", "HDL Cholesterol", "mg/dL", 40.0, 80.0, 0),
            analyte("18262-6", "LDL Cholesterol", "mg/dL", 50.0, 100.0, 0),
            analyte("2571-8", "Triglyceride", "mg/dL", 40.0, 150.0, 0),
        ],
    },
];

pub(crate) const SERVICES: &[Service] = &[
    Service {
        name: "Cardiology",
        department: "CARD",
        taxonomy: "207RC0000X",
        diagnoses: &[
            ("I10", "Essential (primary) hypertension"),
            ("I48.91", "Unspecified atrial fibrillation"),
            (
                "I25.10",
                "Atherosclerotic heart disease of native coronary artery",
            ),
            ("I50.9", "Heart failure, unspecified"),
        ],
        medications: &[
            ("314076", "lisinopril 10 MG Oral Tablet"),
            ("617310", "atorvastatin 20 MG Oral Tablet"),
        ],
        panels: &[1, 3],
        campaign: "Know Your Heart",
        landing: "/services/heart",
    },
    Service {
        name: "Endocrinology",
        department: "ENDO",
        taxonomy: "207RE0101X",
        diagnoses: &[
            ("E11.9", "Type 2 diabetes mellitus without complications"),
            ("E03.9", "Hypothyroidism, unspecified"),
            ("E78.5", "Hyperlipidemia, unspecified"),
        ],
        medications: &[("861007", "metformin hydrochloride 500 MG Oral Tablet")],
        panels: &[2, 1],
        campaign: "Living Well With Diabetes",
        landing: "/services/diabetes",
    },
    Service {
        name: "Orthopedics",
        department: "ORTH",
        taxonomy: "207X00000X",
        diagnoses: &[
            ("M17.11", "Unilateral primary osteoarthritis, right knee"),
            ("M54.50", "Low back pain, unspecified"),
            (
                "S93.401A",
                "Sprain of unspecified ligament of right ankle, initial encounter",
            ),
        ],
        medications: &[("197806", "ibuprofen 600 MG Oral Tablet")],
        panels: &[0],
        campaign: "Move Without Pain",
        landing: "/services/joint-replacement",
    },
    Service {
        name: "Primary Care",
        department: "FAMP",
        taxonomy: "207Q00000X",
        diagnoses: &[
            ("Z00.00", "Encounter for general adult medical examination"),
            ("J06.9", "Acute upper respiratory infection, unspecified"),
            ("E66.9", "Obesity, unspecified"),
            ("F41.1", "Generalized anxiety disorder"),
        ],
        medications: &[
            ("308191", "amoxicillin 500 MG Oral Capsule"),
            ("312941", "sertraline 50 MG Oral Tablet"),
        ],
        panels: &[0, 1, 3],
        campaign: "Your Yearly Checkup",
        landing: "/find-a-doctor",
    },
    Service {
        name: "Gastroenterology",
        department: "GAST",
        taxonomy: "207RG0100X",
        diagnoses: &[
            ("K21.9", "Gastro-esophageal reflux disease without esophagitis"),
            ("K58.9", "Irritable bowel syndrome without diarrhea"),
            (
                "Z12.11",
                "Encounter for screening for malignant neoplasm of colon",
            ),
        ],
        medications: &[("198051", "omeprazole 20 MG Delayed Release Oral Capsule")],
        panels: &[0, 1],
        campaign: "Screening Saves Lives",
        landing: "/services/digestive-health",
    },
    Service {
        name: "Obstetrics and Gynecology",
        department: "OBGY",
        taxonomy: "207V00000X",
        diagnoses: &[
            (
                "Z34.90",
                "Encounter for supervision of normal pregnancy, unspecified",
            ),
            (
                "Z01.419",
                "Encounter for gynecological examination without abnormal findings",
            ),
        ],
        medications: &[("248656", "folic acid 1 MG Oral Tablet")],
        panels: &[0],
        campaign: "Growing Families",
        landing: "/services/maternity",
    },
    Service {
        name: "Pediatrics",
        department: "PEDS",
        taxonomy: "208000000X",
        diagnoses: &[
            ("Z00.129", "Encounter for routine child health examination"),
            ("J45.909", "Unspecified asthma, uncomplicated"),
            ("H66.90", "Otitis media, unspecified"),
        ],
        medications: &[("308191", "amoxicillin 500 MG Oral Capsule")],
        panels: &[0],
        campaign: "Back to School",
        landing: "/services/childrens-health",
    },
];

/// The service lines by position in [`SERVICES`] that only some people use.
pub(crate) const OBSTETRICS: usize = 5;
/// See [`OBSTETRICS`].
pub(crate) const PEDIATRICS: usize = 6;

/// CVX.
pub(crate) const VACCINES: &[Coded] = &[
    ("140", "Influenza, split virus, trivalent, preservative free"),
    ("115", "Tdap"),
    ("03", "MMR"),
    ("33", "pneumococcal polysaccharide PPV23"),
    ("187", "zoster recombinant"),
];

/// Substances: code of our own, words, reaction.
pub(crate) const ALLERGENS: &[(&str, &str, &str)] = &[
    ("PCN", "Penicillin", "Hives"),
    ("SULF", "Sulfonamides", "Rash"),
    ("LATX", "Latex", "Itching"),
    ("PNUT", "Peanut", "Anaphylaxis"),
    ("IODC", "Iodinated contrast", "Nausea"),
];

/// Payers: plan code, plan, payer code, payer. The last is for the elderly alone.
pub(crate) const PAYERS: &[(&str, &str, &str, &str)] = &[
    ("PPO1", "Preferred PPO", "PMH", "Prairie Mutual Health"),
    ("HMO2", "Lakeshore HMO", "LKS", "Lakeshore Health Plan"),
    ("MCD", "Family Assistance", "STM", "State Medicaid"),
    ("HDP3", "High Deductible Saver", "UCM", "Unity Care Mutual"),
    ("MCR", "Medicare Part B", "CMS", "Medicare"),
];

/// Why people call, the queue that answers.
pub(crate) const CALL_REASONS: &[Coded] = &[
    ("schedule-appointment", "Scheduling"),
    ("reschedule-appointment", "Scheduling"),
    ("billing-question", "Patient Billing"),
    ("prescription-refill", "Nurse Line"),
    ("test-results", "Nurse Line"),
    ("find-a-doctor", "Physician Finder"),
];

/// Where a web visit comes from: referrer, utm source, utm medium.
pub(crate) const REFERRERS: &[(&str, &str, &str)] = &[
    ("https://www.facebook.com/", "facebook", "social"),
    ("https://www.instagram.com/", "instagram", "social"),
    ("https://www.google.com/", "google", "cpc"),
    ("https://www.google.com/", "", ""),
    ("https://www.youtube.com/", "youtube", "video"),
    ("", "newsletter", "email"),
    ("", "", ""),
];
