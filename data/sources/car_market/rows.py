"""Used-car market: invented makers and models, their variants, and the dealers, people and sales around them.

Cars come back: a car that was sold may be offered again years later by its buyer, with more kilometres and a
lower price. On purpose there are horsepower figures typed as text ('', 'n/a'), postcodes with leading zeros,
prices in cents, unknown values, people and models of the same name or nearly so (an accent, a capital), makers
without models, models without variants, variants never offered, dealers without sales, and ties in ratings.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

Row = tuple[object, ...]

FIRST_DAY, LAST_DAY = date(2018, 1, 2), date(2024, 6, 29)
CARS = 1150
PEOPLE = 560
TOP_RATING = 4.8

# maker | country | founded | owner | price level
MAKERS = """
Aldane|Germany|1921||1.35
Brevanti|Italy|1934||0.95
Calderwick|United Kingdom|1948|Aldane|1.6
Dorvek|Czechia|1903|Aldane|0.8
Étalon|France|1926||0.9
Fjordan|Norway|1996||1.25
Granvia|Spain|1951||0.85
Halvorsen|Sweden|1929||1.2
Isarwerk|Germany|1958||1.5
Kazehaya|Japan|1949||1.0
Lumeri|France|1989|Étalon|0.7
Marizzo|Italy|1962|Brevanti|2.4
Norrland|Sweden|1937|Halvorsen|0.95
Orsova|Romania|1966|Étalon|0.55
Pinewood|United Kingdom|1952||1.05
Quintara|Spain|1978|Granvia|0.75
Ruhlau|Germany|1931||0.9
Sonbit|South Korea|1971||0.8
Tamarind|India|1983||0.6
Ventoux Electric|France|2014|Étalon|1.15
Wrenfield|United States|1919||1.1
Xylia|Japan|1960|Kazehaya|1.45
Ypsilant|Greece|2019||0.9
Zephyrine|France||Étalon|1.0
""".strip()

# maker=model:body:first year:last year (empty while still built)
MODELS = """
Aldane=Kestrel:Saloon:2009:,Kestrel Tourer:Estate:2010:,Merlin:Hatchback:2011:
Aldane=Osprey:SUV:2014:,Tern:Coupé:2012:2019
Brevanti=Lido:Hatchback:2008:,Lido Cabrio:Convertible:2010:2018,Corsaro:SUV:2015:
Brevanti=Rondine:Van:2009:
Calderwick=Marchmont:Saloon:2009:,Fenwick:SUV:2013:,Harrow GT:Coupé:2014:
Dorvek=Lipa:Hatchback:2009:,Lipa Combi:Estate:2010:,Javor:Saloon:2012:
Dorvek=Dub:SUV:2016:,Bříza:Hatchback:2017:
Étalon=Rivage:Hatchback:2008:,Falaise:SUV:2014:,Marée:Estate:2010:2020
Étalon=L'Atelier:Van:2009:,Allegra:Hatchback:2016:
Fjordan=Skerry:SUV:2015:,Polar:Saloon:2017:
Granvia=Alameda:Hatchback:2009:,Verbena:Saloon:2011:,Sierra Alta:SUV:2015:
Granvia=Rambla:Van:2010:2021
Halvorsen=Tre:Hatchback:2010:,Fem:Saloon:2009:,Fem Estate:Estate:2009:
Halvorsen=Sju:SUV:2012:
Isarwerk=Linde:Saloon:2010:,Ahorn:SUV:2013:,Esche:Coupé:2011:2020
Kazehaya=Hoshi:Hatchback:2008:,Nami:Saloon:2010:,Yama:SUV:2012:
Kazehaya=Kaze:Convertible:2015:,Hoshi Cross:SUV:2018:
Lumeri=Puce:Hatchback:2010:,Rivage:Hatchback:2013:2020,Caillou:SUV:2017:
Marizzo=Saetta:Coupé:2011:,Saetta Spider:Convertible:2013:
Norrland=Älg:Pickup:2011:,Varg:SUV:2014:
Orsova=Dunav:Saloon:2009:,Carpat:SUV:2010:,Meandra:Estate:2012:
Orsova=Meandra Van:Van:2013:
Pinewood=Heath:Hatchback:2009:2019,Moor:SUV:2013:,Heath Estate:Estate:2010:2019
Quintara=Allegra:Hatchback:2012:,Brisa:Convertible:2014:2019,Etapa:Estate:2012:
Ruhlau=Junior:Hatchback:2008:,Senior:Saloon:2009:,Lastwerk:Van:2010:
Ruhlau=Komet:SUV:2016:
Sonbit=Mari:Hatchback:2009:,Baram:Saloon:2011:,Sol:SUV:2012:
Sonbit=Sol-e:SUV:2018:,Namu:Van:2014:
Tamarind=Neem:Hatchback:2011:,Peepal:SUV:2014:
Ventoux Electric=Voltige:Hatchback:2017:,Éclair:Saloon:2019:,Eclair:Van:2020:
Wrenfield=Bluestem:Pickup:2009:,Mesa:SUV:2011:,Meandra:Saloon:2010:2018
Xylia=Akari:Saloon:2010:,Sora:SUV:2014:
""".strip()

PRICES = {
    "Hatchback": 19000,
    "Saloon": 27500,
    "Estate": 29000,
    "SUV": 33000,
    "Coupé": 39000,
    "Convertible": 36000,
    "Van": 28500,
    "Pickup": 34000,
}
WEIGHTS = {
    "Hatchback": 1180,
    "Saloon": 1420,
    "Estate": 1500,
    "SUV": 1690,
    "Coupé": 1430,
    "Convertible": 1450,
    "Van": 1850,
    "Pickup": 2050,
}
TRIMS = (
    ("Base", 0.92),
    ("Comfort", 1.0),
    ("Business Line", 1.12),
    ("Sport", 1.2),
    ("Eco", 0.98),
    ("L'Édition", 1.27),
    ("comfort", 1.02),
    ("GT", 1.4),
)
TRIM_WEIGHTS = (9, 10, 6, 5, 4, 2, 1, 2)
COLOURS = ("black", "white", "grey", "silver", "blue", "red", "green", "Grey", "beige", "orange", "midnight blue")
COLOUR_WEIGHTS = (22, 20, 19, 11, 9, 7, 3, 2, 2, 1, 1)
PAYMENTS = ("loan", "bank transfer", "cash", "trade-in", "lease")
PAYMENT_WEIGHTS = (42, 28, 14, 11, 5)

# city | country | first two digits of the postcode
TOWNS = """
Hamburg|Germany|20
München|Germany|80
Köln|Germany|50
Dresden|Germany|01
Frankfurt|Germany|60
Frankfurt|Germany|15
Lyon|France|69
Marseille|France|13
Nice|France|06
Saint-Étienne|France|42
Lille|France|59
Madrid|Spain|28
Barcelona|Spain|08
Sevilla|Spain|41
Burgos|Spain|09
Roma|Italy|00
Milano|Italy|20
Perugia|Italy|06
L'Aquila|Italy|67
""".strip()
TOWN_WEIGHTS = (5, 6, 4, 3, 4, 3, 5, 4, 3, 2, 3, 6, 5, 3, 1, 4, 5, 1, 1)
DEALER_NAMES = {
    "Germany": (
        "Autohaus Krämer",
        "Autohaus Kramer",
        "Elbe Motors",
        "Drive Nord",
        "Isar Automobile",
        "CarHof",
        "Dom Cars",
        "Rhein-Mobil",
        "Sachsen Auto",
        "AutoCity",
        "Brenner & Yılmaz",
        "Wagenburg",
        "Autohaus Novák",
    ),
    "France": (
        "Garage du Port",
        "Chez Benoît Occasions",
        "Automobiles Lacroix & Fils",
        "Garage de l'Étoile",
        "Relais Auto",
        "Vieux-Port Autos",
        "Garage O'Brien",
        "La Centrale du Break",
        "Nord-Sud Véhicules",
        "Riviera Cars",
    ),
    "Spain": (
        "Motores del Sur",
        "Ocasión Plus Ultra",
        "Autos Herrera",
        "Coches García",
        "Concesionario Alhambra",
        "Autocity",
        "Gran Vía Motor",
        "Second Gear",
    ),
    "Italy": (
        "Autosole",
        "Auto Centro",
        "Rossi, Bianchi e Soci",
        "Quattro Ruote d'Oro",
        "Automobili Ferretti",
        "Colosseo Car",
        "Umbria Auto",
    ),
}
FIRST_F = (
    "Anna",
    "María",
    "Maria",
    "Léa",
    "Giulia",
    "Fatma",
    "Katarzyna",
    "Zoë",
    "Ingrid",
    "Aïcha",
    "Chiara",
    "Sofía",
    "Nadia",
    "Hannah",
    "Camille",
    "Yuki",
    "Priya",
    "Elif",
    "Marta",
    "Siobhán",
    "Lucía",
    "Francesca",
    "Ngozi",
)
FIRST_M = (
    "Luca",
    "José",
    "Jose",
    "Thomas",
    "Mehmet",
    "Antoine",
    "Jürgen",
    "Piotr",
    "Marco",
    "Omar",
    "Pablo",
    "Jonas",
    "Kwame",
    "Hugo",
    "Raúl",
    "Matteo",
    "Stefan",
    "Andrei",
    "Liam",
    "Bilal",
    "Hiroshi",
    "Arjun",
    "Noah",
    "Giovanni",
)
LAST = (
    "García",
    "Müller",
    "Rossi",
    "Martin",
    "Schmidt",
    "Fernández",
    "Garcia",
    "Bernard",
    "Bianchi",
    "Kaya",
    "Dubois",
    "Nowak",
    "Weber",
    "O'Connor",
    "Romano",
    "López",
    "Petit",
    "D'Angelo",
    "Haddad",
    "Krüger",
    "Ionescu",
    "Moreno",
    "N'Diaye",
    "Lefèvre",
    "Kowalczyk",
    "Ricci",
    "van der Berg",
    "Okafor",
    "Iglesias",
    "Tanaka",
    "Sharma",
    "Fontaine",
    "Esposito",
    "Vogel",
    "Mueller",
    "Yılmaz",
    "Castillo",
    "Achterberg",
    "Diallo",
    "Popescu",
    "Sørensen",
    "Marchetti",
)


class Variant(NamedTuple):
    number: int
    price: int
    first_year: int
    last_year: int
    popularity: float
    maker: int


class Dealer(NamedTuple):
    number: int
    opened: date
    makers: tuple[int, ...]
    weight: float


def zipf(count: int, power: float) -> list[float]:
    return [1 / (k + 1) ** power for k in range(count)]


def day_between(rng: random.Random, start: date, end: date) -> date:
    return start + timedelta(days=rng.randrange(max(1, (end - start).days + 1)))


def fuel_of(rng: random.Random, maker: str, model: str, year: int) -> str:
    if maker == "Ventoux Electric" or model == "Sol-e":
        return "BEV"
    weights = (46, 26, 12, 8, 6) if year >= 2013 else (50, 36, 5, 3, 0)
    return rng.choices(("P", "D", "HEV", "PHEV", "BEV"), weights)[0]


def horsepower_text(rng: random.Random, power: float) -> str:
    chance = rng.random()
    if chance < 0.08:
        return "n/a"
    if chance < 0.13:
        return ""
    return str(round(power / 5) * 5 if rng.random() < 0.8 else round(power))


def gearbox_of(rng: random.Random, fuel: str, dear: bool) -> str:
    if fuel == "BEV":
        return "single-speed"
    if fuel == "HEV":
        return "CVT"
    automatic = fuel == "PHEV" or rng.random() < (0.6 if dear else 0.25)
    return "automatic" if automatic else rng.choice(("manual 5", "manual 6", "manual 6"))


def variant_row(rng: random.Random, number: int, model: Row, maker: str, level: float, trim: tuple[str, float]) -> Row:
    body = str(model[3])
    fuel = fuel_of(rng, maker, str(model[2]), int(str(model[4])))
    price = PRICES[body] * level * trim[1] * rng.uniform(0.93, 1.08)
    price *= {"P": 1.0, "D": 1.07, "HEV": 1.13, "PHEV": 1.3, "BEV": 1.32}[fuel]
    power = (45 + 0.0038 * price) * rng.uniform(0.85, 1.15)
    litres = {"P": 5.9, "D": 4.9, "HEV": 4.3, "PHEV": 1.8, "BEV": 0.0}[fuel] * (WEIGHTS[body] / 1400) ** 0.8
    engine = rng.choice(
        (999, 1199, 1332, 1498) if power < 125 else (1498, 1598, 1984, 1995) if power < 210 else (1984, 2494, 2993)
    )
    weight = round(WEIGHTS[body] * rng.uniform(0.93, 1.08) + (230 if fuel in ("PHEV", "BEV") else 0))
    return (
        number,
        model[0],
        trim[0],
        fuel,
        gearbox_of(rng, fuel, price > 38000),
        None if fuel == "BEV" else engine,
        horsepower_text(rng, power),
        None if rng.random() < 0.06 else weight,
        None if fuel == "BEV" or rng.random() < 0.04 else round(litres * rng.uniform(0.9, 1.15), 1),
        round(price / 10) * 1000,
    )


def catalogue(rng: random.Random) -> tuple[list[Row], list[Row], list[Row], list[Variant]]:
    """Makers, models and variants, and what the market needs to know of each variant."""
    lines = [text.split("|") for text in MAKERS.splitlines()]
    ids = {line[0]: i for i, line in enumerate(lines, 1)}
    makers: list[Row] = []
    models: list[Row] = []
    variants: list[Row] = []
    known: list[Variant] = []
    offered: dict[str, list[str]] = {}
    for line in MODELS.splitlines():
        maker, _, entries = line.partition("=")
        offered.setdefault(maker, []).extend(entries.split(","))
    for name, country, year, owner, level in lines:
        makers.append((ids[name], name, country, int(year) if year else None, ids[owner] if owner else None))
        for entry in offered.get(name, []):
            title, body, first, last = entry.split(":")
            model: Row = (len(models) + 1, ids[name], title, body, int(first), int(last) if last else None)
            models.append(model)
            if title in ("Kaze", "Harrow GT", "Eclair"):
                continue
            liked = rng.lognormvariate(0, 0.7) / float(level)
            for trim in draw_trims(rng):
                row = variant_row(rng, len(variants) + 1, model, name, float(level), trim)
                variants.append(row)
                popular = 0.0 if rng.random() < 0.09 else liked * rng.uniform(0.4, 1.6)
                years = int(first), int(last or 2024)
                known.append(Variant(len(variants), int(str(row[9])), *years, popular, ids[name]))
    return makers, models, variants, known


def draw_trims(rng: random.Random) -> list[tuple[str, float]]:
    wanted = rng.choices((1, 2, 3, 4, 5), (1, 4, 6, 4, 2))[0]
    out: list[tuple[str, float]] = []
    while len(out) < wanted:
        out.append(rng.choices(TRIMS, TRIM_WEIGHTS)[0])
    return out


def dealer_rows(rng: random.Random, makers: Sequence[Row]) -> tuple[list[Row], list[Row], list[Dealer]]:
    towns = [line.split("|") for line in TOWNS.splitlines()]
    out: list[Row] = []
    contracts: list[Row] = []
    known: list[Dealer] = []
    names = [(name, country) for country, own in DEALER_NAMES.items() for name in own]
    rng.shuffle(names)
    for i, (name, country) in enumerate(names, 1):
        weights = [weight * (town[1] == country) for weight, town in zip(TOWN_WEIGHTS, towns, strict=True)]
        city, _, prefix = rng.choices(towns, weights)[0]
        opened = day_between(rng, date(1978, 3, 1), date(2017, 9, 30))
        rating = None if rng.random() < 0.1 else min(TOP_RATING, round(rng.gauss(4.2, 0.45), 1))
        out.append((i, name, city, country, f"{prefix}{rng.randrange(1000):03d}", opened.isoformat(), rating))
        count = rng.choices((0, 1, 2, 3, 4, 6), (3, 7, 9, 6, 3, 1))[0]
        chosen = sorted(rng.sample(range(1, len(makers) - 1), count))
        for maker in chosen:
            since = rng.randint(max(opened.year, int(str(makers[maker - 1][3] or 1990))), 2020)
            until = min(2023, since + rng.randint(2, 15)) if rng.random() < 0.25 else None
            contracts.append((i, maker, since, until))
        known.append(Dealer(i, opened, tuple(chosen), 0.0 if i in (7, 23) else rng.lognormvariate(0, 0.8)))
    return out, contracts, known


def plain(text: str) -> str:
    table = str.maketrans("áàäâãåéèëêíìïîıóòöôøúùüûñçš", "aaaaaaeeeeiiiiiooooouuuuncs", "' ")
    return text.lower().translate(table)


def person_rows(rng: random.Random) -> list[Row]:
    cities = [line.split("|")[0] for line in TOWNS.splitlines()]
    cities += ["Wien", "Bruxelles", "Zürich"]
    weights = [*TOWN_WEIGHTS, 2, 1, 1]
    out: list[Row] = []
    used: set[str] = set()
    for i in range(1, PEOPLE + 1):
        gender = rng.choices(("F", "M", "X"), (46, 52, 1))[0]
        pool = FIRST_F if gender == "F" or (gender == "X" and rng.random() < 0.5) else FIRST_M
        first = rng.choices(pool, zipf(len(pool), 0.3))[0]
        last = rng.choices(LAST, zipf(len(LAST), 0.35))[0]
        address = f"{plain(first)}.{plain(last)}"
        while address in used:
            address = f"{plain(first)}.{plain(last)}{rng.randint(2, 99)}"
        used.add(address)
        host = rng.choices(("mail.example", "post.example", "inbox.example", "auto.example"), (8, 5, 3, 1))[0]
        born = day_between(rng, date(1944, 1, 1), date(1999, 12, 31))
        out.append(
            (
                i,
                first,
                last,
                None if rng.random() < 0.05 else gender,
                None if rng.random() < 0.07 else born.isoformat(),
                None if rng.random() < 0.06 else rng.choices(cities, weights)[0],
                None if rng.random() < 0.15 else f"{address}@{host}",
            )
        )
    return out


def vin_code(rng: random.Random, taken: set[str]) -> str:
    while True:
        code = "ZQ" + "".join(rng.choices("ABCDEFGHJKLMNPRSTUVWXYZ", k=4)) + f"{rng.randrange(10**6):06d}"
        if code not in taken:
            taken.add(code)
            return code


def worth(rng: random.Random, variant: Variant, age_years: float, km: float) -> int:
    value = variant.price / 100 * 0.87 * 0.885**age_years * (1 - min(0.35, km / 700000))
    rounded = int(round(value * rng.uniform(0.9, 1.1) / 50) * 50)
    return max(900, rounded - (10 if rng.random() < 0.6 else 0))


class Market:
    """Offers cars one after another; every sale may bring the same car back later."""

    def __init__(self, rng: random.Random, variants: list[Variant], dealers: list[Dealer]) -> None:
        self.rng = rng
        self.variants = variants
        self.dealers = dealers
        self.buyer_weights = [rng.lognormvariate(0, 0.5) if rng.random() > 0.12 else 0.0 for _ in range(PEOPLE)]
        self.vins: set[str] = set()
        self.offers: list[tuple[date, Row, Row | None]] = []

    def dealer_for(self, maker: int, day: date) -> int:
        weights = [d.weight * (4.0 if maker in d.makers else 0.4) * (d.opened < day) for d in self.dealers]
        return self.rng.choices(self.dealers, weights)[0].number

    def person(self, other_than: int | None) -> int:
        while True:
            number = self.rng.choices(range(1, PEOPLE + 1), self.buyer_weights)[0]
            if number != other_than:
                return number

    def car(self) -> None:
        rng = self.rng
        variant = rng.choices(self.variants, [v.popularity for v in self.variants])[0]
        earliest, latest = date(variant.first_year, 3, 1), date(variant.last_year, 12, 20)
        listed = day_between(rng, max(FIRST_DAY, earliest + timedelta(days=200)), LAST_DAY)
        newest = min(latest, listed - timedelta(days=120))
        registered = newest - timedelta(days=round(rng.triangular(0, 3300, 900)))
        if registered < earliest:
            registered = day_between(rng, earliest, min(newest, earliest + timedelta(days=400)))
        yearly = rng.lognormvariate(9.5, 0.4)
        colour = None if rng.random() < 0.04 else rng.choices(COLOURS, COLOUR_WEIGHTS)[0]
        vin = vin_code(rng, self.vins)
        seller = self.person(None) if rng.random() < 0.38 else None
        while True:
            age = (listed - registered).days / 365.25
            km = round(age * yearly, -1)
            asked = worth(rng, variant, age, km)
            mileage = None if rng.random() < 0.03 else round(km, -3) if rng.random() < 0.3 else round(km)
            dealer = self.dealer_for(variant.maker, listed)
            sale = self.sale(listed, asked, seller)
            status = "sold" if sale else "withdrawn"
            if not sale and (LAST_DAY - listed).days < 260:
                status = rng.choices(("open", "reserved", "withdrawn"), (7, 2, 1))[0]
            offer: Row = (
                dealer,
                variant.number,
                vin,
                registered.isoformat(),
                colour,
                mileage,
                asked * 100,
                listed.isoformat(),
                status,
            )
            self.offers.append((listed, offer, sale))
            if sale is None or rng.random() > 0.24:
                return
            seller = int(str(sale[0]))
            listed = date.fromisoformat(str(sale[2])) + timedelta(days=rng.randint(150, 1500))
            if listed > LAST_DAY:
                return

    def sale(self, listed: date, asked: int, seller: int | None) -> Row | None:
        """Buyer, seller, day, price in cents, way of payment and day of delivery, or None when not sold."""
        rng = self.rng
        sold = listed + timedelta(days=1 + round(rng.expovariate(1 / 48)))
        if rng.random() < 0.2 or sold > LAST_DAY:
            return None
        chance = rng.random()
        factor = 1.0 if chance < 0.27 else rng.uniform(1.005, 1.04) if chance < 0.32 else 1 - rng.betavariate(1.6, 14)
        price = asked if factor == 1.0 else round(asked * factor / 10) * 10
        delivered = sold + timedelta(days=rng.randint(0, 24))
        noted = delivered <= LAST_DAY and rng.random() > 0.05
        return (
            self.person(seller),
            seller,
            sold.isoformat(),
            price * 100,
            rng.choices(PAYMENTS, PAYMENT_WEIGHTS)[0],
            delivered.isoformat() if noted else None,
        )


def rows(rng: random.Random) -> dict[str, list[tuple[object, ...]]]:
    """All tables of the car market, parents first."""
    makers, models, variants, known = catalogue(rng)
    dealers, franchises, open_dealers = dealer_rows(rng, makers)
    people = person_rows(rng)
    market = Market(rng, known, open_dealers)
    for _ in range(CARS):
        market.car()
    market.offers.sort(key=lambda offer: (offer[0], str(offer[1][2])))
    listings: list[Row] = []
    sales: list[Row] = []
    for number, (_, offer, sale) in enumerate(market.offers, 1):
        listings.append((number, *offer))
        if sale is not None:
            sales.append((number, *sale))
    sales.sort(key=lambda sale: (str(sale[3]), int(str(sale[0]))))
    return {
        "maker": makers,
        "model": models,
        "variant": variants,
        "dealer": dealers,
        "franchise": franchises,
        "person": people,
        "listing": listings,
        "sale": [(i, *sale) for i, sale in enumerate(sales, 1)],
    }
