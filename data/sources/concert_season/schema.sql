-- A small concert promoter's books: who played where, and the tickets sold through its own box office.
-- The snapshot was taken on 2024-05-31. All money is in cents.

CREATE TABLE venue (
    venue_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    city TEXT NOT NULL,
    kind TEXT NOT NULL,
    capacity INTEGER CHECK (capacity > 0), -- NULL for open ground without a fixed limit
    opened TEXT, -- year as the venue gives it: '1931', 'c. 1890', 'unknown' or empty
    UNIQUE (name, city)
);

CREATE TABLE artist (
    artist_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    genre TEXT NOT NULL,
    home_city TEXT,
    formed_year INTEGER
);

CREATE TABLE musician (
    musician_id INTEGER PRIMARY KEY,
    full_name TEXT NOT NULL,
    birth_year INTEGER,
    country TEXT NOT NULL
);

-- Who plays what in which act; a musician may play two instruments in the same act.
CREATE TABLE membership (
    artist_id INTEGER NOT NULL,
    musician_id INTEGER NOT NULL,
    instrument TEXT NOT NULL,
    since_year INTEGER NOT NULL,
    until_year INTEGER, -- NULL while still a member
    PRIMARY KEY (artist_id, musician_id, instrument),
    FOREIGN KEY (artist_id) REFERENCES artist (artist_id),
    FOREIGN KEY (musician_id) REFERENCES musician (musician_id),
    CHECK (until_year >= since_year)
);

CREATE TABLE concert (
    concert_id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    venue_id INTEGER NOT NULL,
    moved_from_venue_id INTEGER, -- where it was first announced, if it was moved
    concert_date TEXT NOT NULL,
    doors_at TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('PLAYED', 'CANCELLED', 'SCHEDULED')),
    UNIQUE (venue_id, concert_date),
    FOREIGN KEY (venue_id) REFERENCES venue (venue_id),
    FOREIGN KEY (moved_from_venue_id) REFERENCES venue (venue_id)
);

-- The line-up: slot 1 plays first.
CREATE TABLE performance (
    concert_id INTEGER NOT NULL,
    slot INTEGER NOT NULL CHECK (slot >= 1),
    artist_id INTEGER NOT NULL,
    billing TEXT NOT NULL, -- 'headline', 'support' or 'opener'
    minutes INTEGER, -- length on stage, NULL if not played or not noted
    fee_cents INTEGER, -- NULL if the act played for nothing
    PRIMARY KEY (concert_id, slot),
    UNIQUE (concert_id, artist_id),
    FOREIGN KEY (concert_id) REFERENCES concert (concert_id),
    FOREIGN KEY (artist_id) REFERENCES artist (artist_id)
);

CREATE TABLE fan (
    fan_id INTEGER PRIMARY KEY,
    full_name TEXT NOT NULL,
    email TEXT UNIQUE,
    city TEXT,
    joined_on TEXT NOT NULL,
    referred_by_fan_id INTEGER,
    FOREIGN KEY (referred_by_fan_id) REFERENCES fan (fan_id)
);

CREATE TABLE ticket_sale (
    sale_id INTEGER PRIMARY KEY,
    concert_id INTEGER NOT NULL,
    fan_id INTEGER, -- NULL for buyers who did not give a name
    tier TEXT NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    unit_price_cents INTEGER NOT NULL,
    channel TEXT NOT NULL,
    sold_on TEXT NOT NULL,
    refunded INTEGER NOT NULL DEFAULT 0 CHECK (refunded IN (0, 1)),
    FOREIGN KEY (concert_id) REFERENCES concert (concert_id),
    FOREIGN KEY (fan_id) REFERENCES fan (fan_id)
);
