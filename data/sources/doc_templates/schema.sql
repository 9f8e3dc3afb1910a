-- Document templates of an invented district council (Merrow Vale): who wrote them,
-- which version took the place of which, what was written on them and what reviewers said.

CREATE TABLE template_kind (
    kind_code   TEXT PRIMARY KEY,
    label       TEXT NOT NULL UNIQUE,
    keep_years  INTEGER,                        -- NULL: kept for good
    needs_sign_off INTEGER NOT NULL CHECK (needs_sign_off IN (0, 1))
);

CREATE TABLE staff (
    staff_id      INTEGER PRIMARY KEY,
    full_name     TEXT NOT NULL,
    department    TEXT NOT NULL,
    job_title     TEXT NOT NULL,
    supervisor_id INTEGER,
    extension     TEXT,                         -- internal phone, keeps leading zeros
    joined_on     TEXT NOT NULL,
    left_on       TEXT,                         -- NULL: still employed
    FOREIGN KEY (supervisor_id) REFERENCES staff (staff_id),
    CHECK (left_on IS NULL OR left_on > joined_on)
);

CREATE TABLE template (
    template_id   INTEGER PRIMARY KEY,
    kind_code     TEXT NOT NULL,
    title         TEXT NOT NULL,
    version_label TEXT NOT NULL,
    language      TEXT NOT NULL,                -- 'en', 'cy', 'pl', 'ur'
    owner_id      INTEGER NOT NULL,
    approver_id   INTEGER,
    replaces_id   INTEGER,                      -- the older template this one took the place of
    status        TEXT NOT NULL CHECK (status IN ('draft', 'in force', 'superseded', 'withdrawn')),
    issued_on     TEXT,                         -- NULL while a draft
    max_words     TEXT NOT NULL,                -- as typed: '600', '', 'no limit'
    FOREIGN KEY (kind_code) REFERENCES template_kind (kind_code),
    FOREIGN KEY (owner_id) REFERENCES staff (staff_id),
    FOREIGN KEY (approver_id) REFERENCES staff (staff_id),
    FOREIGN KEY (replaces_id) REFERENCES template (template_id),
    UNIQUE (title, version_label, language)
);

CREATE TABLE document (
    document_id INTEGER PRIMARY KEY,
    template_id INTEGER,                        -- NULL: written without a template
    author_id   INTEGER NOT NULL,
    subject     TEXT NOT NULL,
    channel     TEXT NOT NULL,
    created_on  TEXT NOT NULL,
    sent_on     TEXT,                           -- NULL: never sent
    pages       INTEGER NOT NULL CHECK (pages > 0),
    FOREIGN KEY (template_id) REFERENCES template (template_id),
    FOREIGN KEY (author_id) REFERENCES staff (staff_id)
);

CREATE TABLE paragraph (
    document_id INTEGER NOT NULL,
    position    INTEGER NOT NULL,               -- 1 is the first paragraph
    style       TEXT NOT NULL,
    word_count  INTEGER NOT NULL,
    opening     TEXT NOT NULL,                  -- the first few words
    PRIMARY KEY (document_id, position),
    FOREIGN KEY (document_id) REFERENCES document (document_id)
) WITHOUT ROWID;

CREATE TABLE review (
    review_id   INTEGER PRIMARY KEY,
    template_id INTEGER NOT NULL,
    reviewer_id INTEGER NOT NULL,
    reviewed_on TEXT NOT NULL,
    verdict     TEXT NOT NULL,
    score       INTEGER CHECK (score BETWEEN 1 AND 10),
    hours_spent REAL,
    remark      TEXT,
    FOREIGN KEY (template_id) REFERENCES template (template_id),
    FOREIGN KEY (reviewer_id) REFERENCES staff (staff_id)
);

CREATE TABLE tag (
    tag_id INTEGER PRIMARY KEY,
    name   TEXT NOT NULL UNIQUE
);

CREATE TABLE template_tag (
    template_id INTEGER NOT NULL,
    tag_id      INTEGER NOT NULL,
    PRIMARY KEY (template_id, tag_id),
    FOREIGN KEY (template_id) REFERENCES template (template_id),
    FOREIGN KEY (tag_id) REFERENCES tag (tag_id)
) WITHOUT ROWID;
