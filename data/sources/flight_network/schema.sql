-- Three months (April to June 2025) of a small world of invented airlines.
-- All times are UTC, written 'YYYY-MM-DD HH:MM'. The extract was taken on 26 June 2025,
-- so later flights are still to be flown.

CREATE TABLE airport (
    airport_id   INTEGER PRIMARY KEY,
    code         TEXT NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    city         TEXT NOT NULL,
    country      TEXT NOT NULL,
    elevation_ft TEXT,                     -- as typed in by the airports: '1204', '', 'n/a'
    runways      INTEGER NOT NULL CHECK (runways > 0),
    opened_year  INTEGER
);

CREATE TABLE airline (
    airline_id        INTEGER PRIMARY KEY,
    code              TEXT NOT NULL UNIQUE,
    name              TEXT NOT NULL,
    country           TEXT NOT NULL,
    founded_year      INTEGER NOT NULL,
    alliance          TEXT,
    parent_airline_id INTEGER,
    FOREIGN KEY (parent_airline_id) REFERENCES airline (airline_id)
);

CREATE TABLE aircraft (
    aircraft_id INTEGER PRIMARY KEY,
    airline_id  INTEGER NOT NULL,
    tail_number TEXT NOT NULL UNIQUE,
    model       TEXT NOT NULL,
    seats       INTEGER NOT NULL,
    built_year  INTEGER NOT NULL,
    nickname    TEXT,
    FOREIGN KEY (airline_id) REFERENCES airline (airline_id)
);

CREATE TABLE route (
    route_id               INTEGER PRIMARY KEY,
    airline_id             INTEGER NOT NULL,
    flight_number          TEXT NOT NULL UNIQUE,
    origin_airport_id      INTEGER NOT NULL,
    destination_airport_id INTEGER NOT NULL,
    distance_km            INTEGER NOT NULL CHECK (distance_km > 0),
    FOREIGN KEY (airline_id) REFERENCES airline (airline_id),
    FOREIGN KEY (origin_airport_id) REFERENCES airport (airport_id),
    FOREIGN KEY (destination_airport_id) REFERENCES airport (airport_id),
    CHECK (origin_airport_id <> destination_airport_id)
);

CREATE TABLE flight (
    flight_id               INTEGER PRIMARY KEY,
    route_id                INTEGER NOT NULL,
    aircraft_id             INTEGER,
    scheduled_departure_utc TEXT NOT NULL,
    scheduled_arrival_utc   TEXT NOT NULL,
    actual_departure_utc    TEXT,
    actual_arrival_utc      TEXT,
    status                  TEXT NOT NULL CHECK (status IN ('LND', 'CNX', 'DIV', 'SCH')),
    diverted_to_airport_id  INTEGER,
    FOREIGN KEY (route_id) REFERENCES route (route_id),
    FOREIGN KEY (aircraft_id) REFERENCES aircraft (aircraft_id),
    FOREIGN KEY (diverted_to_airport_id) REFERENCES airport (airport_id)
);

-- Minutes of departure delay by cause; one flight may have several causes.
CREATE TABLE delay (
    flight_id INTEGER NOT NULL,
    cause     TEXT NOT NULL,
    minutes   INTEGER NOT NULL CHECK (minutes > 0),
    remark    TEXT,
    PRIMARY KEY (flight_id, cause),
    FOREIGN KEY (flight_id) REFERENCES flight (flight_id)
);

-- A panel of travellers who share their bookings with the survey.
CREATE TABLE passenger (
    passenger_id    INTEGER PRIMARY KEY,
    first_name      TEXT NOT NULL,
    last_name       TEXT NOT NULL,
    nationality     TEXT,
    birth_date      DATE,
    loyalty_tier    TEXT,                  -- empty for people outside the loyalty scheme
    home_airport_id INTEGER,
    FOREIGN KEY (home_airport_id) REFERENCES airport (airport_id)
);

CREATE TABLE booking (
    booking_id     INTEGER PRIMARY KEY,
    flight_id      INTEGER NOT NULL,
    passenger_id   INTEGER NOT NULL,
    booked_on      DATE NOT NULL,
    cabin          TEXT NOT NULL CHECK (cabin IN ('Y', 'W', 'J')),  -- economy, premium economy, business
    fare_eur_cents INTEGER NOT NULL,       -- 0 for award tickets
    seat           TEXT,
    boarded        INTEGER CHECK (boarded IN (0, 1)),  -- unknown where the flight has not left
    UNIQUE (flight_id, passenger_id),
    FOREIGN KEY (flight_id) REFERENCES flight (flight_id),
    FOREIGN KEY (passenger_id) REFERENCES passenger (passenger_id)
);
