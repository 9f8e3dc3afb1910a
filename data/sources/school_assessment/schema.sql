-- An evening college: who teaches what, who enrols, and what marks they get.
-- The snapshot was taken on 2024-06-14, in the middle of the 2024 Summer term.

CREATE TABLE term (
    term_id INTEGER PRIMARY KEY,
    label TEXT NOT NULL UNIQUE,
    starts_on TEXT NOT NULL,
    ends_on TEXT NOT NULL,
    CHECK (ends_on > starts_on)
);

CREATE TABLE teacher (
    teacher_id INTEGER PRIMARY KEY,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    email TEXT UNIQUE,
    contract TEXT NOT NULL CHECK (contract IN ('FT', 'PT', 'HRLY')), -- full time, part time, paid by the hour
    hired_on TEXT NOT NULL,
    mentor_id INTEGER,
    FOREIGN KEY (mentor_id) REFERENCES teacher (teacher_id)
);

CREATE TABLE course (
    course_id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    subject_area TEXT NOT NULL,
    credits INTEGER NOT NULL CHECK (credits > 0),
    fee REAL, -- NULL while the fee has not been set
    requires_course_id INTEGER, -- the course to be taken before this one
    FOREIGN KEY (requires_course_id) REFERENCES course (course_id)
);

CREATE TABLE student (
    student_id INTEGER PRIMARY KEY,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    gender TEXT CHECK (gender IN ('F', 'M', 'X')),
    birth_date TEXT NOT NULL,
    town TEXT NOT NULL,
    postcode TEXT,
    entry_test TEXT NOT NULL, -- mark out of 100 as typed in at the desk, or a remark, or empty
    joined_on TEXT NOT NULL,
    left_on TEXT
);

-- One class: a course given in one term.
CREATE TABLE section (
    section_id INTEGER PRIMARY KEY,
    course_id INTEGER NOT NULL,
    term_id INTEGER NOT NULL,
    teacher_id INTEGER NOT NULL,
    assistant_id INTEGER,
    weekday TEXT NOT NULL,
    room TEXT, -- NULL for classes held online
    capacity INTEGER NOT NULL CHECK (capacity > 0),
    FOREIGN KEY (course_id) REFERENCES course (course_id),
    FOREIGN KEY (term_id) REFERENCES term (term_id),
    FOREIGN KEY (teacher_id) REFERENCES teacher (teacher_id),
    FOREIGN KEY (assistant_id) REFERENCES teacher (teacher_id)
);

CREATE TABLE enrolment (
    enrolment_id INTEGER PRIMARY KEY,
    student_id INTEGER NOT NULL,
    section_id INTEGER NOT NULL,
    enrolled_on TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('ACT', 'CMP', 'WDR')), -- active, completed, withdrawn
    withdrawn_on TEXT,
    sessions_missed INTEGER, -- NULL if the register was never handed in
    final_grade TEXT,
    UNIQUE (student_id, section_id),
    FOREIGN KEY (student_id) REFERENCES student (student_id),
    FOREIGN KEY (section_id) REFERENCES section (section_id)
);

CREATE TABLE assessment (
    assessment_id INTEGER PRIMARY KEY,
    section_id INTEGER NOT NULL,
    title TEXT NOT NULL,
    kind TEXT NOT NULL,
    max_points INTEGER NOT NULL CHECK (max_points > 0),
    weight_pct INTEGER NOT NULL,
    due_on TEXT NOT NULL,
    FOREIGN KEY (section_id) REFERENCES section (section_id)
);

CREATE TABLE score (
    assessment_id INTEGER NOT NULL,
    enrolment_id INTEGER NOT NULL,
    handed_in_on TEXT, -- NULL if nothing was handed in
    points REAL, -- NULL if nothing was handed in, or not marked yet
    PRIMARY KEY (assessment_id, enrolment_id),
    FOREIGN KEY (assessment_id) REFERENCES assessment (assessment_id),
    FOREIGN KEY (enrolment_id) REFERENCES enrolment (enrolment_id)
) WITHOUT ROWID;
