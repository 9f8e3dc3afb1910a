"""Rows for ``poker_league``: an amateur league of card clubs, its tournaments, cash games and backers.

The data shows who plays where, how tournaments end (places, prizes, deals that split the top prizes evenly), who
buys shares of whom, and how cash game sessions go. Everything is invented. On purpose it holds namesakes, two clubs
that differ by an accent, towns of the same name in two states, chip counts typed as text, lost slips, players who
never enter anything, a club without tournaments, cancelled and announced events, and ties.
"""

import random
from datetime import date, datetime, timedelta

Row = tuple[object, ...]

EXTRACT = date(2025, 9, 10)
STAMP = "%Y-%m-%d %H:%M"
N_PLAYERS = 236
N_SESSIONS = 1250
N_HANDS = 340

SEASONS: list[tuple[str, date, date, str | None]] = [
    ("Spring 2023", date(2023, 1, 16), date(2023, 6, 4), "Delaney's Diner"),
    ("Autumn 2023", date(2023, 9, 4), date(2023, 12, 17), None),
    ("Spring 2024", date(2024, 1, 15), date(2024, 6, 2), "Maple Street Hardware"),
    ("Autumn 2024", date(2024, 9, 2), date(2024, 12, 15), "Delaney's Diner"),
    ("Spring 2025", date(2025, 1, 13), date(2025, 6, 1), None),
    ("Autumn 2025", date(2025, 9, 1), date(2025, 12, 14), "Fenn, Ito & Partners"),
]
# name, town, state, postcode, tables, opened on, weight as a host
CLUBS: list[tuple[str, str, str, str | None, int, str | None, int]] = [
    ("The River Room", "Springfield", "MA", "01137", 12, "2011-05-06", 24),
    ("Café Bluff", "Burlington", "VT", "05493", 8, "2015-09-19", 18),
    ("Cafe Bluff", "Springfield", "VT", "05188", 5, "2019-03-02", 9),
    ("O'Leary's Cardhouse", "Portland", "ME", "04173", 10, "2008-11-14", 17),
    ("Full Boat Social Club", "Newport", "RI", "02891", 9, None, 13),
    ("Kings, Queens & Knaves", "Concord", "NH", "03362", 6, "2017-01-20", 10),
    ("Harbor Lights", "New Bedford", "MA", "02791", 6, "2013-06-28", 7),
    ("The Nut Flush", "Albany", "NY", "12297", 12, "2021-10-01", 6),
    ("Quiet Aces", "Concord", "MA", None, 2, "2022-04-09", 0),
]
# title, weekday (Monday is 0), start, game, format, buy-in in dollars, usual field, usual stack, weight
Event = tuple[str, int, str, str, str, list[int], int, int, int]
EVENTS: list[Event] = [
    ("Tuesday Turbo", 1, "19:00", "NLHE", "Turbo", [30, 40], 17, 10000, 24),
    ("Friday Night Freezeout", 4, "19:30", "NLHE", "Freezeout", [60, 75], 22, 20000, 22),
    ("Sunday Deep Stack", 6, "13:00", "NLHE", "Re-entry", [100, 120, 150], 27, 40000, 15),
    ("Omaha Thursday", 3, "19:00", "PLO", "Re-entry", [80, 100], 14, 20000, 12),
    ("Bounty Saturday", 5, "18:00", "NLHE", "Bounty", [80, 100], 24, 25000, 12),
    ("Dealer's Choice, Mixed Games", 2, "19:00", "HORSE", "Freezeout", [50], 11, 15000, 6),
    ("Hi-Lo Wednesday", 2, "18:30", "PLO8", "Freezeout", [50, 60], 12, 15000, 6),
    ("Razz Rodeo", 0, "19:00", "Razz", "Freezeout", [25, 30], 9, 8000, 3),
]
OPENER: Event = ("Season Opener", 5, "14:00", "NLHE", "Re-entry", [150], 38, 30000, 0)
FINALE: Event = ("Season Finale", 6, "12:00", "NLHE", "Freezeout", [250], 44, 50000, 0)

# weight, first names, last names
PEOPLE: list[tuple[int, list[str], list[str]]] = [
    (
        22,
        ["Doug", "Patricia", "Keith", "Brenda", "Wayne", "Cheryl", "Scott", "Dana", "Russ", "Paula"],
        ["Hennessey", "Pelletier", "Gage", "O'Rourke", "Sprague", "Whitlock", "Thibodeau", "Marsh", "Crandall"],
    ),
    (
        11,
        ["Siobhán", "Declan", "Niamh", "Padraig", "Maeve", "Cormac"],
        ["Gallagher", "O'Leary", "Fitzgerald", "McGrath", "Keane", "Tierney"],
    ),
    (
        10,
        ["Luisa", "Hector", "Ximena", "Raúl", "Marisol", "Joaquín", "Belén"],
        ["Peña", "Cordero", "Villanueva", "Ortega", "Núñez", "Zamora"],
    ),
    (9, ["Wei", "Grace", "Jun", "Vivian", "Kelvin", "Hui"], ["Zhang", "Lau", "Tsai", "Kwok", "Feng"]),
    (8, ["Minh", "Thuy", "Bao", "Linh", "Quang"], ["Nguyen", "Tran", "Pham", "Vo"]),
    (8, ["Sofia", "Manuel", "Ilda", "Américo", "Filomena"], ["Medeiros", "Furtado", "Arruda", "Câmara"]),
    (7, ["Kwame", "Adaeze", "Emeka", "Abena", "Chidi"], ["Boateng", "Eze", "Mensah", "Adeyemi"]),
    (7, ["Rajiv", "Sunita", "Anil", "Kavya", "Farhan"], ["Chaudhry", "Rao", "Bhatt", "Sethi", "Khan"]),
    (6, ["Giulia", "Vinnie", "Carmela", "Dominic"], ["DiPietro", "Marchetti", "D'Agostino", "Russo"]),
    (6, ["Katya", "Boris", "Irina", "Lev"], ["Volkov", "Abramov", "Sokol", "Brodsky"]),
    (6, ["Yusuf", "Leila", "Samir", "Nadia"], ["Haddad", "Nasser", "Khoury", "Aziz"]),
]
# Entered by hand: namesakes and names that differ only by an accent.
NAMESAKES: list[tuple[str, str, str | None]] = [
    ("Minh", "Nguyen", "The Accountant"),
    ("Minh", "Nguyen", None),
    ("Jose", "Nunez", None),
    ("José", "Núñez", "Ace"),
    ("Sean", "O'Leary", "Lucky"),
    ("Seán", "O'Leary", None),
    ("Brenda", "Marsh", None),
    ("Brenda", "Marsh", "Turbo"),
]
NICKNAMES = [
    "Ace",
    "The Rock",
    "Lucky",
    "River Rat",
    "Doc",
    "Tilt",
    "Mother Hen",
    "The Professor",
    "Smiles",
    "Snap Call",
    "Nit",
    "Big Slick",
    "L'Artiste",
    "Two-Outer",
    "Sunday",
    "The Clock",
    "Deuce",
    "Lucky",
    "Ice, Ice",
    "Gramps",
    "Chip",
    "Doc",
    "Señor Fold",
    "Left Hand",
    "Four Flush",
    "Rabbit",
]
PAYOUTS: list[tuple[int, list[float]]] = [
    (8, [0.65, 0.35]),
    (16, [0.5, 0.3, 0.2]),
    (30, [0.44, 0.27, 0.17, 0.12]),
    (999, [0.36, 0.23, 0.15, 0.11, 0.085, 0.065]),
]
STAKES: list[tuple[str, int, int]] = [("1/2", 200, 52), ("1/3", 300, 25), ("2/5", 500, 17), ("0.50/1", 100, 6)]
HAND_NAMES: list[tuple[str | None, int]] = [
    (None, 17),
    ("Two pair", 20),
    ("Three of a kind", 15),
    ("Flush", 14),
    ("Pair", 13),
    ("Straight", 11),
    ("Full house", 10),
    ("Four of a kind", 3),
    ("High card", 3),
    ("Straight flush", 1),
]
HAND_NOTES = [
    "Hero call on the river",
    "Bluff that worked",
    "Set over set",
    "Aces cracked",
    "Runner-runner, groans all round",
    "Director's ruling on a string bet",
    "Three players all in, side pot",
    "Folded face up",
    "Chip leader doubled",
]


def as_int(value: object) -> int:
    """A whole number taken from a row."""
    return int(str(value))


def seasons() -> list[Row]:
    """The six seasons; the last one has just begun."""
    return [(i, s[0], s[1].isoformat(), s[2].isoformat(), s[3]) for i, s in enumerate(SEASONS, 1)]


def clubs() -> list[Row]:
    """The clubs."""
    return [(i, *c[:6]) for i, c in enumerate(CLUBS, 1)]


def new_name(rng: random.Random, used: set[tuple[str, str]]) -> tuple[str, str]:
    """First and last name; a repeated name is mostly drawn again."""
    while True:
        _, firsts, lasts = rng.choices(PEOPLE, [p[0] for p in PEOPLE])[0]
        name = (rng.choice(firsts), rng.choice(lasts))
        if name not in used or rng.random() < 0.04:
            used.add(name)
            return name


def players(rng: random.Random) -> list[Row]:
    """Players in the order they joined; mentors joined before those they taught."""
    hand = dict(zip(sorted(rng.sample(range(8, N_PLAYERS), len(NAMESAKES))), rng.sample(NAMESAKES, len(NAMESAKES))))
    used: set[tuple[str, str]] = {(n[0], n[1]) for n in NAMESAKES}
    joined = sorted(date(2016, 2, 1) + timedelta(days=int(3490 * rng.betavariate(2.2, 1.5))) for _ in range(N_PLAYERS))
    spare = NICKNAMES[:]
    rng.shuffle(spare)
    out: list[Row] = []
    for pid in range(1, N_PLAYERS + 1):
        nickname: str | None = None
        if pid in hand:
            first, last, nickname = hand[pid]
        else:
            first, last = new_name(rng, used)
            if spare and rng.random() < 0.16:
                nickname = spare.pop()
        born = round(rng.gauss(1976, 13))
        while not 1940 <= born <= 2003:
            born = round(rng.gauss(1976, 13))
        member = rng.choices(["Full", "Guest", "Honorary"], [74, 22, 4])[0]
        home = rng.choices(range(1, 10), [c[6] + 1 for c in CLUBS])[0] if rng.random() < 0.88 else None
        mentor: int | None = None
        if pid > 12 and rng.random() < 0.38:
            mentor = rng.choices(range(1, pid), [1 / (k + 4) for k in range(pid - 1)])[0]
        year = born if rng.random() < 0.9 else None
        out.append((pid, first, last, nickname, year, joined[pid - 1].isoformat(), member, home, mentor))
    return out


def stack_text(rng: random.Random, chips: int) -> str:
    """The starting stack the way a director types it."""
    roll = rng.random()
    if roll < 0.07:
        return rng.choice(["", "TBC"])
    return f"{chips:,}" if roll < 0.2 else str(chips)


def calendar(rng: random.Random) -> list[tuple[datetime, int, Event]]:
    """(start, season id, event) for every tournament, in time order."""
    out: list[tuple[datetime, int, Event]] = []
    for season_id, (_, first, last, _) in enumerate(SEASONS, 1):
        monday = first - timedelta(days=first.weekday())
        weeks = (last - monday).days // 7
        for week in range(weeks + 1):
            if season_id == len(SEASONS) and week > 7:
                break
            chosen = rng.sample(EVENTS, len(EVENTS))
            chosen = sorted(chosen, key=lambda e: -(rng.random() ** (12 / e[8])))[: rng.choices([1, 2], [55, 45])[0]]
            if week == 0:
                chosen = [OPENER]
            elif week == weeks:
                chosen = [FINALE]
            if len(chosen) == 2 and chosen[0][1] == chosen[1][1]:
                chosen = chosen[:1]  # never two events on one evening
            for event in chosen:
                day = monday + timedelta(days=7 * week + event[1])
                if first <= day <= last:
                    out.append((datetime.strptime(f"{day} {event[2]}", STAMP), season_id, event))
    return sorted(out, key=lambda x: (x[0], x[2][0]))


def tournaments(rng: random.Random) -> list[Row]:
    """Tournaments with their host club and director."""
    out: list[Row] = []
    directors = rng.sample(range(1, 60), 9)
    for starts, season_id, event in calendar(rng):
        title, _, _, game, style, prices, _, stack, _ = event
        price = rng.choice(prices)
        club = rng.choices(range(1, 10), [c[6] for c in CLUBS])[0]
        if starts.date() > EXTRACT:
            status = "announced"
        else:
            status = "cancelled" if rng.random() < 0.1 and event[8] else "finished"
        director = None if rng.random() < 0.08 else rng.choices(directors, [1 / (k + 1.5) for k in range(9)])[0]
        guarantee: int | None = None
        if not event[8] or rng.random() < 0.22:
            guarantee = round(price * event[6] * rng.uniform(0.8, 1.25) / 250) * 25000 or 25000
        fee = 500 * round(price * 0.12 / 5 + 0.3) or 500
        out.append(
            (
                len(out) + 1,
                season_id,
                club,
                director,
                title,
                starts.strftime(STAMP),
                game,
                style,
                price * 100,
                fee,
                guarantee,
                stack_text(rng, stack * rng.choice([1, 1, 1, 2])),
                status,
            )
        )
    return out


def prizes(rng: random.Random, pool: int, field: int) -> list[int]:
    """Prizes from the first place down in cents; now and then the last two or three agree to an even split."""
    shares = next(p for limit, p in PAYOUTS if field <= limit)
    paid = [int(pool * s) // 500 * 500 for s in shares]
    paid[0] += pool - sum(paid)
    if rng.random() < 0.24:
        k = min(rng.choice([2, 2, 3]), len(paid))
        paid[:k] = [sum(paid[:k]) // k // 100 * 100] * k
    return paid


def knockout_counts(rng: random.Random, order: list[int]) -> dict[int, int]:
    """Who knocked out how many: one knockout for every player but the winner."""
    out = dict.fromkeys(order, 0)
    for place in range(len(order), 1, -1):
        out[rng.choices(order[: place - 1], [1 / (k + 2) for k in range(place - 1)])[0]] += 1
    return out


def standings(rng: random.Random, event_row: Row, field: list[int], skill: dict[int, float]) -> list[Row]:
    """Entries of one finished tournament, without their ids."""
    style, price, guarantee = str(event_row[7]), as_int(event_row[8]), event_row[10]
    order = sorted(field, key=lambda p: -(skill[p] + rng.gauss(0, 1.35)))
    absent = [p for p in field if rng.random() < 0.028]
    order = [p for p in order if p not in absent]
    rebuys = {p: rng.choices([0, 1, 2, 3], [70, 21, 7, 2])[0] if style == "Re-entry" else 0 for p in order}
    taken = price * (len(field) + sum(rebuys.values()))
    if style == "Bounty":
        taken = taken * 3 // 4
    paid = prizes(rng, max(taken, as_int(guarantee) if guarantee else 0), len(order))
    kills = knockout_counts(rng, order) if style == "Bounty" else {}
    place = {p: k for k, p in enumerate(order, 1)}
    if len(order) > 9 and rng.random() < 0.16:
        k = rng.randint(len(paid) + 1, len(order) - 2)
        place[order[k]] = k  # two players out in the same hand share the better place
    out: list[Row] = []
    for pid in field:
        if pid in absent:
            out.append((pid, 0, None, 0, None))
        else:
            prize = paid[order.index(pid)] if order.index(pid) < len(paid) else 0
            out.append((pid, rebuys[pid], place[pid], prize, kills.get(pid)))
    return out


def entries(rng: random.Random, player_rows: list[Row], tournament_rows: list[Row]) -> list[Row]:
    """Entries: regulars play a lot, most often at their home club."""
    out: list[Row] = []
    skill = {as_int(p[0]): rng.gauss(0, 0.6) for p in player_rows}
    ids = list(skill)
    rng.shuffle(ids)
    idle = set(ids[:17])
    appetite = {pid: 1 / (k + 9) ** 0.9 for k, pid in enumerate(rng.sample(ids, len(ids)))}
    sizes = {e[0]: e[6] for e in [*EVENTS, OPENER, FINALE]}
    for row in tournament_rows:
        day = str(row[5])[:10]
        able = [p for p in player_rows if str(p[5]) <= day and as_int(p[0]) not in idle and p[6] != "Honorary"]
        able = [p for p in able if p[0] != row[3]]
        scale = {"finished": 1.0, "cancelled": 0.22, "announced": 0.3}[str(row[12])]
        size = max(3, round(sizes[str(row[4])] * rng.gauss(1, 0.17) * scale))
        weights = [appetite[as_int(p[0])] * (4 if p[7] == row[2] else 1) for p in able]
        field: list[int] = []
        while len(field) < size:
            pid = as_int(rng.choices(able, weights)[0][0])
            if pid not in field:
                field.append(pid)
        if row[12] == "finished":
            results = standings(rng, row, field, skill)
        else:
            results = [(pid, 0, None, None, None) for pid in field]
        start = len(out) + 1
        out.extend((k, row[0], *r) for k, r in enumerate(results, start))
    return out


def backings(rng: random.Random, entry_rows: list[Row], tournament_rows: list[Row]) -> list[Row]:
    """Shares sold: more often in the dearer events, mostly to the same few backers."""
    price = {t[0]: as_int(t[8]) for t in tournament_rows}
    backers = rng.sample(range(1, 120), 34)
    weights = [1 / (k + 1.8) for k in range(len(backers))]
    out: list[Row] = []
    for row in entry_rows:
        if rng.random() > 0.035 + price[row[1]] / 170000:
            continue
        left = 80
        chosen: list[int] = []
        for _ in range(rng.choices([1, 2, 3], [72, 21, 7])[0]):
            backer = rng.choices(backers, weights)[0]
            share = rng.choices([5, 10, 20, 25, 30, 50], [16, 30, 22, 14, 8, 10])[0]
            if backer == row[2] or backer in chosen or share > left:
                continue
            chosen.append(backer)
            left -= share
            out.append((row[0], backer, share, rng.choices([1.0, 1.05, 1.1, 1.2, 1.25], [60, 12, 16, 8, 4])[0]))
    return out


def cash_sessions(rng: random.Random, player_rows: list[Row]) -> list[Row]:
    """Cash game sessions; the big games are in the bigger clubs and results are skewed."""
    keen = rng.sample([p for p in player_rows if p[6] != "Honorary"], 120)
    weights = [1 / (k + 5) for k in range(len(keen))]
    seen: set[tuple[int, date]] = set()
    raw: list[tuple[str, int, int, str, str | None, int, int | None]] = []
    while len(raw) < N_SESSIONS:
        player = rng.choices(keen, weights)[0]
        day = date(2023, 1, 2) + timedelta(days=rng.randint(0, (EXTRACT - date(2023, 1, 2)).days))
        if day.isoformat() < str(player[5]) or (day.weekday() < 3 and rng.random() < 0.6):
            continue
        if (as_int(player[0]), day) in seen:
            continue
        seen.add((as_int(player[0]), day))
        start = datetime(day.year, day.month, day.day) + timedelta(minutes=15 * rng.randint(64, 88))
        minutes = 5 * max(6, round(rng.lognormvariate(5.25, 0.45) / 5))
        home = player[7]
        club = as_int(home) if home and rng.random() < 0.7 else rng.choices(range(1, 10), [c[6] for c in CLUBS])[0]
        stakes, blind, _ = rng.choices(STAKES, [s[2] for s in STAKES])[0]
        buy = blind * rng.choices([50, 100, 150, 200], [14, 62, 9, 15])[0]
        result = rng.gauss(-11, 62) * (1 + rng.expovariate(1 / 0.5))
        out_cents = max(0, buy + round(result) * blind // 100 * 100)
        ended = (start + timedelta(minutes=minutes)).strftime(STAMP) if rng.random() < 0.95 else None
        raw.append(
            (
                start.strftime(STAMP),
                as_int(player[0]),
                club,
                stakes,
                ended,
                buy,
                out_cents if rng.random() < 0.965 else None,
            )
        )
    raw.sort(key=lambda r: (r[0], r[1]))
    return [(i, r[1], r[2], r[3], r[0], r[4], r[5], r[6]) for i, r in enumerate(raw, 1)]


def key_hands(rng: random.Random, tournament_rows: list[Row], entry_rows: list[Row]) -> list[Row]:
    """Hands worth remembering, between two players of the same tournament."""
    seated: dict[int, list[tuple[int, int]]] = {}
    for row in entry_rows:
        if row[4] is not None:
            seated.setdefault(as_int(row[1]), []).append((as_int(row[4]), as_int(row[2])))
    played = [t for t in tournament_rows if t[12] == "finished" and t[6] in ("NLHE", "PLO")]
    weights = [3 if str(t[4]).startswith("Season") else 1 for t in played]
    raw: list[tuple[int, int]] = sorted(
        (as_int(rng.choices(played, weights)[0][0]), rng.choices(range(3, 24), [1 + k % 9 for k in range(21)])[0])
        for _ in range(N_HANDS)
    )
    out: list[Row] = []
    for tournament_id, level in raw:
        order = sorted(seated[tournament_id])
        deep = [pid for _, pid in order[: max(4, len(order) * (26 - level) // 26)]]
        winner, loser = rng.sample(deep, 2)
        pot = round(rng.lognormvariate(8.6 + 0.13 * level, 0.5) / 500) * 500 or 500
        shown = rng.choices([h[0] for h in HAND_NAMES], [h[1] for h in HAND_NAMES])[0]
        note = rng.choice(HAND_NOTES) if rng.random() < 0.38 else None
        out.append((len(out) + 1, tournament_id, level, winner, loser, pot, shown, note))
    return out


def rows(rng: random.Random) -> dict[str, list[Row]]:
    """Rows by table, parents first."""
    player_rows = players(rng)
    tournament_rows = tournaments(rng)
    entry_rows = entries(rng, player_rows, tournament_rows)
    return {
        "season": seasons(),
        "club": clubs(),
        "player": player_rows,
        "tournament": tournament_rows,
        "entry": entry_rows,
        "backing": backings(rng, entry_rows, tournament_rows),
        "cash_session": cash_sessions(rng, player_rows),
        "key_hand": key_hands(rng, tournament_rows, entry_rows),
    }
