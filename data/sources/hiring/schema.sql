-- A chain of outdoor-gear shops in the American North-East: who works where, whom it tried to hire,
-- and how the people it employs were rated each year. The data ends on 31 December 2024.

CREATE TABLE shop (
    shop_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    town TEXT NOT NULL,
    state TEXT NOT NULL CHECK (length(state) = 2),
    zip_code TEXT NOT NULL,
    district TEXT NOT NULL,
    opened_on DATE NOT NULL,
    closed_on DATE,                        -- NULL: still trading
    floor_area_sqft INTEGER CHECK (floor_area_sqft > 0),
    CHECK (closed_on IS NULL OR closed_on > opened_on)
);

CREATE TABLE employee (
    employee_id INTEGER PRIMARY KEY,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    email TEXT UNIQUE,
    birth_date DATE,
    home_town TEXT,
    shop_id INTEGER,                       -- NULL: works at head office, not in a shop
    manager_id INTEGER,
    department TEXT NOT NULL,
    job_title TEXT NOT NULL,
    contract TEXT NOT NULL CHECK (contract IN ('FT', 'PT', 'SEAS')),
    hourly_pay_cents INTEGER NOT NULL,
    hired_on DATE NOT NULL,
    left_on DATE,                          -- NULL: still employed
    FOREIGN KEY (shop_id) REFERENCES shop (shop_id),
    FOREIGN KEY (manager_id) REFERENCES employee (employee_id)
);

CREATE TABLE job_posting (
    posting_id INTEGER PRIMARY KEY,
    shop_id INTEGER NOT NULL,
    hiring_lead_id INTEGER NOT NULL,       -- the employee in charge of filling the job
    department TEXT NOT NULL,
    job_title TEXT NOT NULL,
    contract TEXT NOT NULL CHECK (contract IN ('FT', 'PT', 'SEAS')),
    openings INTEGER NOT NULL CHECK (openings >= 1),
    pay_min_cents INTEGER,                 -- hourly; NULL: pay not advertised
    pay_max_cents INTEGER,
    posted_on DATE NOT NULL,
    closed_on DATE,
    status TEXT NOT NULL CHECK (status IN ('OPEN', 'FILLED', 'LAPSED', 'CANC')),
    FOREIGN KEY (shop_id) REFERENCES shop (shop_id),
    FOREIGN KEY (hiring_lead_id) REFERENCES employee (employee_id)
);

CREATE TABLE applicant (
    applicant_id INTEGER PRIMARY KEY,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    town TEXT,
    state TEXT,
    years_experience TEXT,                 -- as typed into the form: '4', '0', '', 'n/a'
    source TEXT NOT NULL,
    referred_by_id INTEGER,                -- the employee who recommended the applicant
    FOREIGN KEY (referred_by_id) REFERENCES employee (employee_id)
);

CREATE TABLE application (
    application_id INTEGER PRIMARY KEY,
    posting_id INTEGER NOT NULL,
    applicant_id INTEGER NOT NULL,
    applied_on DATE NOT NULL,
    expected_pay_cents INTEGER,            -- hourly
    status TEXT NOT NULL,                  -- NEW, REJ, WDN (withdrawn), DECL (offer declined), HIRED
    UNIQUE (posting_id, applicant_id),
    FOREIGN KEY (posting_id) REFERENCES job_posting (posting_id),
    FOREIGN KEY (applicant_id) REFERENCES applicant (applicant_id)
);

CREATE TABLE interview (
    interview_id INTEGER PRIMARY KEY,
    application_id INTEGER NOT NULL,
    round_no INTEGER NOT NULL,
    interviewer_id INTEGER NOT NULL,
    held_on DATE NOT NULL,
    format TEXT NOT NULL CHECK (format IN ('phone', 'video', 'in person')),
    score INTEGER CHECK (score BETWEEN 1 AND 10),
    UNIQUE (application_id, round_no),
    FOREIGN KEY (application_id) REFERENCES application (application_id),
    FOREIGN KEY (interviewer_id) REFERENCES employee (employee_id)
);

CREATE TABLE hire (
    application_id INTEGER PRIMARY KEY,
    employee_id INTEGER NOT NULL UNIQUE,
    start_date DATE NOT NULL,
    start_pay_cents INTEGER NOT NULL,
    signing_bonus_usd REAL,
    FOREIGN KEY (application_id) REFERENCES application (application_id),
    FOREIGN KEY (employee_id) REFERENCES employee (employee_id)
);

CREATE TABLE evaluation (
    evaluation_id INTEGER PRIMARY KEY,
    employee_id INTEGER NOT NULL,
    evaluator_id INTEGER NOT NULL,
    year INTEGER NOT NULL,
    rating REAL NOT NULL CHECK (rating BETWEEN 1 AND 5),
    award TEXT,
    bonus_usd REAL,
    UNIQUE (employee_id, year),
    FOREIGN KEY (employee_id) REFERENCES employee (employee_id),
    FOREIGN KEY (evaluator_id) REFERENCES employee (employee_id)
);
