-- Car market: makers and their models and variants, the dealers that list used cars, and who bought
-- and sold them. Money is kept in euro cents.

CREATE TABLE maker (
    maker_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    country TEXT NOT NULL,
    founded_year INTEGER,
    parent_maker_id INTEGER,                -- the maker that owns this one, NULL if independent
    FOREIGN KEY (parent_maker_id) REFERENCES maker (maker_id)
);

CREATE TABLE model (
    model_id INTEGER PRIMARY KEY,
    maker_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    body_style TEXT NOT NULL,
    launched_year INTEGER NOT NULL,
    ended_year INTEGER,                     -- NULL while still built
    UNIQUE (maker_id, name),
    CHECK (ended_year IS NULL OR ended_year >= launched_year),
    FOREIGN KEY (maker_id) REFERENCES maker (maker_id)
);

CREATE TABLE variant (
    variant_id INTEGER PRIMARY KEY,
    model_id INTEGER NOT NULL,
    trim_name TEXT NOT NULL,
    fuel TEXT NOT NULL CHECK (fuel IN ('P', 'D', 'HEV', 'PHEV', 'BEV')),
    gearbox TEXT NOT NULL,
    engine_cc INTEGER,                      -- NULL for battery electric cars
    horsepower TEXT,                        -- as delivered by the makers
    weight_kg INTEGER,
    l_per_100km REAL,                       -- litres of fuel per 100 km
    list_price_cents INTEGER NOT NULL,      -- price when new
    FOREIGN KEY (model_id) REFERENCES model (model_id)
);

CREATE TABLE dealer (
    dealer_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    city TEXT NOT NULL,
    country TEXT NOT NULL,
    postcode TEXT NOT NULL CHECK (length(postcode) = 5),
    opened_on DATE NOT NULL,
    rating REAL CHECK (rating BETWEEN 1 AND 5)  -- average of customer reviews, NULL without reviews
);

-- Which dealers are authorised for which makers.
CREATE TABLE franchise (
    dealer_id INTEGER NOT NULL,
    maker_id INTEGER NOT NULL,
    since_year INTEGER NOT NULL,
    until_year INTEGER,                     -- NULL while the contract runs
    PRIMARY KEY (dealer_id, maker_id),
    FOREIGN KEY (dealer_id) REFERENCES dealer (dealer_id),
    FOREIGN KEY (maker_id) REFERENCES maker (maker_id)
);

CREATE TABLE person (
    person_id INTEGER PRIMARY KEY,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    gender TEXT,                            -- 'F', 'M' or 'X'
    birth_date DATE,
    city TEXT,
    email TEXT UNIQUE
);

-- One row each time a car is offered; the same car (vin) can be offered again later.
CREATE TABLE listing (
    listing_id INTEGER PRIMARY KEY,
    dealer_id INTEGER NOT NULL,
    variant_id INTEGER NOT NULL,
    vin TEXT NOT NULL,
    first_registered DATE NOT NULL,
    colour TEXT,
    mileage_km INTEGER,
    asking_price_cents INTEGER NOT NULL CHECK (asking_price_cents > 0),
    listed_on DATE NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'reserved', 'sold', 'withdrawn')),
    FOREIGN KEY (dealer_id) REFERENCES dealer (dealer_id),
    FOREIGN KEY (variant_id) REFERENCES variant (variant_id)
);

CREATE TABLE sale (
    sale_id INTEGER PRIMARY KEY,
    listing_id INTEGER NOT NULL UNIQUE,
    buyer_id INTEGER NOT NULL,
    seller_id INTEGER,                      -- NULL when the dealer sold from its own stock
    sold_on DATE NOT NULL,
    price_cents INTEGER NOT NULL,
    payment TEXT NOT NULL,
    delivered_on DATE,                      -- NULL when not handed over yet or not noted
    CHECK (seller_id IS NULL OR seller_id <> buyer_id),
    FOREIGN KEY (listing_id) REFERENCES listing (listing_id),
    FOREIGN KEY (buyer_id) REFERENCES person (person_id),
    FOREIGN KEY (seller_id) REFERENCES person (person_id)
);
