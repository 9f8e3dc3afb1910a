"""Rows of kennel_club: an invented kennel club with boarding runs and a clinic.

Members own dogs of one or more breeds (or of none that anybody could tell); dogs come to board, mostly around the
holidays, and are treated by the clinic's vets, nurses and groomers. No run holds two dogs on one night and no dog is
in two places. Names, prices and dates are made up.
"""

import random
from dataclasses import dataclass
from datetime import date, timedelta

Row = tuple[object, ...]

LAST_DAY = date(2025, 8, 31)

FIRST_NAMES = [
    "Adaeze",
    "Alice",
    "Amira",
    "André",
    "Anjali",
    "Astrid",
    "Bilal",
    "Bridget",
    "Carlos",
    "Chen",
    "Clara",
    "Conor",
    "Dagny",
    "Daniel",
    "Deepak",
    "Edith",
    "Emre",
    "Esther",
    "Farah",
    "Félix",
    "Gwen",
    "Hamza",
    "Hana",
    "Hugo",
    "Ines",
    "Ivo",
    "Jasmine",
    "João",
    "Joanne",
    "Kofi",
    "Lars",
    "Leila",
    "Luca",
    "Magda",
    "Marta",
    "Mei",
    "Miriam",
    "Nikhil",
    "Noémie",
    "Olu",
    "Pavel",
    "Petra",
    "Rafael",
    "Rosa",
    "Ruben",
    "Sanjay",
    "Sinéad",
    "Tamsin",
    "Thandi",
    "Theo",
    "Tove",
    "Uma",
    "Victor",
    "Wendy",
    "Yara",
    "Zeynep",
]
LAST_NAMES = [
    "Abara",
    "Almeida",
    "Andersen",
    "Banerjee",
    "Bauer",
    "Bianchi",
    "Blackwood",
    "Castillo",
    "Chowdhury",
    "Coyle",
    "D'Angelo",
    "de Vries",
    "Dvořák",
    "Eriksson",
    "Fitzgerald",
    "Fontaine",
    "García",
    "Hughes",
    "Ito",
    "Jensen",
    "Kaya",
    "Khan",
    "Kowalski",
    "Lefèvre",
    "Lindgren",
    "Mbeki",
    "McBride",
    "Moreau",
    "Müller",
    "Nakamura",
    "Ndlovu",
    "Novak",
    "O'Connell",
    "O'Shea",
    "Okonkwo",
    "Osei",
    "Papadakis",
    "Patel",
    "Pereira",
    "Quill",
    "Rahimi",
    "Rossi",
    "Sandhu",
    "Schmidt",
    "Silva",
    "Sørensen",
    "Tanaka",
    "Thwaite",
    "Varga",
    "Walsh",
    "Weiss",
    "Yıldız",
    "Zhang",
]
# Two pairs of the same name and two pairs that differ only by an accent.
KNOWN_MEMBERS = [
    "Marta Silva",
    "Félix Moreau",
    "Wendy Hughes",
    "Marta Silva",
    "Felix Moreau",
    "Joao Pereira",
    "João Pereira",
    "Wendy Hughes",
]
TOWNS: list[tuple[str, str, int]] = [
    ("Marsfield", "04112", 30),
    ("Ferrol Bay", "04120", 22),
    ("Old Marsfield", "04113", 14),
    ("Saint-Aubin", "05201", 11),
    ("Kettering Cross", "04131", 9),
    ("Springfield", "04140", 7),
    ("Springfield", "07755", 4),
    ("Ōtaki Flats", "05210", 4),
    ("Brook's End", "04118", 3),
    ("Nether Wick", "04125", 3),
    ("Port Lorne", "07701", 2),
]
TIERS = ["Full", "Family", "Puppy", "Lapsed"]
TIER_WEIGHTS = [52, 24, 13, 11]

# name, size, coat, how common
BREEDS: list[tuple[str, str, str | None, int]] = [
    ("Labrador Retriever", "large", "short", 30),
    ("Cocker Spaniel", "medium", "silky", 17),
    ("French Bulldog", "small", "short", 14),
    ("Border Collie", "medium", "double", 13),
    ("Golden Retriever", "large", "long", 12),
    ("Miniature Poodle", "small", "curly", 12),
    ("Jack Russell Terrier", "small", "wire", 10),
    ("German Shepherd", "large", "double", 9),
    ("Dachshund", "small", "short", 9),
    ("Chihuahua", "toy", "short", 7),
    ("Whippet", "medium", "short", 6),
    ("Beagle", "medium", "short", 6),
    ("Yorkshire Terrier", "toy", "silky", 5),
    ("Greyhound", "large", "short", 5),
    ("Bichon Frisé", "toy", "curly", 4),
    ("Standard Poodle", "large", "curly", 4),
    ("Boxer", "large", "short", 3),
    ("Bernese Mountain Dog", "giant", "long", 3),
    ("Great Dane", "giant", "short", 2),
    ("Papillon", "toy", "silky", 2),
    ("Irish Wolfhound", "giant", "wire", 1),
    ("Lagotto", "medium", "curly", 2),
    ("Basenji", "medium", None, 1),
    ("Shiba", "medium", "double", 2),
    ("Otterhound", "large", "wire", 0),
    ("Kooikerhondje", "medium", None, 0),
    ("Pumi", "medium", None, 0),
]
WEIGHTS = {"toy": (3.6, 0.8), "small": (8.4, 1.7), "medium": (17.0, 3.2), "large": (30.5, 4.4), "giant": (55.0, 7.0)}
NIGHTLY = {"toy": 1900, "small": 2100, "medium": 2500, "large": 2900, "giant": 3600}
BLOCKS = {"toy": "A", "small": "A", "medium": "B", "large": "C", "giant": "D"}
RUNS = {"A": 14, "B": 14, "C": 14, "D": 6}

DOG_NAMES = [
    "Bella",
    "Milo",
    "Luna",
    "Rex",
    "Poppy",
    "Max",
    "Daisy",
    "Charlie",
    "Nala",
    "Oscar",
    "Coco",
    "Teddy",
    "Willow",
    "Buddy",
    "Ruby",
    "Loki",
    "Maggie",
    "Biscuit",
    "Zoë",
    "Zoe",
    "Duke",
    "Hazel",
    "Otis",
    "Pepper",
    "Rosie",
    "Finn",
    "Mabel",
    "Archie",
    "Juno",
    "Bruno",
    "Olive",
    "Toby",
    "Freya",
    "Ziggy",
    "Peanut",
    "Skye",
    "Bear",
    "Tilly",
    "Moose",
    "Ginger",
    "Jasper",
    "Winnie",
    "Alfie",
    "Kiki",
    "Rolo",
    "Saffron",
    "Mr. Darcy",
    "Sir Barks-a-Lot",
    "O'Malley",
    "Piñata",
    "Pickles",
    "Lady",
    "Ghost",
    "Mochi",
    "Pierogi",
    "Señor",
    "Bramble",
    "Tank",
    "Tiny",
    "Nacho",
    "Waffles",
    "Dumpling",
    "Fenrir",
    "Gus, Jr.",
    "Queenie",
    "Sprocket",
    "Thistle",
    "Umi",
    "Velcro",
    "Xena",
    "Yoshi",
]

# name, role, licence, start, leaving day
CLINICIANS: list[tuple[str, str, str | None, date, date | None]] = [
    ("Dr Ingrid Halvorsen", "Vet", "V-00417", date(2014, 3, 3), None),
    ("Dr Samuel Adjei", "Vet", "V-00892", date(2016, 9, 12), None),
    ("Dr Anna Kowalska", "Vet", "V-01130", date(2018, 1, 8), date(2022, 7, 29)),
    ("Dr Ana Kowalska", "Vet", "V-01544", date(2021, 5, 17), None),
    ("Dr Rohan Mehta", "Vet", "V-01671", date(2022, 9, 1), None),
    ("Nuala Byrne", "Nurse", "N-2087", date(2015, 6, 1), None),
    ("Tariq Aziz", "Nurse", "N-2311", date(2017, 2, 20), date(2021, 12, 31)),
    ("Camille Petit", "Nurse", "N-2630", date(2019, 11, 4), None),
    ("Kenji Morita", "Nurse", "N-2794", date(2022, 1, 10), None),
    ("Lucy O'Hara", "Groomer", None, date(2014, 5, 19), date(2019, 8, 30)),
    ("Delroy Grant", "Groomer", None, date(2019, 9, 2), None),
    ("Beatrix Lund", "Groomer", None, date(2023, 4, 3), None),
    ("Dr Yusuf Demir", "Vet", "V-01902", date(2025, 8, 11), None),
]

# code, label, area, list price, how often, grows with size, takes an assistant
PROCEDURES: list[tuple[str, str, str, int, int, bool, float]] = [
    ("VAC", "Yearly vaccination", "Prevention", 5400, 26, False, 0.05),
    ("DEW", "De-worming", "Prevention", 1850, 18, True, 0.02),
    ("CHK", "General check-up", "Prevention", 4200, 15, False, 0.08),
    ("GRM", "Full groom", "Grooming", 4800, 14, True, 0.1),
    ("NAI", "Nail trim", "Grooming", 1200, 12, False, 0.0),
    ("EAR", "Ear infection", "Medicine", 6900, 8, False, 0.12),
    ("DEN", "Scale & polish", "Dental", 21500, 6, True, 0.85),
    ("EXT", "Tooth extraction", "Dental", 26800, 3, True, 0.95),
    ("SPY", "Neutering", "Surgery", 28500, 5, True, 1.0),
    ("WND", "Wound stitching", "Surgery", 17200, 4, False, 0.7),
    ("XRY", "X-ray", "Imaging", 15900, 3, False, 0.6),
    ("ALL", "Allergy test", "Medicine", 19900, 2, False, 0.1),
    ("CRU", "Cruciate repair", "Surgery", 189000, 1, True, 1.0),
    ("MRI", "MRI scan", "Imaging", 98000, 0, False, 1.0),
]
SIZE_FACTOR = {"toy": 0.8, "small": 0.9, "medium": 1.0, "large": 1.2, "giant": 1.5}
ROLE_OF = {"Grooming": "Groomer", "Prevention": "Nurse"}
NOTES = [
    "Nervous, muzzle needed",
    "Owner's request",
    "Come back in 10 days",
    "Ate well afterwards",
    "No fasting",
    "Tick found behind left ear",
    "Slight fever, 39.4",
    "Sedated",
    "Bites when nails are touched",
    "All fine",
    "Didn't like the dryer",
    "Weight up, diet advised",
]
COLLECTORS = ["owner", "owner's partner", "neighbour", "dog walker", "daughter", "son"]
COLLECTOR_WEIGHTS = [60, 18, 6, 8, 5, 3]
MONTH_PULL = [2, 3, 3, 5, 4, 5, 10, 13, 4, 4, 3, 9]


@dataclass
class Dog:
    """A dog and what other tables need to know of it."""

    number: int
    member: int
    name: str
    sex: str
    born: date | None
    died: date | None
    weight: str
    neutered: int | None
    chip: str | None
    dam: int | None
    parts: list[tuple[int, int]]
    size: str
    first_day: date
    last_day: date


def between(rng: random.Random, first: date, last: date) -> date:
    """A day from first to last, both included."""
    return first + timedelta(days=rng.randint(0, max(0, (last - first).days)))


def text(day: date | None) -> str | None:
    """The ISO form of a day that may be unknown."""
    return None if day is None else day.isoformat()


def member_rows(rng: random.Random) -> tuple[list[Row], list[date], list[str]]:
    """Members in order of joining, with their joining days and tiers."""
    days = sorted(between(rng, date(2014, 4, 1), date(2025, 6, 30)) for _ in range(268))
    fixed = dict(zip(rng.sample(range(len(days)), len(KNOWN_MEMBERS)), KNOWN_MEMBERS, strict=True))
    rows: list[Row] = []
    tiers: list[str] = []
    taken: set[str] = set(KNOWN_MEMBERS)
    for index, day in enumerate(days):
        name = fixed.get(index) or f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"
        while index not in fixed and name in taken:
            name = f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"
        taken.add(name)
        town, postcode, _ = rng.choices(TOWNS, [t[2] for t in TOWNS])[0]
        phone = None if rng.random() < 0.13 else f"0555 {rng.randint(100, 999)} {rng.randint(0, 999):03d}"
        tier = rng.choices(TIERS, TIER_WEIGHTS)[0]
        if tier == "Puppy" and day < date(2022, 1, 1):
            tier = "Full"
        referrer = 1 + int(index * rng.random() ** 2.2) if index > 3 and rng.random() < 0.3 else None
        tiers.append(tier)
        rows.append((index + 1, name, town, postcode, phone, tier, referrer, text(day)))
    return rows, days, tiers


def breed_parts(rng: random.Random) -> list[tuple[int, int]]:
    """The breeds of one dog with their shares; empty where nobody can tell."""
    weights = [breed[3] for breed in BREEDS]
    luck = rng.random()
    if luck < 0.05:
        return []
    shares = [100] if luck < 0.68 else [50, 50] if luck < 0.89 else [50, 25, 25] if luck < 0.96 else [75, 25]
    chosen: list[int] = []
    while len(chosen) < len(shares):
        breed = rng.choices(range(1, len(BREEDS) + 1), weights)[0]
        if breed not in chosen:
            chosen.append(breed)
    return list(zip(chosen, shares, strict=True))


def dogs(rng: random.Random, joined: list[date]) -> list[Dog]:
    """Each member's dogs; some have a mother on the books."""
    how_many = [rng.choices([0, 1, 2, 3, 4, 6], [9, 54, 23, 9, 4, 1])[0] for _ in joined]
    owners = [member for member, count in enumerate(how_many, 1) for _ in range(count)]
    litters: dict[int, list[date]] = {}
    pups: dict[int, int] = {}
    made: list[Dog] = []
    for number, member in enumerate(owners, 1):
        start = joined[member - 1]
        born: date | None = between(rng, start - timedelta(days=1700), min(LAST_DAY, start + timedelta(days=900)))
        parts = breed_parts(rng)
        dam: int | None = None
        if rng.random() < 0.22 and born is not None:
            mothers = [
                d
                for d in made
                if d.sex == "bitch"
                and d.born
                and 600 < (born - d.born).days < 2900
                and d.last_day >= born
                and len(d.parts) == 1
                and pups.get(d.number, 0) < 6
            ]
            if mothers:
                mother = rng.choice(mothers)
                near = [day for day in litters.get(mother.number, []) if abs((day - born).days) < 700]
                if near or len(litters.get(mother.number, [])) < 2:
                    dam = mother.number
            if dam is not None:
                pups[dam] = pups.get(dam, 0) + 1
                if near:
                    born = near[0]
                else:
                    litters.setdefault(dam, []).append(born)
                other = breed_parts(rng)
                same = rng.random() < 0.7 or len(other) != 1 or other[0][0] == mother.parts[0][0]
                parts = mother.parts if same else [(mother.parts[0][0], 50), (other[0][0], 50)]
        size = BREEDS[parts[0][0] - 1][1] if parts else rng.choice(["small", "medium", "large"])
        if dam is None and rng.random() < 0.09:
            born = None
        known = born or start - timedelta(days=500)
        age = 365 * max(3.0, rng.gauss(12.3 if size != "giant" else 8.5, 2.4))
        end = max(known + timedelta(days=int(age)), start + timedelta(days=rng.randint(300, 900)))
        died = end if end <= LAST_DAY and rng.random() < 0.75 else None
        mean, spread = WEIGHTS[size]
        weight = f"{max(mean * 0.55, rng.gauss(mean, spread)):.1f}"
        if rng.random() < 0.1:
            weight = rng.choices(["", "?", "n/k"], [6, 3, 1])[0]
        neutered = None if rng.random() < 0.11 else int(rng.random() < 0.62)
        chip: str | None = f"0{rng.randint(9_410_000, 9_819_999)}{number:04d}{rng.randint(0, 99):02d}"
        if rng.random() < 0.08:
            chip = None
        name = DOG_NAMES[int(len(DOG_NAMES) * rng.random() ** 1.45)]
        sex = "bitch" if rng.random() < 0.49 else "dog"
        first_day = max(start, known + timedelta(days=75))
        made.append(
            Dog(
                number,
                member,
                name,
                sex,
                born,
                died,
                weight,
                neutered,
                chip,
                dam,
                parts,
                size,
                first_day,
                min(end, LAST_DAY),
            )
        )
    return made


def stay_rows(rng: random.Random, made: list[Dog], tiers: list[str]) -> list[Row]:
    """Boarding stays, oldest first; nobody shares a run."""
    wanted: list[tuple[date, int, date]] = []
    for dog in made:
        if dog.number % 8 == 5 or dog.first_day >= dog.last_day:
            continue
        taken: list[tuple[date, date]] = []
        for _ in range(min(14, int(rng.expovariate(0.37)))):
            start = between(rng, dog.first_day, dog.last_day)
            if rng.random() > MONTH_PULL[start.month - 1] / 13 + 0.08:
                start = between(rng, dog.first_day, dog.last_day)
            end = start + timedelta(days=1 + min(27, int(rng.expovariate(0.19))))
            if dog.died and end >= dog.died:
                continue
            if all(end < first or start > last for first, last in taken):
                taken.append((start, end))
                wanted.append((start, dog.number, end))
    late = [d for d in made if d.number % 8 == 5 and d.last_day == LAST_DAY and d.first_day < date(2025, 7, 31)]
    for dog in rng.sample(late, 9):
        wanted.append((between(rng, date(2025, 8, 20), date(2025, 8, 30)), dog.number, LAST_DAY + timedelta(days=3)))
    wanted.sort()
    busy_until: dict[str, date] = {}
    rows: list[Row] = []
    for start, number, end in wanted:
        dog = made[number - 1]
        order = [BLOCKS[dog.size], *sorted(set(RUNS) - {BLOCKS[dog.size]})]
        free = [
            run
            for block in order
            for run in (f"{block}-{n:02d}" for n in range(1, RUNS[block] + 1))
            if busy_until.get(run, date.min) <= start
        ]
        best = [run for run in free if run[0] == free[0][0]]
        run = rng.choice(best)
        busy_until[run] = end
        price = NIGHTLY[dog.size] + 100 * max(0, (start.year - 2017) // 2)
        if tiers[dog.member - 1] == "Family":
            price = round(price * 0.9)
        out = end if end <= LAST_DAY else None
        collector = None if out is None or rng.random() < 0.15 else rng.choices(COLLECTORS, COLLECTOR_WEIGHTS)[0]
        rows.append((len(rows) + 1, number, run, text(start), text(out), price, collector))
    return rows


def able(role: str, day: date) -> list[int]:
    """The clinicians of a role who worked here on that day."""
    return [n for n, c in enumerate(CLINICIANS, 1) if c[1] == role and c[3] <= day and (c[4] is None or day <= c[4])]


def treatment_rows(rng: random.Random, made: list[Dog]) -> list[Row]:
    """What the clinic did, oldest first."""
    patients = [d for d in made if d.number % 11 != 7 and d.first_day < d.last_day]
    weights = [0.15 + rng.random() ** 3 for _ in patients]
    drawn: list[tuple[date, int, int]] = []
    fixed_once: set[int] = set()
    for _ in range(1040):
        dog = rng.choices(patients, weights)[0]
        kind = rng.choices(range(len(PROCEDURES)), [p[4] for p in PROCEDURES])[0]
        if PROCEDURES[kind][0] == "SPY":
            if dog.number in fixed_once or dog.neutered != 1:
                kind = 0
            fixed_once.add(dog.number)
        drawn.append((between(rng, dog.first_day, dog.last_day), dog.number, kind))
    drawn.sort()
    rows: list[Row] = []
    for day, number, kind in drawn:
        dog = made[number - 1]
        code, _, area, price, _, grows, help_needed = PROCEDURES[kind]
        role = ROLE_OF.get(area, "Vet")
        if code in ("CHK", "VAC") and rng.random() < 0.5:
            role = "Vet"
        leaders = able(role, day) or able("Vet", day)
        lead = leaders[int(len(leaders) * rng.random() ** 1.4)]
        helpers = [n for n in (able("Nurse", day) or able("Vet", day)) if n != lead]
        assistant = rng.choice(helpers) if helpers and rng.random() < help_needed else None
        charge = price * (SIZE_FACTOR[dog.size] if grows else 1.0) * (1 + 0.03 * (day.year - 2021))
        if rng.random() < 0.25:
            charge *= rng.uniform(0.85, 1.3)
        cents = 0 if rng.random() < 0.025 else 50 * round(charge / 50)
        paid: date | None = None
        if cents and rng.random() < (0.97 if day < date(2025, 6, 1) else 0.6):
            paid = day if rng.random() < 0.62 else day + timedelta(days=1 + int(rng.expovariate(0.06)))
            if paid > LAST_DAY:
                paid = None
        note = rng.choice(NOTES) if rng.random() < 0.27 else None
        rows.append((len(rows) + 1, number, code, lead, assistant, text(day), cents, text(paid), note))
    return rows


def rows(rng: random.Random) -> dict[str, list[Row]]:
    """All tables, parents first."""
    members, joined, tiers = member_rows(rng)
    made = dogs(rng, joined)
    return {
        "member": members,
        "breed": [(n, breed[0], breed[1], breed[2]) for n, breed in enumerate(BREEDS, 1)],
        "dog": [
            (d.number, d.member, d.name, d.sex, text(d.born), text(d.died), d.weight, d.neutered, d.chip, d.dam)
            for d in made
        ],
        "dog_breed": [(d.number, breed, share) for d in made for breed, share in sorted(d.parts)],
        "stay": stay_rows(rng, made, tiers),
        "clinician": [(n, c[0], c[1], c[2], text(c[3]), text(c[4])) for n, c in enumerate(CLINICIANS, 1)],
        "procedure_type": [p[:4] for p in PROCEDURES],
        "treatment": treatment_rows(rng, made),
    }
