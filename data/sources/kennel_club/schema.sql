-- An invented kennel club with boarding runs and its own clinic: members and their dogs, breeds, stays, treatments.
-- All money is in euro cents.

CREATE TABLE member (
    member_id   INTEGER PRIMARY KEY,
    full_name   TEXT NOT NULL,
    town        TEXT NOT NULL,
    postcode    TEXT NOT NULL,                 -- five digits, keeps leading zeros
    phone       TEXT,
    tier        TEXT NOT NULL CHECK (tier IN ('Full', 'Family', 'Puppy', 'Lapsed')),
    referred_by INTEGER,                       -- the member who brought this one in
    joined_on   TEXT NOT NULL,
    FOREIGN KEY (referred_by) REFERENCES member (member_id)
);

CREATE TABLE breed (
    breed_id  INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    size_band TEXT NOT NULL CHECK (size_band IN ('toy', 'small', 'medium', 'large', 'giant')),
    coat      TEXT                             -- NULL: not entered yet
);

CREATE TABLE dog (
    dog_id    INTEGER PRIMARY KEY,
    member_id INTEGER NOT NULL,
    name      TEXT NOT NULL,
    sex       TEXT NOT NULL CHECK (sex IN ('dog', 'bitch')),
    born_on   TEXT,                            -- NULL: not known
    died_on   TEXT,                            -- NULL: alive
    weight_kg TEXT NOT NULL,                   -- as typed at the desk: '12.4', '', '?'
    neutered  INTEGER CHECK (neutered IN (0, 1)),
    microchip TEXT UNIQUE,
    dam_id    INTEGER,                         -- the mother, where she is on our books too
    FOREIGN KEY (member_id) REFERENCES member (member_id),
    FOREIGN KEY (dam_id) REFERENCES dog (dog_id)
);

CREATE TABLE dog_breed (
    dog_id    INTEGER NOT NULL,
    breed_id  INTEGER NOT NULL,
    share_pct INTEGER NOT NULL CHECK (share_pct BETWEEN 1 AND 100),
    PRIMARY KEY (dog_id, breed_id),
    FOREIGN KEY (dog_id) REFERENCES dog (dog_id),
    FOREIGN KEY (breed_id) REFERENCES breed (breed_id)
) WITHOUT ROWID;

CREATE TABLE stay (
    stay_id       INTEGER PRIMARY KEY,
    dog_id        INTEGER NOT NULL,
    run           TEXT NOT NULL,               -- block letter and number: 'B-07'
    checked_in    TEXT NOT NULL,
    checked_out   TEXT,                        -- NULL: still with us
    nightly_cents INTEGER NOT NULL,
    collected_by  TEXT,
    FOREIGN KEY (dog_id) REFERENCES dog (dog_id),
    CHECK (checked_out IS NULL OR checked_out > checked_in)
);

CREATE TABLE clinician (
    clinician_id INTEGER PRIMARY KEY,
    full_name    TEXT NOT NULL,
    role         TEXT NOT NULL,
    licence_no   TEXT UNIQUE,
    started_on   TEXT NOT NULL,
    left_on      TEXT
);

CREATE TABLE procedure_type (
    type_code        TEXT PRIMARY KEY,
    label            TEXT NOT NULL,
    area             TEXT NOT NULL,
    list_price_cents INTEGER NOT NULL
);

CREATE TABLE treatment (
    treatment_id INTEGER PRIMARY KEY,
    dog_id       INTEGER NOT NULL,
    type_code    TEXT NOT NULL,
    lead_id      INTEGER NOT NULL,
    assistant_id INTEGER,
    done_on      TEXT NOT NULL,
    charge_cents INTEGER NOT NULL CHECK (charge_cents >= 0),   -- 0: done for free
    paid_on      TEXT,                                         -- NULL: not paid (or nothing to pay)
    note         TEXT,
    FOREIGN KEY (dog_id) REFERENCES dog (dog_id),
    FOREIGN KEY (type_code) REFERENCES procedure_type (type_code),
    FOREIGN KEY (lead_id) REFERENCES clinician (clinician_id),
    FOREIGN KEY (assistant_id) REFERENCES clinician (clinician_id)
);
