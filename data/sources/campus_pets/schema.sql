-- Pets at a small residential college: which students keep them, where those students live, and what happens
-- at the vet's. The data ends on 15 December 2024; students of class year 2024 and earlier have graduated.

CREATE TABLE dormitory (
    dorm_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    quad TEXT NOT NULL,
    style TEXT NOT NULL,
    beds INTEGER NOT NULL CHECK (beds > 0),
    built_year INTEGER,
    pets_allowed TEXT NOT NULL CHECK (pets_allowed IN ('Y', 'N')),
    pet_deposit_cents INTEGER              -- NULL where pets are not allowed
);

CREATE TABLE advisor (
    advisor_id INTEGER PRIMARY KEY,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    department TEXT NOT NULL,
    office TEXT,
    joined_on DATE NOT NULL
);

CREATE TABLE student (
    student_id INTEGER PRIMARY KEY,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    gender TEXT CHECK (gender IN ('F', 'M', 'X')),
    birth_date DATE NOT NULL,
    home_city TEXT,
    home_state TEXT,
    major_code TEXT NOT NULL,
    class_year INTEGER NOT NULL,           -- year of graduation
    gpa REAL CHECK (gpa BETWEEN 0 AND 4),
    dorm_id INTEGER,                       -- NULL: lives off campus or has graduated
    room TEXT,
    advisor_id INTEGER,
    peer_mentor_id INTEGER,                -- an older student who looks after a newcomer
    FOREIGN KEY (dorm_id) REFERENCES dormitory (dorm_id),
    FOREIGN KEY (advisor_id) REFERENCES advisor (advisor_id),
    FOREIGN KEY (peer_mentor_id) REFERENCES student (student_id)
);

CREATE TABLE pet (
    pet_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    species TEXT NOT NULL,
    breed TEXT,
    sex TEXT NOT NULL CHECK (sex IN ('F', 'M', 'U')),
    birth_date DATE,
    weight_kg TEXT,                        -- as written on the pet card: '4.2', '', 'n/a'
    microchip TEXT UNIQUE,
    mother_id INTEGER,
    FOREIGN KEY (mother_id) REFERENCES pet (pet_id)
);

CREATE TABLE pet_owner (
    student_id INTEGER NOT NULL,
    pet_id INTEGER NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('primary', 'co-owner', 'foster')),
    since DATE NOT NULL,
    until DATE,                            -- NULL: still looks after the pet
    PRIMARY KEY (student_id, pet_id),
    FOREIGN KEY (student_id) REFERENCES student (student_id),
    FOREIGN KEY (pet_id) REFERENCES pet (pet_id),
    CHECK (until IS NULL OR until > since)
);

CREATE TABLE vet (
    vet_id INTEGER PRIMARY KEY,
    full_name TEXT NOT NULL,
    clinic TEXT NOT NULL,
    phone TEXT
);

CREATE TABLE vet_visit (
    visit_id INTEGER PRIMARY KEY,
    pet_id INTEGER NOT NULL,
    vet_id INTEGER NOT NULL,
    brought_by_id INTEGER,                 -- the student who came along, an owner or a friend
    visited_on DATE NOT NULL,
    reason TEXT NOT NULL,
    fee_cents INTEGER NOT NULL CHECK (fee_cents >= 0),
    paid_on DATE,                          -- NULL: not paid yet
    FOREIGN KEY (pet_id) REFERENCES pet (pet_id),
    FOREIGN KEY (vet_id) REFERENCES vet (vet_id),
    FOREIGN KEY (brought_by_id) REFERENCES student (student_id)
);

CREATE TABLE vaccination (
    vaccination_id INTEGER PRIMARY KEY,
    visit_id INTEGER NOT NULL,
    vaccine TEXT NOT NULL,
    lot_number TEXT,
    valid_until DATE,
    UNIQUE (visit_id, vaccine),
    FOREIGN KEY (visit_id) REFERENCES vet_visit (visit_id)
);
