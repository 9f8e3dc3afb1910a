-- An amateur poker league run by a handful of card clubs, spring 2023 to autumn 2025.
-- Money is in US cents. The extract was taken on 10 September 2025.

CREATE TABLE season (
    season_id  INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    start_date DATE NOT NULL,
    end_date   DATE NOT NULL,
    sponsor    TEXT,
    CHECK (end_date > start_date)
);

CREATE TABLE club (
    club_id   INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    town      TEXT NOT NULL,
    state     TEXT NOT NULL,
    postcode  TEXT,                        -- five digits, often with a leading zero
    tables    INTEGER NOT NULL CHECK (tables > 0),
    opened_on DATE
);

CREATE TABLE player (
    player_id    INTEGER PRIMARY KEY,
    first_name   TEXT NOT NULL,
    last_name    TEXT NOT NULL,
    nickname     TEXT,
    birth_year   INTEGER,
    joined_on    DATE NOT NULL,
    membership   TEXT NOT NULL CHECK (membership IN ('Full', 'Guest', 'Honorary')),
    home_club_id INTEGER,
    mentor_id    INTEGER,                  -- the player who taught them the game
    FOREIGN KEY (home_club_id) REFERENCES club (club_id),
    FOREIGN KEY (mentor_id) REFERENCES player (player_id)
);

CREATE TABLE tournament (
    tournament_id   INTEGER PRIMARY KEY,
    season_id       INTEGER NOT NULL,
    club_id         INTEGER NOT NULL,
    director_id     INTEGER,
    title           TEXT NOT NULL,
    starts_at       TEXT NOT NULL,         -- local time, 'YYYY-MM-DD HH:MM'
    game            TEXT NOT NULL,         -- NLHE, PLO, PLO8, HORSE, Razz
    format          TEXT NOT NULL CHECK (format IN ('Freezeout', 'Re-entry', 'Turbo', 'Bounty')),
    buy_in_cents    INTEGER NOT NULL CHECK (buy_in_cents > 0),
    fee_cents       INTEGER NOT NULL,
    guarantee_cents INTEGER,
    starting_stack  TEXT,                  -- chips, as typed by the director: '20000', '20,000', 'TBC', ''
    status          TEXT NOT NULL CHECK (status IN ('finished', 'cancelled', 'announced')),
    FOREIGN KEY (season_id) REFERENCES season (season_id),
    FOREIGN KEY (club_id) REFERENCES club (club_id),
    FOREIGN KEY (director_id) REFERENCES player (player_id)
);

-- A player's place in a tournament. No finish_place: signed up but never sat down, or nothing was played (yet).
CREATE TABLE entry (
    entry_id      INTEGER PRIMARY KEY,
    tournament_id INTEGER NOT NULL,
    player_id     INTEGER NOT NULL,
    rebuys        INTEGER NOT NULL DEFAULT 0,
    finish_place  INTEGER CHECK (finish_place > 0),
    prize_cents   INTEGER,                 -- 0 outside the money, empty unless the tournament is finished
    knockouts     INTEGER,                 -- counted in Bounty events only
    UNIQUE (tournament_id, player_id),
    FOREIGN KEY (tournament_id) REFERENCES tournament (tournament_id),
    FOREIGN KEY (player_id) REFERENCES player (player_id)
);

-- Players who buy a share of somebody else's entry.
CREATE TABLE backing (
    entry_id  INTEGER NOT NULL,
    backer_id INTEGER NOT NULL,
    percent   INTEGER NOT NULL CHECK (percent BETWEEN 1 AND 100),
    markup    REAL NOT NULL DEFAULT 1.0,   -- price per share compared with face value
    PRIMARY KEY (entry_id, backer_id),
    FOREIGN KEY (entry_id) REFERENCES entry (entry_id),
    FOREIGN KEY (backer_id) REFERENCES player (player_id)
);

CREATE TABLE cash_session (
    session_id     INTEGER PRIMARY KEY,
    player_id      INTEGER NOT NULL,
    club_id        INTEGER NOT NULL,
    stakes         TEXT NOT NULL,          -- small blind / big blind in dollars, such as '1/2'
    started_at     TEXT NOT NULL,
    ended_at       TEXT,
    buy_in_cents   INTEGER NOT NULL,
    cash_out_cents INTEGER,                -- empty where the slip was lost
    FOREIGN KEY (player_id) REFERENCES player (player_id),
    FOREIGN KEY (club_id) REFERENCES club (club_id)
);

-- Hands the directors thought worth writing down.
CREATE TABLE key_hand (
    hand_id       INTEGER PRIMARY KEY,
    tournament_id INTEGER NOT NULL,
    blind_level   INTEGER NOT NULL,
    winner_id     INTEGER NOT NULL,
    loser_id      INTEGER NOT NULL,
    pot_chips     INTEGER NOT NULL,
    winning_hand  TEXT,                    -- empty when nobody had to show
    note          TEXT,
    CHECK (winner_id <> loser_id),
    FOREIGN KEY (tournament_id) REFERENCES tournament (tournament_id),
    FOREIGN KEY (winner_id) REFERENCES player (player_id),
    FOREIGN KEY (loser_id) REFERENCES player (player_id)
);
