"""A concert promoter's seasons of 2023 and 2024: venues, acts and their members, line-ups and ticket sales.

A few acts play far more often than the rest, musicians play in several acts, concerts are moved or called off (with
refunds), and fans buy near home. Planted on purpose: acts whose names differ by an accent or a capital only, two
venues of one name in two cities, namesakes among musicians and fans, years of opening that are no numbers, venues
never used, acts never booked, concerts without a line-up, fans who never bought anything, a series of concerts that
all have the same title.
"""

import random
from dataclasses import dataclass
from datetime import date, timedelta

Value = str | int | float | None
Row = tuple[Value, ...]

FIRST_DAY = date(2023, 1, 13)
TODAY = date(2024, 5, 31)
LAST_DAY = date(2024, 9, 14)
CONCERTS = 150
FANS = 430

CITIES: list[tuple[str, int]] = [
    ("Tarnwick", 40),
    ("Port Aven", 24),
    ("Kellbridge", 16),
    ("Lindenau", 9),
    ("São Brás", 6),
    ("Oxmoor", 5),
    ("Easterhaven", 3),
    ("Saint-Rémy-sur-Orne", 2),
]
# name, city, kind, capacity, opened, weight
VENUES: list[tuple[str, str, str, int | None, str | None, float]] = [
    ("The Old Exchange", "Tarnwick", "Theatre/Hall", 420, "1887", 9),
    ("The Old Exchange", "Kellbridge", "Pub/Club", 110, "1994", 3),
    ("Lantern Rooms", "Tarnwick", "Pub/Club", 90, "2006", 12),
    ("Harbour Stage", "Port Aven", "Open air", None, "", 4),
    ("The Sail Loft", "Port Aven", "Pub/Club", 75, "c. 1890", 8),
    ("St. Brigid's Church", "Tarnwick", "Church", 260, "unknown", 5),
    ("Municipal Theatre", "Port Aven", "Theatre/Hall", 640, "1931", 5),
    ("Cinema Aurora", "Lindenau", "Theatre/Hall", 310, "1931", 4),
    ("Gasworks", "Kellbridge", "Arena/Shed", 650, "1998", 5),
    ("The Ferryman's Rest", "Kellbridge", "Pub/Club", 60, "1978", 5),
    ("Botanic Garden Lawn", "Tarnwick", "Open air", None, None, 4),
    ("Casa da Música Velha", "São Brás", "Theatre/Hall", 180, "1954", 3),
    ("Brewery Yard", "Oxmoor", "Open air", 500, "2011", 2),
    ("Chapel of Ease", "Oxmoor", "Church", 140, "c. 1820", 2),
    ("Studio 7", "Tarnwick", "Pub/Club", 45, "2019", 6),
    ("Tram Depot", "Lindenau", "Arena/Shed", 550, "2003", 2),
    ("Lighthouse Café", "Easterhaven", "Pub/Club", 45, "2015", 2),
    ("Salle Marguerite", "Saint-Rémy-sur-Orne", "Theatre/Hall", 220, "1908", 1.5),
    ("Kellbridge Arena", "Kellbridge", "Arena/Shed", 640, "2009", 2),
    ("Dovecote Barn", "Oxmoor", "Theatre/Hall", 95, "n/a", 0),
    ("Pier Pavilion", "Easterhaven", "Theatre/Hall", 380, "1926", 0),
]
# name, genre, home city, formed year, number of members
ARTISTS: list[tuple[str, str, str | None, int | None, int]] = [
    ("The Hollow Pinewood", "Folk/Acoustic", "Tarnwick", 2009, 4),
    ("Midnight Ferry", "Rock", "Port Aven", 2012, 4),
    ("Café Lumen", "Jazz", "Lindenau", 2014, 4),
    ("Ash, Elm & Rowan", "Folk/Acoustic", "Kellbridge", 2016, 3),
    ("Static Orchard", "Rock", "Tarnwick", 2015, 4),
    ("Olu Bankole Sextet", "Jazz", "Port Aven", 2011, 6),
    ("Paper Lighthouse", "Indie", "Tarnwick", 2018, 4),
    ("Brass Monkey Parade", "Brass/Big band", "Kellbridge", 2007, 9),
    ("Nightbus 49", "Electronic", "Tarnwick", 2019, 2),
    ("Maja Lindqvist", "Folk/Acoustic", "Lindenau", 2013, 1),
    ("The Velvet Ledger", "Soul/Funk", "Port Aven", 2010, 7),
    ("Fishwife's Lament", "Folk/Acoustic", "Port Aven", 2005, 5),
    ("Cinder Row", "Metal/Hard rock", "Kellbridge", 2008, 4),
    ("Glasshouse Radio", "Indie", "Oxmoor", 2020, 4),
    ("Trio Saudade", "World", "São Brás", 2003, 3),
    ("DJ Ptarmigan", "Electronic", None, None, 0),
    ("Kestrel & Crow", "Folk/Acoustic", "Tarnwick", 2017, 2),
    ("Concrete Swans", "Indie", "Kellbridge", 2016, 4),
    ("Rosalind Achterberg", "Classical", "Lindenau", None, 1),
    ("The Unpaid Interns", "Rock", "Tarnwick", 2021, 4),
    ("Quartetto Pellegrino", "Classical", "Lindenau", 1998, 4),
    ("Amadou Sissoko Band", "World", "Port Aven", 2004, 5),
    ("cafe lumen", "Electronic", "Easterhaven", 2022, 1),
    ("Low Tide Choir", "Choir/Vocal", "Port Aven", 2001, 6),
    ("Iron Kettle", "Metal/Hard rock", "Tarnwick", 2014, 5),
    ("Sister Meridian", "Soul/Funk", "Kellbridge", 2018, 5),
    ("the hollow pinewood", "Electronic", None, 2021, 2),
    ("Priya & the Postcards", "Indie", "Tarnwick", 2019, 4),
    ("Old Man Winter's Band", "Blues", "Oxmoor", 1989, 4),
    ("Delphine Morel", "Jazz", "Saint-Rémy-sur-Orne", 2010, 1),
    ("Tin Roof Sermon", "Blues", "Kellbridge", 2006, 4),
    ("Les Sœurs Tambour", "World", "Saint-Rémy-sur-Orne", 2012, 3),
    ("Polka Dot Riot", "Punk", "Tarnwick", 2015, 4),
    ("Kazuko Endo Trio", "Jazz", "Tarnwick", 2013, 3),
    ("Saltmarsh Ceilidh Band", "Folk/Acoustic", "Easterhaven", 1995, 6),
    ("Vacant Lot", "Punk", "Port Aven", None, 3),
    ("The Second Thursdays", "Rock", "Lindenau", 2011, 4),
    ("Marisol Vega", "World", "São Brás", 2016, 1),
    ("Hexagon Sun", "Electronic", "Lindenau", 2017, 2),
    ("Tarnwick Youth Brass", "Brass/Big band", "Tarnwick", 1972, 8),
    ("Gravel Hymns", "Folk/Acoustic", "Oxmoor", 2014, 3),
    ("Snowdrop Machine", "Indie", "Port Aven", 2020, 3),
    ("Theo Blackwood", "Blues", "Port Aven", 2002, 1),
    ("Wren's Nest", "Choir/Vocal", "Kellbridge", 2009, 5),
    ("Copper Telephone", "Rock", "Kellbridge", 2013, 4),
    ("Yara Haddad Ensemble", "World", "Tarnwick", 2015, 5),
    ("Monday's Child", "Soul/Funk", "Tarnwick", 2022, 5),
    ("Pale Harvest", "Metal/Hard rock", None, 2019, 4),
    ("Hugo Lindqvist", "Classical", "Lindenau", 2008, 1),
    ("The Borrowed Hats", "Jazz", "Oxmoor", 2017, 4),
    ("Ferrous", "Electronic", "Kellbridge", 2023, 1),
    ("Bluebell Assembly", "Choir/Vocal", "Tarnwick", 1984, 5),
    ("Neon Allotment", "Punk", "Oxmoor", 2023, 3),
    ("Sgt. Marrow", "Rock", "Easterhaven", 2016, 4),
]
UNBOOKED = frozenset({"Pale Harvest", "Hugo Lindqvist", "Neon Allotment", "Bluebell Assembly", "Sgt. Marrow"})
LINEUPS: dict[str, list[str]] = {
    "Folk/Acoustic": ["vocals", "guitar", "fiddle", "bodhrán", "flute", "accordion"],
    "Rock": ["vocals", "guitar", "bass", "drums", "keyboards"],
    "Indie": ["vocals", "guitar", "bass", "drums"],
    "Metal/Hard rock": ["vocals", "guitar", "bass", "drums", "guitar"],
    "Punk": ["vocals", "guitar", "bass", "drums"],
    "Jazz": ["piano", "double bass", "drums", "saxophone", "trumpet", "guitar"],
    "Brass/Big band": ["trumpet", "trumpet", "trombone", "tuba", "French horn", "cornet", "saxophone", "drums", "tuba"],
    "Electronic": ["synthesiser", "vocals"],
    "Soul/Funk": ["vocals", "guitar", "bass", "drums", "keyboards", "saxophone", "trumpet"],
    "World": ["vocals", "guitar", "percussion", "oud", "kora"],
    "Classical": ["cello", "violin", "violin", "viola"],
    "Blues": ["vocals", "guitar", "harmonica", "drums"],
    "Choir/Vocal": ["vocals", "vocals", "vocals", "vocals", "vocals", "vocals"],
}
SOLO: dict[str, tuple[str, str]] = {  # soloists play under their own names
    "Maja Lindqvist": ("guitar", "Sweden"),
    "Rosalind Achterberg": ("cello", "Netherlands"),
    "Delphine Morel": ("piano", "France"),
    "Marisol Vega": ("vocals", "Spain"),
    "Theo Blackwood": ("guitar", "UK"),
    "Hugo Lindqvist": ("violin", "Sweden"),
}
PEOPLE: list[tuple[str, str, str]] = [  # first names, last names, country
    (
        "Ailsa Rory Morag Ewan Jess Tom Harriet Callum Beth Joe",
        "Fairley Monk Baxter Tully O'Hare Rudd Gale Penrose",
        "UK",
    ),
    ("Niamh Cormac Aoife Ronan Sorcha", "O'Shea Brennan Devlin", "Ireland"),
    ("Anke Jonas Lea Fritz Miriam", "Brandt Köhler Wolff Sommer", "Germany"),
    ("João Inês Rui Beatriz Tiago", "Faria Leitão Moura", "Portugal"),
    ("Ibrahim Awa Moussa Fatou", "Diabaté Keita Sissoko", "Mali"),
    ("Camille Hugo Léa Baptiste", "Garnier Lefèvre Roche", "France"),
    ("Kenji Haruka Sota", "Endo Ishikawa Mori", "Japan"),
    ("Ade Folake Tobi", "Bankole Adebayo Eze", "Nigeria"),
    ("Devika Rohit Meera", "Nair Iyer Bose", "India"),
    ("Lina Omar Yara", "Haddad Khoury Nassar", "Lebanon"),
]
PEOPLE_WEIGHTS = [30, 10, 12, 8, 6, 7, 5, 6, 6, 4]
FAN_FIRST = (
    "Anna Ben Clara Dmitri Ella Farah George Hana Ian Jo Katarzyna Leo Mina Nuno Orla Pavel Quynh Rosa Sean Tanya "
    "Uma Viktor Wanda Xin Yannick Zara Amélie Bashir Chidi Dawn Emre Freya Gwen Hamza Isla Jamal"
).split(" ")
FAN_LAST = (
    "Harper,Nowak,Lam,O'Neill,Ferreira,Stone,Ahmed,Bergström,Cole,Dupont,Eriksen,Flynn,Gupta,Hughes,Ito,Jansen,"
    "Kaur,Lopes,Marsh,Nkemelu,Ortiz,Petrov,Quigley,Reid,Şahin,Tan,Underhill,Varga,Wood,Yeo,"
    "Acosta,Blum,Castellanos,Dhillon,El-Amin,Fiore,Gray,Holm,Ivers,Juhász,Kemp,Lund,McCabe,Norris,Ofori,Pires"
).split(",")
# full name, e-mail, city, joined on
PLANTED_FANS: list[tuple[str, str | None, str | None, str]] = [
    ("Zara O'Neill", "zara.oneill@mailbox.example", "Tarnwick", "2022-11-02"),
    ("Zara O'Neill", "zoneill77@post.example", "Port Aven", "2023-02-14"),
    ("Amélie Dupont", "amelie.d@mailbox.example", "Saint-Rémy-sur-Orne", "2022-12-19"),
    ("Amelie Dupont", "ameliedupont@post.example", "Tarnwick", "2023-03-30"),
    ("Leo Marsh", None, "Kellbridge", "2022-10-08"),
]
SERIES: list[tuple[str, str, str, int, int]] = [  # title, genre, venue, weekday, one every so many weeks
    ("Tuesday Folk Club", "Folk/Acoustic", "Lantern Rooms", 1, 5),
    ("Sunday Jazz Brunch", "Jazz", "The Sail Loft", 6, 7),
]
REGULAR = frozenset(series[0] for series in SERIES)
# title, months, genre that most of its acts have
THEMES: list[tuple[str, tuple[int, ...], str | None]] = [
    ("Winter Lights", (11, 12, 1, 2), None),
    ("Harbour Nights", (5, 6, 7, 8, 9), None),
    ("Rock for Refuge", tuple(range(1, 13)), "Rock"),
    ("Brass on the Grass", (5, 6, 7, 8, 9), "Brass/Big band"),
    ("Songs for a Short Night", (5, 6, 7), "Folk/Acoustic"),
    ("New Noise", tuple(range(1, 13)), "Electronic"),
    ("The Quiet Hour", tuple(range(1, 13)), "Classical"),
    ("Harvest Home", (9, 10), "Folk/Acoustic"),
    ("Loud & Local", tuple(range(1, 13)), "Metal/Hard rock"),
    ("Women's Voices", (3, 10), None),
    ("Strings, Mostly", tuple(range(1, 13)), "Classical"),
]
TIERS: list[tuple[str, float, int]] = [  # tier, price factor, weight
    ("Standing", 1.0, 46),
    ("Seated", 1.35, 34),
    ("Concession", 0.7, 14),
    ("VIP/Box", 2.6, 6),
]


@dataclass
class Gig:
    """A concert while it is being made."""

    day: date
    title: str | None
    genre: str | None
    venue: int


@dataclass
class Sale:
    """One sale before it gets its number."""

    day: date
    concert: int
    fan: int | None
    tier: str
    quantity: int
    price: int
    channel: str
    refunded: int


def between(rng: random.Random, first: date, last: date) -> date:
    """A day from first to last, both included."""
    return first + timedelta(days=rng.randint(0, max(0, (last - first).days)))


def musician_name(rng: random.Random) -> tuple[str, str]:
    """A full name and a country that go together."""
    firsts, lasts, country = rng.choices(PEOPLE, weights=PEOPLE_WEIGHTS)[0]
    return f"{rng.choice(firsts.split())} {rng.choice(lasts.split())}", country


def make_members(rng: random.Random) -> tuple[list[Row], list[Row]]:
    """Musicians and their memberships; about one seat in five goes to somebody who already plays elsewhere."""
    musicians: list[Row] = []
    births: list[int] = []
    memberships: list[Row] = []

    names: set[str] = set()

    def new_name() -> tuple[str, str]:
        name, country = musician_name(rng)
        while name in names and rng.random() < 0.95:
            name, country = musician_name(rng)
        return name, country

    def add(name: str, country: str, born: int) -> int:
        names.add(name)
        musicians.append((len(musicians) + 1, name, born if rng.random() < 0.88 else None, country))
        births.append(born)
        return len(musicians)

    for artist, (name, genre, _, formed, size) in enumerate(ARTISTS, 1):
        start = formed or 2012
        taken: set[int] = set()
        seats = [SOLO[name][0]] if name in SOLO else LINEUPS[genre][:size]
        if len(seats) > 1 and rng.random() < 0.5:
            seats = [*seats, rng.choice(seats)]  # a former member, or his successor
        for seat in seats:
            known = [m for m in range(1, len(musicians) + 1) if m not in taken and births[m - 1] + 17 <= start]
            if name in SOLO:
                musician = add(name, SOLO[name][1], start - rng.randint(21, 34))
            elif known and rng.random() < 0.2:
                musician = rng.choice(known)
            else:
                musician = add(*new_name(), start - rng.randint(17, 38))
            taken.add(musician)
            since = start if rng.random() < 0.6 else rng.randint(start, 2023)
            until = None
            if name not in SOLO and rng.random() < 0.2:
                until = rng.randint(since, 2024)
            memberships.append((artist, musician, seat, since, until))
            if seat in ("guitar", "piano", "bass", "fiddle") and seat != "vocals" and rng.random() < 0.22:
                memberships.append((artist, musician, "vocals", since, until))
    for _ in range(6):  # on the books, in no act
        add(*new_name(), rng.randint(1955, 2003))
    return musicians, memberships


def choose_theme(rng: random.Random, day: date, venue: int) -> Gig:
    """A concert with a theme that suits the season and the place, or more often without one."""
    _, city, kind, _, _, _ = VENUES[venue - 1]
    fitting = [
        (title, genre)
        for title, months, genre in THEMES
        if day.month in months
        and (title != "Harbour Nights" or city == "Port Aven")
        and (title != "Brass on the Grass" or kind == "Open air")
    ]
    if rng.random() < (0.6 if kind == "Open air" else 0.3):
        return Gig(day, *rng.choice(fitting), venue)
    return Gig(day, None, None, venue)


def plan_gigs(rng: random.Random) -> list[Gig]:
    """Where and when, in order of date; never two concerts at one venue on one day."""
    names = [v[0] for v in VENUES]
    gigs: list[Gig] = []
    used: set[tuple[int, date]] = set()
    for title, genre, venue_name, weekday, weeks in SERIES:
        venue = names.index(venue_name) + 1
        day = FIRST_DAY + timedelta(days=(weekday - FIRST_DAY.weekday()) % 7)
        while day <= date(2024, 7, 31):
            gigs.append(Gig(day, title, genre, venue))
            used.add((venue, day))
            day += timedelta(weeks=weeks)
    while len(gigs) < CONCERTS:
        day = between(rng, FIRST_DAY, LAST_DAY)
        day += timedelta(days=rng.choices([4, 5, 3, 6, 2], weights=[34, 36, 16, 8, 6])[0] - day.weekday())
        venue = rng.choices(range(1, len(VENUES) + 1), weights=[v[5] for v in VENUES])[0]
        outside = VENUES[venue - 1][2] == "Open air"
        if (venue, day) in used or day < FIRST_DAY or (outside and day.month not in (5, 6, 7, 8, 9)):
            continue
        used.add((venue, day))
        gigs.append(choose_theme(rng, day, venue))
    gigs.sort(key=lambda gig: (gig.day, gig.venue))
    return gigs


def choose_acts(rng: random.Random, gig: Gig, busy: set[tuple[int, date]]) -> list[int]:
    """The acts of one concert, headliner first."""
    weights: list[float] = []
    for number, (name, genre, home, formed, _) in enumerate(ARTISTS, 1):
        weight = 12 / (number + 5)
        if name in UNBOOKED or (number, gig.day) in busy or (formed or 0) > gig.day.year:
            weight = 0.0
        if gig.genre and genre != gig.genre:
            weight *= 0.03 if gig.title in REGULAR else 0.15
        if home == VENUES[gig.venue - 1][1]:
            weight *= 1.6
        weights.append(weight)
    small = (VENUES[gig.venue - 1][3] or 400) < 100
    count = rng.choices([1, 2, 3, 4, 5], weights=[30, 46, 20, 4, 0] if small else [14, 34, 32, 14, 6])[0]
    acts: list[int] = []
    while len(acts) < count:
        act = rng.choices(range(1, len(ARTISTS) + 1), weights=weights)[0]
        acts.append(act)
        weights[act - 1] = 0.0
    return sorted(acts, key=lambda act: act + rng.uniform(0, 25))


def make_lineup(rng: random.Random, concert: int, gig: Gig, acts: list[int], played: bool) -> list[Row]:
    """Rows of `performance`; the headliner plays last."""
    charity = gig.title == "Rock for Refuge"
    size = (VENUES[gig.venue - 1][3] or 450) / 100
    lineup: list[Row] = []
    for slot, act in enumerate(reversed(acts), 1):
        headline = slot == len(acts)
        billing = "headline" if headline else "opener" if slot == 1 else "support"
        minutes: int | None = rng.randrange(60, 115, 5) if headline else rng.randrange(25, 50, 5)
        if not played or rng.random() < 0.05:
            minutes = None
        base = rng.lognormvariate(10.6, 0.35) if headline else rng.lognormvariate(9.6, 0.3)
        fee = round(base * (0.7 + 0.45 * size) / 2500) * 2500 if not charity and rng.random() > 0.03 else None
        lineup.append((concert, slot, act, billing, minutes, fee))
    return lineup


def make_fans(rng: random.Random) -> list[Row]:
    """Fans in the order in which they joined."""
    drafts: list[tuple[str, str | None, str | None, str]] = list(PLANTED_FANS)
    first_weights = [1 / (n + 25) for n in range(len(FAN_FIRST))]
    seen: set[str] = set()
    while len(drafts) < FANS:
        first, last = rng.choices(FAN_FIRST, weights=first_weights)[0], rng.choice(FAN_LAST)
        city = rng.choices(CITIES, weights=[c[1] for c in CITIES])[0][0] if rng.random() < 0.93 else None
        day = TODAY - timedelta(days=int(1300 * rng.random()) + 1)
        number = rng.randint(1, 99)
        box = rng.choice(["mailbox", "mailbox", "post", "letters"])
        plain = "".join(ch for ch in f"{first}.{last}".lower() if ch.isascii() and (ch.isalpha() or ch == "."))
        email: str | None = f"{plain}{number}@{box}.example"
        if email in seen or rng.random() < 0.08:
            email = None
        if email:
            seen.add(email)
        drafts.append((f"{first} {last}", email, city, day.isoformat()))
    drafts.sort(key=lambda draft: draft[3])
    fans: list[Row] = []
    for number, (name, email, city, joined) in enumerate(drafts, 1):
        earlier = [f for f in range(1, number) if str(fans[f - 1][4]) < joined]
        referrer = None
        if earlier and rng.random() < 0.28:
            referrer = rng.choices(earlier, weights=[1 / (f + 15) for f in earlier])[0]
        fans.append((number, name, email, city, joined, referrer))
    return fans


def sell(
    rng: random.Random, concert: int, gig: Gig, cancelled: bool, headliner: int, fans: list[Row], love: list[float]
) -> list[Sale]:
    """The sales of one concert until it is sold out or the demand is met."""
    _, city, kind, capacity, _, _ = VENUES[gig.venue - 1]
    demand = int(rng.lognormvariate(2.62, 0.5) * (1 + 8 / (headliner + 6)) * (1.4 if (capacity or 300) > 200 else 1.0))
    left = capacity or 10_000
    base = rng.choice([900, 1000, 1200, 1200, 1500, 1500, 1800, 2000, 2200, 2500, 3200])
    sales: list[Sale] = []
    wish = list(love)
    opened = gig.day - timedelta(days=rng.randint(35, 95))
    closed = min(gig.day - timedelta(days=rng.randint(3, 30)), TODAY) if cancelled else min(gig.day, TODAY)
    if opened > TODAY:
        return sales
    for _ in range(demand):
        day = gig.day - timedelta(days=int((gig.day - opened).days * rng.random() ** 1.7))
        if day > closed or left == 0:
            continue
        at_door = day == gig.day and rng.random() < 0.8
        channel = "door" if at_door else rng.choices(["web", "app", "phone"], weights=[60, 32, 8])[0]
        tiers = [t for t in TIERS if t[0] != "Seated" or kind not in ("Open air", "Pub/Club")]
        tier, factor, _ = rng.choices(tiers, weights=[t[2] for t in tiers])[0]
        quantity = min(left, rng.choices([1, 2, 3, 4, 5, 6, 8, 10], weights=[24, 44, 10, 12, 3, 4, 2, 1])[0])
        left -= quantity
        weights = [
            wish[f] * (5 if row[3] == city else 1) if str(row[4]) <= day.isoformat() else 0.0
            for f, row in enumerate(fans)
        ]
        named = rng.random() < (0.12 if at_door else 0.93) and sum(weights) > 0
        fan = rng.choices(range(1, len(fans) + 1), weights=weights)[0] if named else None
        if fan:
            wish[fan - 1] *= 0.1
        refunded = int((cancelled and rng.random() < 0.94) or (not cancelled and not at_door and rng.random() < 0.02))
        price = round(base * factor / 50) * 50
        sales.append(Sale(day, concert, fan, tier, quantity, price, channel, refunded))
    return sales


def rows(rng: random.Random) -> dict[str, list[Row]]:
    """All rows, table by table, parents first."""
    musicians, memberships = make_members(rng)
    fans = make_fans(rng)
    love = [min(5.0, rng.paretovariate(1.3)) if rng.random() < 0.84 else 0.0 for _ in fans]
    concerts: list[Row] = []
    performances: list[Row] = []
    sales: list[Sale] = []
    busy: set[tuple[int, date]] = set()
    for number, gig in enumerate(plan_gigs(rng), 1):
        cancelled = rng.random() < 0.07
        future = gig.day > TODAY
        played = not cancelled and not future
        open_lineup = future and not cancelled and gig.day > date(2024, 8, 1) and rng.random() < 0.6
        acts = [] if open_lineup else choose_acts(rng, gig, busy)
        busy.update((act, gig.day) for act in acts)
        title = gig.title or (ARTISTS[acts[0] - 1][0] if acts else "Line-up to be announced")
        if gig.title is None and len(acts) > 1 and rng.random() < 0.5:
            title += " and guests"
        others = [v for v, row in enumerate(VENUES, 1) if row[1] == VENUES[gig.venue - 1][1] and v != gig.venue]
        moved = rng.choice(others) if others and rng.random() < 0.11 else None
        doors = rng.choices(["18:30", "19:00", "19:30", "20:00", "21:00"], weights=[8, 30, 34, 22, 6])[0]
        if gig.title == "Sunday Jazz Brunch":
            doors = "11:00"
        status = "CANCELLED" if cancelled else "SCHEDULED" if future else "PLAYED"
        concerts.append((number, title, gig.venue, moved, gig.day.isoformat(), doors, status))
        performances.extend(make_lineup(rng, number, gig, acts, played))
        if acts and not (gig.title == "Brass on the Grass"):  # a free concert, no tickets
            sales.extend(sell(rng, number, gig, cancelled, acts[0], fans, love))
    sales.sort(key=lambda sale: (sale.day, sale.concert))
    return {
        "venue": [(n, *v[:5]) for n, v in enumerate(VENUES, 1)],
        "artist": [(n, *a[:4]) for n, a in enumerate(ARTISTS, 1)],
        "musician": musicians,
        "membership": memberships,
        "concert": concerts,
        "performance": performances,
        "fan": fans,
        "ticket_sale": [
            (n, s.concert, s.fan, s.tier, s.quantity, s.price, s.channel, s.day.isoformat(), s.refunded)
            for n, s in enumerate(sales, 1)
        ],
    }
