"""Rows for ``flight_network``: three months of flights by invented airlines.

The data shows a route network (each route runs between two airports), the flights flown on it with their
scheduled and actual times, the causes of late departures, and the bookings of a panel of travellers. Cities are
real, while airports, codes, airlines, schedules, distances, fares and people are invented. Some things are untidy on
purpose: towns that share a name, elevations typed as text, people with the same name, aircraft not yet assigned,
airports and airlines without a route, late flights whose cause nobody wrote down.
"""

import math
import random
from datetime import date, datetime, timedelta

Row = tuple[object, ...]

FIRST_DAY = date(2025, 4, 1)
LAST_DAY = date(2025, 6, 30)
EXTRACT = datetime(2025, 6, 26, 6, 0)
STAMP = "%Y-%m-%d %H:%M"
N_PASSENGERS = 430
N_BOOKINGS = 2300

# code, name, city, country, latitude, longitude
AIRPORTS: list[tuple[str, str, str, str, float, float]] = [
    ("LBQ", "Lisbon Miradouro", "Lisbon", "Portugal", 38.7, -9.1),
    ("LBZ", "Lisbon Tagus South", "Lisbon", "Portugal", 38.6, -9.0),
    ("LNQ", "London Fenwick", "London", "United Kingdom", 51.5, -0.1),
    ("LOX", "Thames Valley Airport", "London", "Canada", 43.0, -81.2),
    ("BQH", "Birmingham Canal Park", "Birmingham", "United Kingdom", 52.5, -1.9),
    ("BXA", "Birmingham Iron Ridge", "Birmingham", "United States", 33.5, -86.8),
    ("SJX", "San José Cafetal", "San José", "Costa Rica", 9.9, -84.1),
    ("SQC", "San Jose Orchard Field", "San Jose", "United States", 37.3, -121.9),
    ("VQL", "Valencia Huerta", "Valencia", "Spain", 39.5, -0.4),
    ("VXC", "Valencia Lago", "Valencia", "Venezuela", 10.2, -68.0),
    ("SJQ", "Captain's Cove", "St. John's", "Canada", 47.6, -52.7),
    ("MQL", "Montréal Rivière-Nord", "Montréal", "Canada", 45.5, -73.6),
    ("RKX", "Reykjavík Hraun", "Reykjavík", "Iceland", 64.1, -21.9),
    ("TZM", "Tromsø Nordlys", "Tromsø", "Norway", 69.6, 18.9),
    ("BZG", "Bergen Fløyen", "Bergen", "Norway", 60.4, 5.3),
    ("MZX", "Malmö Öresund", "Malmö", "Sweden", 55.6, 13.0),
    ("KQW", "Kraków Błonia", "Kraków", "Poland", 50.1, 19.9),
    ("GXD", "Gdańsk Motława", "Gdańsk", "Poland", 54.4, 18.6),
    ("MQS", "Marseille Étang", "Marseille", "France", 43.3, 5.4),
    ("NXT", "Nantes Erdre", "Nantes", "France", 47.2, -1.6),
    ("NQP", "Naples Vesuvio", "Naples", "Italy", 40.8, 14.3),
    ("IZQ", "İzmir Körfez", "İzmir", "Turkey", 38.4, 27.1),
    ("AXC", "Accra Labadi", "Accra", "Ghana", 5.6, -0.2),
    ("DQK", "Dakar Baobab", "Dakar", "Senegal", 14.7, -17.5),
    ("NJQ", "N'Djamena Chari", "N'Djamena", "Chad", 12.1, 15.0),
    ("MBX", "Mombasa Coral", "Mombasa", "Kenya", -4.0, 39.7),
    ("NQB", "Nairobi Highlands", "Nairobi", "Kenya", -1.3, 36.8),
    ("PXN", "Pune Deccan", "Pune", "India", 18.5, 73.9),
    ("KQI", "Kochi Backwater", "Kochi", "India", 10.0, 76.3),
    ("KXJ", "Kochi Pacific", "Kochi", "Japan", 33.6, 133.5),
    ("SPQ", "Sapporo North", "Sapporo", "Japan", 43.1, 141.4),
    ("DXN", "Da Nang Marble Bay", "Da Nang", "Vietnam", 16.1, 108.2),
    ("PQH", "Perth Swan River", "Perth", "Australia", -31.9, 115.9),
    ("HXB", "Hobart Derwent", "Hobart", "Australia", -42.9, 147.3),
    ("CQR", "Córdoba Sierras", "Córdoba", "Argentina", -31.4, -64.2),
    ("CXO", "Córdoba Guadalquivir", "Córdoba", "Spain", 37.9, -4.8),
    ("RQF", "Recife Mangue", "Recife", "Brazil", -8.0, -34.9),
    ("SXP", "São Paulo Ipiranga", "São Paulo", "Brazil", -23.5, -46.6),
    ("SQP", "São Paulo Vale", "São Paulo", "Brazil", -23.4, -46.4),
    ("SFX", "Springfield Prairie", "Springfield", "United States", 39.8, -89.6),
    ("SQM", "Springfield Ozark", "Springfield", "United States", 37.2, -93.3),
    ("CQZ", "Cusco Valle Alto", "Cusco", "Peru", -13.5, -72.0),
]
HIGHLANDS = {"CQZ": 10250, "NQB": 5080, "SJX": 2890, "SXP": 2390, "SQP": 2310, "PXN": 1790}
UNSERVED = {"CXO", "SQM", "CQZ"}

# code, name, country, founded, alliance, parent code, hub codes, longest hop in km, route pairs, fleet plan
Plan = list[tuple[str, int]]
AIRLINES: list[tuple[str, str, str, int, str | None, str | None, list[str], int, int, Plan]] = [
    ("LU", "Air Lumen", "Portugal", 1974, "Meridian Circle", None, ["LBQ"], 8500, 9, [("A320neo", 6), ("A330-300", 3)]),
    ("LX", "Air Lumen Express", "Portugal", 2009, "Meridian Circle", "LU", ["LBZ"], 2400, 4, [("ATR 72-600", 4)]),
    (
        "KW",
        "Kestrelle Airways",
        "United Kingdom",
        1961,
        "Open Compass",
        None,
        ["LNQ", "BQH"],
        6500,
        8,
        [("A320neo", 5), ("B737-800", 4), ("A330-300", 2)],
    ),
    (
        "KR",
        "Kestrelle Regional",
        "United Kingdom",
        2003,
        "Open Compass",
        "KW",
        ["BQH"],
        1500,
        4,
        [("Dash 8-400", 3), ("E190-E2", 2)],
    ),
    ("NV", "Norrvind", "Norway", 1988, "Meridian Circle", None, ["BZG"], 3000, 5, [("B737-800", 4), ("Dash 8-400", 2)]),
    ("BT", "Baltic Tern", "Poland", 1995, None, None, ["GXD", "KQW"], 2600, 5, [("E190-E2", 5)]),
    (
        "ML",
        "Maple & Loon Air",
        "Canada",
        1979,
        "Open Compass",
        None,
        ["MQL"],
        4800,
        6,
        [("A320neo", 3), ("E190-E2", 3)],
    ),
    ("PR", "Prairie Jet", "United States", 2012, None, None, ["BXA"], 3800, 4, [("B737-800", 4)]),
    ("SH", "Sahélia", "Senegal", 2001, "Meridian Circle", None, ["DQK"], 5200, 4, [("A320neo", 2), ("ATR 72-600", 2)]),
    ("RV", "Rift Valley Wings", "Kenya", 1995, None, None, ["NQB"], 5600, 4, [("E190-E2", 3), ("Dash 8-400", 2)]),
    (
        "IP",
        "Líneas Ipê",
        "Brazil",
        1984,
        "Open Compass",
        None,
        ["SXP", "SQP"],
        7800,
        5,
        [("A320neo", 4), ("A330-300", 2)],
    ),
    (
        "HN",
        "Hanami Pacific",
        "Japan",
        1969,
        "Meridian Circle",
        None,
        ["SPQ"],
        8200,
        4,
        [("A330-300", 3), ("A320neo", 2)],
    ),
    ("DC", "Deccan Skyways", "India", 2006, None, None, ["PXN"], 4900, 4, [("A320neo", 4)]),
    ("LC", "Air Lumen Cargo", "Portugal", 2015, None, "LU", [], 0, 0, [("A330-300", 1)]),
    ("OH", "O'Hara & Daughters Air Charter", "Ireland", 2018, None, None, [], 0, 0, []),
]
# seats (low, high), shortest and longest hop in km it is used for
MODELS: dict[str, tuple[int, int, int, int]] = {
    "ATR 72-600": (66, 72, 0, 2600),
    "Dash 8-400": (74, 80, 0, 2300),
    "E190-E2": (98, 114, 200, 4800),
    "B737-800": (168, 189, 400, 5000),
    "A320neo": (165, 186, 300, 6200),
    "A330-300": (262, 300, 2000, 12000),
}
FIRST_BUILT = {"A320neo": 2016, "E190-E2": 2018}
NICKNAMES = [
    "Albatross",
    "Gaivota",
    "Queen of the Fjords",
    "Saudade",
    "L'Hirondelle",
    "Tern",
    "Old Faithful",
    "Lady Marmalade",
    "São Jorge",
    "Puffin",
    "Blue Heron",
    "Puffin",
    "Côte d'Or",
    "Kittiwake",
]

CAUSES: list[tuple[str, int]] = [
    ("Late inbound aircraft", 36),
    ("Weather", 22),
    ("Air traffic control", 17),
    ("Technical", 12),
    ("Crew", 8),
    ("Baggage", 6),
    ("Security", 3),
]
REMARKS: dict[str, list[str]] = {
    "Late inbound aircraft": ["Inbound held at origin", "Short turnaround, no spare aircraft", "Knock-on from morning"],
    "Weather": [
        "Fog, low visibility",
        "Thunderstorm over the field",
        "Crosswind out of limits",
        "Lightning, ramp closed",
    ],
    "Air traffic control": ["Slot restriction", "Flow control, sector closed", "Controllers' strike"],
    "Technical": ["Tyre change", "Hydraulic leak", "Cockpit window heat, part flown in", "APU won't start"],
    "Crew": ["Captain's duty hours exceeded", "Cabin crew short, standby called"],
    "Baggage": ["Belt broken", "Offloading a no-show's bags"],
    "Security": ["Terminal re-screened", "Suitcase left at gate"],
}

# nationality, weight, first names, last names
PEOPLE: list[tuple[str, int, list[str], list[str]]] = [
    (
        "British",
        14,
        ["Oliver", "Amelia", "Harriet", "George", "Priya", "Callum", "Imogen", "Tunde", "Freya"],
        ["Whitcombe", "Harding", "O'Connor", "Okafor", "Bennett", "Patel", "Ashworth", "Lloyd"],
    ),
    (
        "Portuguese",
        13,
        ["João", "Inês", "Tiago", "Beatriz", "Rui", "Mariana", "Duarte", "Leonor"],
        ["Almeida", "Figueiredo", "Teixeira", "Conceição", "Lopes", "Vaz", "Pacheco"],
    ),
    (
        "Canadian",
        11,
        ["Émilie", "Liam", "Noah", "Chantal", "Gabriel", "Mei", "Sophie", "Étienne"],
        ["Tremblay", "Bouchard", "MacLeod", "Chen", "D'Amour", "Singh", "Lavoie"],
    ),
    (
        "American",
        10,
        ["Emma", "Marcus", "Jasmine", "Tyler", "Rosa", "Dwayne", "Hannah", "Andre"],
        ["Whitfield", "Delgado", "Brooks", "Nakamura", "Kowalski", "Freeman", "St. Clair"],
    ),
    (
        "Brazilian",
        9,
        ["Thiago", "Camila", "Rafael", "Luana", "Caio", "Fernanda", "Otávio"],
        ["Barbosa", "Moreira", "Nogueira", "Araújo", "Queiroz", "Yamashita"],
    ),
    (
        "Japanese",
        8,
        ["Haruto", "Yui", "Sōta", "Aoi", "Kenji", "Mio", "Ren"],
        ["Fujimoto", "Kuroda", "Ishikawa", "Matsuda", "Ōno", "Hayashi"],
    ),
    (
        "Indian",
        8,
        ["Ananya", "Vikram", "Rohan", "Lakshmi", "Arjun", "Meera", "Sanjay"],
        ["Kulkarni", "Nair", "Deshpande", "Iyer", "Menon", "Joshi"],
    ),
    (
        "Polish",
        7,
        ["Zofia", "Jakub", "Wojciech", "Agnieszka", "Stanisław", "Maja"],
        ["Wróbel", "Mazur", "Zając", "Dąbek", "Król", "Sikora"],
    ),
    (
        "Kenyan",
        6,
        ["Wanjiru", "Otieno", "Achieng", "Kamau", "Njeri", "Kipchumba"],
        ["Mwangi", "Odhiambo", "Kariuki", "Wekesa", "Cheruiyot"],
    ),
    (
        "Norwegian",
        5,
        ["Ingrid", "Sindre", "Solveig", "Magnus", "Åse", "Eirik"],
        ["Haugland", "Sørensen", "Bakke", "Ødegård", "Lie"],
    ),
    ("Senegalese", 4, ["Awa", "Mamadou", "Fatou", "Ousmane", "Khady"], ["Diop", "N'Diaye", "Sarr", "Fall"]),
    ("French", 4, ["Léa", "Hugo", "Manon", "Théo", "Capucine"], ["Lefèvre", "Garnier", "D'Aubigné", "Roux"]),
]
HOMELANDS = {
    "British": "United Kingdom",
    "Portuguese": "Portugal",
    "Canadian": "Canada",
    "American": "United States",
    "Brazilian": "Brazil",
    "Japanese": "Japan",
    "Indian": "India",
    "Polish": "Poland",
    "Kenyan": "Kenya",
    "Norwegian": "Norway",
    "Senegalese": "Senegal",
    "French": "France",
}
# People entered by hand: namesakes, and names that differ only by an accent.
NAMESAKES: list[tuple[str, str, str | None, str | None, str | None]] = [
    ("Maria", "Santos", "Portuguese", "1981-02-17", "Gold"),
    ("María", "Santos", "Venezuelan", "1990-11-05", None),
    ("Maria", "Santos", "Brazilian", None, "Basic"),
    ("Jean-Luc", "D'Arcy", "French", "1966-07-30", "Platinum"),
    ("Jean-Luc", "Darcy", "Canadian", "1966-07-30", None),
    ("Rene", "Lavoie", "Canadian", "1977-01-09", "Silver"),
    ("René", "Lavoie", "Canadian", "1979-12-21", "Silver"),
]
TIERS: list[tuple[str | None, int]] = [(None, 40), ("Basic", 33), ("Silver", 16), ("Gold", 8), ("Platinum", 3)]


def pick(rng: random.Random, weighted: list[tuple[str, int]]) -> str:
    """One name of ``weighted``, by weight."""
    return rng.choices([w[0] for w in weighted], [w[1] for w in weighted])[0]


def great_circle(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Distance in km between two (latitude, longitude) points."""
    la, lo, lb, lp = (math.radians(v) for v in (*a, *b))
    h = math.sin((lb - la) / 2) ** 2 + math.cos(la) * math.cos(lb) * math.sin((lp - lo) / 2) ** 2
    return 12742 * math.asin(math.sqrt(h))


def airports(rng: random.Random) -> list[Row]:
    """Airports, with elevations as people type them."""
    out: list[Row] = []
    for i, (code, name, city, country, _, _) in enumerate(AIRPORTS, 1):
        feet = max(3, int(rng.lognormvariate(5.4, 1.3)))
        elevation = str(min(feet, 1990) if code not in HIGHLANDS else HIGHLANDS[code] + feet % 100)
        if i in (9, 24, 33):
            elevation = "n/a"
        elif i in (17, 30):
            elevation = ""
        runways = rng.choices([1, 2, 3, 4], [52, 33, 11, 4])[0]
        year = None if rng.random() < 0.12 else rng.randint(1931, 2004)
        out.append((i, code, name, city, country, elevation, runways, year))
    return out


def airlines() -> list[Row]:
    """Airlines; the parent always stands earlier in the list."""
    ids = {a[0]: i for i, a in enumerate(AIRLINES, 1)}
    return [(i, a[0], a[1], a[2], a[3], a[4], ids[a[5]] if a[5] else None) for i, a in enumerate(AIRLINES, 1)]


def aircraft(rng: random.Random) -> list[Row]:
    """The fleets; a few aircraft carry a nickname."""
    out: list[Row] = []
    tails: set[str] = set()
    names = NICKNAMES[:]
    rng.shuffle(names)
    for airline_id, plan in enumerate(AIRLINES, 1):
        prefix = plan[0]
        for model, count in plan[9]:
            low, high, _, _ = MODELS[model]
            seats = rng.randrange(low, high + 1, 2)
            for k in range(count):
                tail = f"{prefix}-{''.join(rng.choices('ABCDEFGHJKLMNPRSTUVWXYZ', k=3))}"
                while tail in tails:
                    tail = f"{prefix}-{''.join(rng.choices('ABCDEFGHJKLMNPRSTUVWXYZ', k=3))}"
                tails.add(tail)
                built = rng.randint(max(plan[3], FIRST_BUILT.get(model, 2001)), 2024)
                nick = names.pop() if names and rng.random() < 0.24 else None
                out.append((len(out) + 1, airline_id, tail, model, seats if k else high, built, nick))
    return out


def routes(rng: random.Random) -> list[Row]:
    """Out-and-back routes from the hubs; now and then the way back is missing."""
    where = {a[0]: (i, (a[4], a[5])) for i, a in enumerate(AIRPORTS, 1)}
    km: dict[tuple[int, int], int] = {}
    out: list[Row] = []
    for airline_id, (code, *_, hubs, longest, pairs, _) in enumerate(AIRLINES, 1):
        number = rng.randrange(100, 400, 10)
        taken: set[tuple[str, str]] = set()
        for n in range(pairs):
            hub = hubs[n % len(hubs)]
            here = where[hub]
            choices: list[tuple[str, float]] = []
            for other, place in where.items():
                far = great_circle(here[1], place[1])
                if 90 < far <= longest and other not in UNSERVED and (hub, other) not in taken:
                    choices.append((other, 1 / (far + 600)))
            other = rng.choices([c[0] for c in choices], [c[1] for c in choices])[0]
            taken |= {(hub, other), (other, hub)}
            there = where[other]
            key = (min(here[0], there[0]), max(here[0], there[0]))
            if key not in km:
                km[key] = round(great_circle(here[1], there[1]) * rng.uniform(0.98, 1.04)) + rng.randint(1, 9)
            number += rng.choice([2, 2, 4, 10])
            out.append((len(out) + 1, airline_id, f"{code} {number}", here[0], there[0], km[key]))
            if rng.random() < 0.91:
                out.append((len(out) + 1, airline_id, f"{code} {number + 1}", there[0], here[0], km[key]))
    return out


def departures(rng: random.Random, route_rows: list[Row]) -> list[tuple[datetime, int]]:
    """(scheduled departure, route id) of every flight, in time order: fixed weekdays and clock times."""
    out: list[tuple[datetime, int]] = []
    for row in route_rows[:-1]:  # the last route is sold but not flown yet
        route_id = int(str(row[0]))
        per_week = rng.choices([1, 2, 3, 4], [66, 24, 7, 3])[0]
        weekdays = sorted(rng.sample(range(7), per_week))
        clock = timedelta(minutes=5 * rng.randint(60, 270))
        day = FIRST_DAY + timedelta(days=rng.choice([0, 0, 0, 0, 7, 21, 35]))
        while day <= LAST_DAY:
            if day.weekday() in weekdays:
                out.append((datetime(day.year, day.month, day.day) + clock, route_id))
            day += timedelta(days=1)
    return sorted(out)


def lateness(rng: random.Random) -> int:
    """Departure delay in minutes; negative is early."""
    if rng.random() < 0.70:
        return rng.choices(range(-6, 15), [2, 3, 5, 8, 10, 12, 16, 10, 9, 8, 7, 6, 5, 4, 3, 3, 2, 2, 2, 1, 1])[0]
    return min(15 + int(rng.expovariate(1 / 34)), 312)


def choose_aircraft(
    rng: random.Random, fleet: list[Row], distance: int, free: dict[int, datetime], start: datetime
) -> int | None:
    """An aircraft of the fleet that suits the distance and stands on the ground at ``start``."""
    able = [a for a in fleet if MODELS[str(a[3])][2] <= distance <= MODELS[str(a[3])][3]] or fleet
    idle = [int(str(a[0])) for a in able if free.get(int(str(a[0])), start) <= start]
    if not idle:
        return None
    weights = [1 / (k + 1.5) for k in range(len(idle))]
    return rng.choices(idle, weights)[0]


def flights(rng: random.Random, route_rows: list[Row], fleet: list[Row]) -> tuple[list[Row], dict[int, int]]:
    """Flights, and the departure delay in minutes of those that left."""
    out: list[Row] = []
    late: dict[int, int] = {}
    free: dict[int, datetime] = {}
    grounded = {int(str(a[0])) for a in fleet[4::17]}
    for start, route_id in departures(rng, route_rows):
        flight_id = len(out) + 1
        _, airline_id, _, _, destination, km = route_rows[route_id - 1]
        distance = int(str(km))
        end = start + timedelta(minutes=5 * round((38 + distance / 13.2) / 5))
        own = [a for a in fleet if a[1] == airline_id and int(str(a[0])) not in grounded]
        plane = choose_aircraft(rng, own, distance, free, start)
        left: str | None = None
        landed: str | None = None
        diverted: int | None = None
        if start >= EXTRACT - timedelta(hours=14):
            status = "SCH"
            if rng.random() < 0.55:
                plane = None
        elif plane is None or rng.random() < 0.024:
            status = "CNX"
            if rng.random() < 0.5:
                plane = None
        else:
            status = "LND"
            minutes = lateness(rng)
            late[flight_id] = minutes
            off = start + timedelta(minutes=minutes)
            on = off + (end - start) + timedelta(minutes=round(rng.gauss(-3, 7)))
            if rng.random() < 0.013:
                status = "DIV"
                near = sorted(
                    (great_circle((a[4], a[5]), AIRPORTS[int(str(destination)) - 1][4:6]), i)
                    for i, a in enumerate(AIRPORTS, 1)
                    if i not in (destination, route_rows[route_id - 1][3])
                )
                diverted = rng.choice(near[:3])[1]
                on += timedelta(minutes=rng.randint(12, 55))
            left, landed = off.strftime(STAMP), on.strftime(STAMP)
            free[plane] = on + timedelta(minutes=35)
        out.append(
            (flight_id, route_id, plane, start.strftime(STAMP), end.strftime(STAMP), left, landed, status, diverted)
        )
    return out, late


def delays(rng: random.Random, late: dict[int, int]) -> list[Row]:
    """Causes of departures late by 15 minutes or more; the minutes add up to the delay."""
    out: list[Row] = []
    for flight_id, minutes in late.items():
        if minutes < 15 or rng.random() < 0.06:
            continue
        parts = min(rng.choices([1, 2, 3], [68, 26, 6])[0], minutes // 10)
        causes: list[str] = []
        while len(causes) < parts:
            cause = pick(rng, CAUSES)
            if cause not in causes:
                causes.append(cause)
        left = minutes
        for k, cause in enumerate(causes):
            rest = len(causes) - k - 1
            share = left if rest == 0 else rng.randint(5, left - 5 * rest)
            left -= share
            remark = rng.choice(REMARKS[cause]) if rng.random() < 0.42 else None
            out.append((flight_id, cause, share, remark))
    return out


def birthday(rng: random.Random) -> str:
    """A date of birth; most travellers are between 25 and 60."""
    years = rng.gauss(43, 14)
    while not 16 < years < 85:
        years = rng.gauss(43, 14)
    return (date(2025, 4, 1) - timedelta(days=int(years * 365.25))).isoformat()


def home_airport(rng: random.Random, nation: str | None) -> int | None:
    """Where somebody usually leaves from: mostly the country of the passport, sometimes abroad or not told."""
    if rng.random() < 0.14:
        return None
    served = [i for i, a in enumerate(AIRPORTS, 1) if a[0] not in UNSERVED]
    own = [i for i in served if AIRPORTS[i - 1][3] == HOMELANDS.get(nation or "")]
    if own and rng.random() < 0.72:
        return rng.choices(own, [1 / (k + 1) for k in range(len(own))])[0]
    return rng.choices(served, [1 / (k + 4) for k in range(len(served))])[0]


def passengers(rng: random.Random) -> list[Row]:
    """The panel; a handful of people share a name."""
    out: list[Row] = []
    used: set[tuple[str, str]] = set()
    hand = dict(zip(rng.sample(range(30, N_PASSENGERS - 30), len(NAMESAKES)), NAMESAKES))
    for pid in range(1, N_PASSENGERS + 1):
        if pid in hand:
            out.append((pid, *hand[pid], home_airport(rng, hand[pid][2])))
            continue
        nation, _, firsts, lasts = rng.choices(PEOPLE, [p[1] for p in PEOPLE])[0]
        name = (rng.choice(firsts), rng.choice(lasts))
        for _ in range(60):
            if name not in used or rng.random() < 0.012:
                break
            name = (rng.choice(firsts), rng.choice(lasts))
        used.add(name)
        tier = rng.choices([t[0] for t in TIERS], [t[1] for t in TIERS])[0]
        shown = nation if rng.random() < 0.93 else None
        born = birthday(rng) if rng.random() < 0.92 else None
        out.append((pid, *name, shown, born, tier, home_airport(rng, nation)))
    return out


def fare(rng: random.Random, km: int, cabin: str) -> int:
    """Fare in euro cents: grows with distance and cabin; a few award tickets cost nothing."""
    if rng.random() < 0.025:
        return 0
    base = 2900 + km * rng.lognormvariate(1.75, 0.42)
    return int(base * {"Y": 1.0, "W": 1.7, "J": 3.1}[cabin]) // 100 * 100 + rng.choice([0, 0, 50, 90, 99])


def bookings(rng: random.Random, flight_rows: list[Row], route_rows: list[Row]) -> list[Row]:
    """Bookings of the panel: a few people fly a lot, some never, and every third seat is not chosen."""
    people = list(range(1, N_PASSENGERS + 1))
    rng.shuffle(people)
    active = people[: int(N_PASSENGERS * 0.94)]
    weights = [1 / (k + 25) ** 0.8 for k in range(len(active))]
    made: set[tuple[int, int]] = set()
    raw: list[tuple[str, int, int]] = []
    while len(raw) < N_BOOKINGS:
        flight = rng.choice(flight_rows)
        flight_id = int(str(flight[0]))
        pid = rng.choices(active, weights)[0]
        if (flight_id, pid) in made or flight_id % 9 == 4:
            continue
        made.add((flight_id, pid))
        leaves = datetime.strptime(str(flight[3]), STAMP)
        booked = min(leaves, EXTRACT) - timedelta(days=1 + int(rng.expovariate(1 / 27)))
        raw.append((booked.date().isoformat(), flight_id, pid))
    out: list[Row] = []
    seated: set[tuple[int, str | None]] = set()
    for booked_on, flight_id, pid in sorted(raw):
        flight = flight_rows[flight_id - 1]
        km = int(str(route_rows[int(str(flight[1])) - 1][5]))
        cabin = rng.choices(["Y", "W", "J"], [82, 11, 7] if km > 1500 else [94, 0, 6])[0]
        row = rng.randint({"Y": 9, "W": 5, "J": 1}[cabin], {"Y": 31, "W": 8, "J": 4}[cabin])
        seat = f"{row}{rng.choice('ABCDEF')}" if rng.random() < 0.68 else None
        if (flight_id, seat) in seated:
            seat = None
        seated.add((flight_id, seat))
        boarded = None if flight[7] in ("SCH", "CNX") else int(rng.random() < 0.957)
        out.append((len(out) + 1, flight_id, pid, booked_on, cabin, fare(rng, km, cabin), seat, boarded))
    return out


def rows(rng: random.Random) -> dict[str, list[Row]]:
    """Rows by table, parents first."""
    fleet = aircraft(rng)
    route_rows = routes(rng)
    flight_rows, late = flights(rng, route_rows, fleet)
    return {
        "airport": airports(rng),
        "airline": airlines(),
        "aircraft": fleet,
        "route": route_rows,
        "flight": flight_rows,
        "delay": delays(rng, late),
        "passenger": passengers(rng),
        "booking": bookings(rng, flight_rows, route_rows),
    }
