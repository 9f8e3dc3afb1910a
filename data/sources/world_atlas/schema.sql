-- World atlas: countries of the world with their regions, cities, airports, languages, land borders
-- and yearly indicators. Place names are real; every figure is synthetic.

CREATE TABLE region (
    region_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    parent_region_id INTEGER,               -- NULL for a continent, else the continent of the sub-region
    FOREIGN KEY (parent_region_id) REFERENCES region (region_id)
);

CREATE TABLE country (
    country_id INTEGER PRIMARY KEY,
    iso_code TEXT NOT NULL UNIQUE CHECK (length(iso_code) = 3),
    name TEXT NOT NULL UNIQUE,
    region_id INTEGER NOT NULL,             -- always a sub-region
    area_km2 INTEGER NOT NULL CHECK (area_km2 > 0),
    coastline_km INTEGER,                   -- NULL for a landlocked country
    highest_point_m INTEGER,                -- NULL when not surveyed
    income_group TEXT NOT NULL CHECK (income_group IN ('L', 'LM', 'UM', 'H')),
    last_census DATE,                       -- NULL when no census is on file
    FOREIGN KEY (region_id) REFERENCES region (region_id)
);

CREATE TABLE city (
    city_id INTEGER PRIMARY KEY,
    country_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    province TEXT,                          -- state or province, where recorded
    population INTEGER,
    elevation_m INTEGER,
    founded_year INTEGER,                   -- negative years are BC
    is_capital INTEGER NOT NULL DEFAULT 0 CHECK (is_capital IN (0, 1)),
    FOREIGN KEY (country_id) REFERENCES country (country_id)
);

CREATE TABLE language (
    language_id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    native_name TEXT,
    family TEXT NOT NULL,
    script TEXT                             -- NULL when there is no settled writing system
);

CREATE TABLE country_language (
    country_id INTEGER NOT NULL,
    language_id INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('official', 'regional', 'minority')),
    share_pct REAL CHECK (share_pct > 0 AND share_pct <= 100),  -- first-language speakers, NULL if not counted
    PRIMARY KEY (country_id, language_id),
    FOREIGN KEY (country_id) REFERENCES country (country_id),
    FOREIGN KEY (language_id) REFERENCES language (language_id)
);

-- Each land border is stored once, with the lower country id first.
CREATE TABLE border (
    country_a_id INTEGER NOT NULL,
    country_b_id INTEGER NOT NULL,
    length_km REAL NOT NULL CHECK (length_km > 0),
    crossings INTEGER,                      -- official road and rail crossings
    treaty_date DATE,
    PRIMARY KEY (country_a_id, country_b_id),
    CHECK (country_a_id < country_b_id),
    FOREIGN KEY (country_a_id) REFERENCES country (country_id),
    FOREIGN KEY (country_b_id) REFERENCES country (country_id)
);

CREATE TABLE yearly_indicator (
    country_id INTEGER NOT NULL,
    year INTEGER NOT NULL,
    population INTEGER NOT NULL,
    gdp_musd REAL,                          -- millions of US dollars, current prices
    life_expectancy REAL,                   -- years
    internet_pct REAL,                      -- people online, per cent of population
    co2_kt REAL,                            -- kilotonnes
    PRIMARY KEY (country_id, year),
    FOREIGN KEY (country_id) REFERENCES country (country_id)
);

CREATE TABLE airport (
    airport_id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE CHECK (length(code) = 3),
    name TEXT NOT NULL,
    city_id INTEGER NOT NULL,
    elevation_ft TEXT,                      -- as typed by the operator
    runways INTEGER NOT NULL,
    opened_on DATE,
    passengers_2022 INTEGER,
    FOREIGN KEY (city_id) REFERENCES city (city_id)
);
