"""Rows of the `campus_pets` database: students of a small college, the pets they keep and the pets' visits to the vet.

The story told: a few hundred students of seven class years, most of them living in dormitories (not all of which allow
pets), each with an advisor; about half of them keep a pet alone, share one with a room-mate or foster one. When an
owner graduates the pet goes along or passes to a younger student. Some pets were born on campus to other students'
pets. Vets see them for check-ups, shots and mishaps. Everything stops on 15 December 2024.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import NamedTuple

Row = tuple[int | float | str | None, ...]

END = date(2024, 12, 15)
FIRST_DAY = date(2019, 8, 26)

# name, quad, style, beds, built, pets allowed, deposit in cents, share of residents
DORMS: tuple[tuple[str, str, str, int, int | None, str, int | None, int], ...] = (
    ("Abernathy Hall", "North", "Corridor", 96, 1931, "N", None, 14),
    ("Birchwood House", "Lakeside", "Suite", 64, 1987, "Y", 25000, 13),
    ("Okonkwo Hall", "North", "Suite", 88, 2014, "Y", 30000, 16),
    ("St. Brigid's", "Chapel", "Corridor", 52, 1908, "N", None, 8),
    ("The Cottages", "Lakeside", "Apartment", 40, 2006, "Y", 20000, 10),
    ("Lindqvist Hall", "South", "Corridor", 110, 1968, "N", None, 15),
    ("Marrow Co-op", "South", "Co-op", 24, None, "Y", 15000, 6),
    ("Farmhouse", "South", "Co-op", 16, 1894, "Y", None, 4),
    ("Delacroix House", "Chapel", "Suite", 48, 1975, "N", None, 7),
    ("Tanager Court", "Lakeside", "Apartment", 72, 2019, "Y", 30000, 12),
    ("Old Mill", "Riverside", "Suite", 36, 1922, "N", None, 4),
    ("New Mill", "Riverside", "Suite", 36, 2021, "Y", 25000, 7),
    ("Whitlock Hall", "Riverside", "Corridor", 80, 1959, "N", None, 0),  # empty: being rebuilt
)
# code, department, weight among students, number of advisors
MAJORS = (
    ("BIO", "Biology", 20, 5),
    ("PSY", "Psychology", 15, 4),
    ("CS", "Computing & Data", 14, 4),
    ("ENV", "Environment/Ecology", 11, 3),
    ("ECON", "Economics", 10, 3),
    ("ENGL", "English", 8, 3),
    ("NURS", "Nursing", 7, 2),
    ("ART-H", "Art History", 5, 2),
    ("MATH", "Mathematics", 4, 2),
)
UNDECLARED = "UND"

FIRST_NAMES = (
    ("Emily", "F"),
    ("Maya", "F"),
    ("Jack", "M"),
    ("Ella", "F"),
    ("Aiden", "M"),
    ("Zoe", "F"),
    ("Zoë", "F"),
    ("Ben", "M"),
    ("Sofía", "F"),
    ("Carlos", "M"),
    ("Valentina", "F"),
    ("Andrés", "M"),
    ("Isabel", "F"),
    ("Javier", "M"),
    ("Aaliyah", "F"),
    ("Jamal", "M"),
    ("Kiara", "F"),
    ("Malik", "M"),
    ("Tamika", "F"),
    ("Terrence", "M"),
    ("Yuna", "F"),
    ("Hao", "M"),
    ("Lian", "F"),
    ("Kenji", "M"),
    ("Sakura", "F"),
    ("Ji-woo", "F"),
    ("Sanjay", "M"),
    ("Kavya", "F"),
    ("Ishaan", "M"),
    ("Meera", "F"),
    ("Hoang", "M"),
    ("Lan", "F"),
    ("Khalid", "M"),
    ("Salma", "F"),
    ("Zainab", "F"),
    ("Ibrahim", "M"),
    ("Ayodele", "M"),
    ("Chioma", "F"),
    ("Kwame", "M"),
    ("Efua", "F"),
    ("Thabo", "M"),
    ("Makena", "F"),
    ("Anaïs", "F"),
    ("Théo", "M"),
    ("Jürgen", "M"),
    ("Greta", "F"),
    ("Freja", "F"),
    ("Mikkel", "M"),
    ("Agnieszka", "F"),
    ("Tomasz", "M"),
    ("Svetlana", "F"),
    ("Nikolai", "M"),
    ("Niamh", "F"),
    ("Cormac", "M"),
    ("Bianca", "F"),
    ("Matteo", "M"),
    ("Defne", "F"),
    ("Kerem", "M"),
    ("Shira", "F"),
    ("Eitan", "M"),
    ("Kai", "X"),
    ("Rowan", "X"),
    ("Quinn", "X"),
    ("River", "X"),
    ("Alex", "M"),
    ("Alex", "F"),
    ("Sam", "F"),
    ("Sam", "M"),
    ("Kalani", "M"),
    ("Leilani", "F"),
    ("Dakota", "F"),
    ("Wren", "F"),
    ("August", "M"),
    ("Beatrix", "F"),
    ("Conor", "M"),
    ("Hattie", "F"),
)
LAST_NAMES = (
    "Anderson",
    "Taylor",
    "Moore",
    "Jackson",
    "White",
    "Harris",
    "Martin",
    "Thompson",
    "Robinson",
    "Scott",
    "Adams",
    "Nelson",
    "Mitchell",
    "Campbell",
    "Roberts",
    "Turner",
    "Phillips",
    "Evans",
    "Parker",
    "O'Neill",
    "O'Hara",
    "Byrne",
    "Gutiérrez",
    "Gutierrez",
    "Herrera",
    "Vargas",
    "Castillo",
    "Ramos",
    "Peña",
    "Flores",
    "D'Souza",
    "De Luca",
    "Conti",
    "Huang",
    "Lin",
    "Wu",
    "Zhao",
    "Kang",
    "Yoon",
    "Nakamura",
    "Mori",
    "Reddy",
    "Gupta",
    "Nair",
    "Chaudhry",
    "Malik",
    "Rahman",
    "Osman",
    "Warsame",
    "Eze",
    "Balogun",
    "Asante",
    "Owusu",
    "Mwangi",
    "Ndlovu",
    "Bekele",
    "Fischer",
    "Weiß",
    "Jørgensen",
    "Holm",
    "Zielinski",
    "Wójcik",
    "Ivanova",
    "Bondar",
    "Kaya",
    "Aydın",
    "Nasser",
    "Khoury",
    "Friedman",
    "Katz",
    "van Dijk",
    "Lefèvre",
    "Moreau",
    "Kealoha",
    "Begay",
    "Two Rivers",
    "Blackwood",
    "Ashby",
    "Pennington",
    "Goodfellow",
    "McAllister",
    "MacDonald",
    "Macdonald",
    "Tremblay",
)
# Two people of one name, and people told apart by an accent or a capital only.
PLANTED_STUDENTS = (
    ("Maya", "Thompson", "F"),
    ("Maya", "Thompson", "F"),
    ("Zoe", "Lin", "F"),
    ("Zoë", "Lin", "F"),
    ("Carlos", "Gutiérrez", "M"),
    ("Carlos", "Gutierrez", "M"),
    ("Ella", "MacDonald", "F"),
    ("Ella", "Macdonald", "F"),
)
CITIES = (
    ("Springfield", "IL"),
    ("Springfield", "MO"),
    ("Chicago", "IL"),
    ("St. Louis", "MO"),
    ("Columbus", "OH"),
    ("Columbus", "IN"),
    ("Indianapolis", "IN"),
    ("Milwaukee", "WI"),
    ("Madison", "WI"),
    ("Madison", "IN"),
    ("Iowa City", "IA"),
    ("Des Moines", "IA"),
    ("Peoria", "IL"),
    ("Cleveland", "OH"),
    ("Ann Arbor", "MI"),
    ("Detroit", "MI"),
    ("Coeur d'Alene", "ID"),
    ("San José", "CA"),
    ("Albuquerque", "NM"),
    ("Honolulu", "HI"),
    ("Nashville", "TN"),
    ("Omaha", "NE"),
    ("Minneapolis", "MN"),
    ("St. Paul", "MN"),
    ("Brooklyn", "NY"),
)
# species: (weight in the population, usual kilograms, spread)
SPECIES: dict[str, tuple[int, float, float]] = {
    "Cat": (36, 4.4, 0.9),
    "Dog": (24, 17.0, 9.0),
    "Rabbit": (11, 2.1, 0.5),
    "Guinea pig": (8, 0.95, 0.12),
    "Hamster": (6, 0.12, 0.03),
    "Bearded dragon": (5, 0.42, 0.08),
    "Betta fish": (5, 0.0, 0.0),
    "Parakeet": (4, 0.04, 0.01),
    "Corn snake": (3, 0.7, 0.2),
    "Ferret": (3, 1.1, 0.25),
    "Hermit crab": (1, 0.0, 0.0),
}
BREEDS: dict[str, tuple[tuple[str, int], ...]] = {
    "Cat": (("Domestic Shorthair", 50), ("Domestic Longhair", 16), ("Siamese", 8), ("Maine Coon", 7), ("Ragdoll", 4)),
    "Dog": (
        ("Mixed", 40),
        ("Labrador", 14),
        ("Corgi", 9),
        ("Dachshund", 8),
        ("Greyhound", 6),
        ("Beagle", 6),
        ("Border Collie", 5),
    ),
    "Rabbit": (("Holland Lop", 30), ("Mini Rex", 20), ("Lionhead", 12)),
    "Guinea pig": (("American", 20), ("Abyssinian", 14)),
}
PET_NAMES = (
    "Luna",
    "Biscuit",
    "Mochi",
    "Pepper",
    "Oliver",
    "Bella",
    "Milo",
    "Ziggy",
    "Nacho",
    "Pickles",
    "Mr. Whiskers",
    "Waffles",
    "Juniper",
    "Captain",
    "Cleo",
    "Figaro",
    "D'Artagnan",
    "Chloe",
    "Chloë",
    "Pixel",
    "Noodle",
    "Toast",
    "Mango",
    "Sir Hops-a-Lot",
    "Duchess",
    "Bruno",
    "Simba",
    "Olive",
    "Dumpling",
    "Hazel",
    "Gizmo",
    "Kimchi",
    "Frida",
    "Newton",
    "Ada",
    "Professor Plum",
    "Bubbles",
    "Spike",
    "Peaches, the Second",
    "Tofu",
    "Ollie",
    "Rosie",
    "Rex",
    "Nala",
    "Cricket",
    "Basil",
    "Señor Fluff",
    "Maple",
    "Thor",
    "Queenie",
    "Jasper",
    "Poppy",
)
VETS = (
    ("Dr. Amara Osei", "Willow Creek Animal Clinic", "555-0140", 30),
    ("Dr. Paul Lindgren", "Willow Creek Animal Clinic", "555-0141", 22),
    ("Dr. Rosa Peña", "Riverside Pet Hospital", "555-0172", 20),
    ("Dr. Hideo Mori", "Riverside Pet Hospital", None, 10),
    ("Dr. Fiona O'Shea", "O'Shea & Daughters Veterinary", "555-0118", 9),
    ("Dr. Claire O'Shea", "O'Shea & Daughters Veterinary", "555-0118", 7),
    ("Dr. Samir Haddad", "Exotics & Small Mammals", "555-0195", 0),  # sees the unusual species
    ("Dr. Helen Brandt", "Night & Weekend Pet ER", "555-0199", 3),
    ("Dr. Tobias Wynn", "Night & Weekend Pet ER", None, 0),  # has not seen a patient yet
)
EXOTIC_VET = 7
EXOTICS = ("Bearded dragon", "Parakeet", "Corn snake", "Hermit crab", "Betta fish")
# reason: (weight, fee in cents at the low end, at the high end)
REASONS: dict[str, tuple[int, int, int]] = {
    "Annual check-up": (34, 4500, 9000),
    "Vaccination": (20, 2500, 6000),
    "Not eating": (9, 6000, 18000),
    "Skin/coat": (8, 5500, 14000),
    "Injury": (7, 9000, 64000),
    "Ear infection": (7, 6000, 12500),
    "Dental": (5, 12000, 48000),
    "Nail trim": (7, 1500, 2500),
    "Spay/neuter": (3, 15000, 32000),
}
VACCINES: dict[str, tuple[str, ...]] = {
    "Dog": ("Rabies", "DHPP", "Bordetella", "Leptospirosis"),
    "Cat": ("Rabies", "FVRCP", "FeLV"),
    "Rabbit": ("RHDV2",),
    "Ferret": ("Rabies", "Distemper"),
}


class Student(NamedTuple):
    """What later steps need to know about one student."""

    student_id: int
    class_year: int
    dorm_id: int | None

    @property
    def arrived(self) -> date:
        """Move-in day of the first year."""
        return date(self.class_year - 4, 8, 25)

    @property
    def leaves(self) -> date:
        """Graduation day."""
        return date(self.class_year, 5, 18)


class Pet(NamedTuple):
    """What later steps need to know about one pet."""

    pet_id: int
    species: str
    sex: str
    birth: date | None


Owning = tuple[int, int, str, date, date | None]


def iso(day: date | None) -> str | None:
    """A date as text."""
    return None if day is None else day.isoformat()


def day_between(rng: random.Random, first: date, last: date) -> date:
    """A day from first to last, both included."""
    return first + timedelta(days=rng.randint(0, max(0, (last - first).days)))


def advisor_rows(rng: random.Random) -> list[Row]:
    """Advisors by department."""
    result: list[Row] = []
    for _, department, _, how_many in MAJORS:
        for _ in range(how_many):
            office = f"{rng.choice(('Hale', 'Cole', 'Science Ctr', 'Reyes'))} {rng.randint(100, 439)}"
            result.append(
                (
                    len(result) + 1,
                    rng.choice(FIRST_NAMES)[0],
                    rng.choice(LAST_NAMES),
                    department,
                    office if rng.random() < 0.86 else None,
                    iso(day_between(rng, date(1994, 7, 1), date(2023, 8, 15))),
                )
            )
    return result


def advisor_for(rng: random.Random, major: str, advisors: list[Row]) -> int | None:
    """An advisor of the major's department (any department for the undeclared); the newest one has nobody yet."""
    if rng.random() < 0.05:
        return None
    department = next((m[1] for m in MAJORS if m[0] == major), None)
    newest = max(str(a[5]) for a in advisors)
    fit = [int(str(a[0])) for a in advisors if a[5] != newest and department in (None, a[3])]
    return rng.choices(fit, [1 / (i + 1.5) for i in range(len(fit))])[0] if fit else None


def add_students(rng: random.Random, advisors: list[Row]) -> tuple[list[Row], list[Student]]:
    """Students of the class years 2022 to 2028, oldest first."""
    result: list[Row] = []
    people: list[Student] = []
    planted = list(PLANTED_STUDENTS)
    for class_year, how_many in ((2022, 38), (2023, 46), (2024, 52), (2025, 68), (2026, 74), (2027, 80), (2028, 86)):
        for _ in range(how_many):
            first, gender = FIRST_NAMES[int(len(FIRST_NAMES) * rng.random() ** 1.2)]
            last = LAST_NAMES[int(len(LAST_NAMES) * rng.random() ** 1.3)]
            if planted and rng.random() < 0.03:
                first, last, gender = planted.pop(0)
            major = rng.choices([m[0] for m in MAJORS], [m[2] for m in MAJORS])[0]
            if rng.random() < {2028: 0.62, 2027: 0.25}.get(class_year, 0.0):
                major = UNDECLARED
            dorm: int | None = None
            room: str | None = None
            if class_year > END.year and rng.random() < (0.94 if class_year > 2026 else 0.72):
                dorm = rng.choices(range(1, len(DORMS) + 1), [d[7] for d in DORMS])[0]
                room = f"{rng.randint(1, 4)}{rng.randint(1, 24):02d}{rng.choice(('', '', 'A', 'B'))}"
            mentors = [p.student_id for p in people if p.class_year in (class_year - 2, class_year - 1)]
            mentor = mentors[int(len(mentors) * rng.random() ** 2)] if mentors and rng.random() < 0.45 else None
            gpa: float | None = round(min(4.0, max(1.6, rng.gauss(3.25, 0.45))), 2)
            if class_year == 2028 and rng.random() < 0.88:  # first-years have no grades before January
                gpa = None
            city, state = CITIES[int(len(CITIES) * rng.random() ** 1.4)]
            known = rng.random() > 0.04
            number = len(result) + 1
            born = day_between(rng, date(class_year - 23, 9, 1), date(class_year - 22, 8, 31))
            if rng.random() < 0.05:
                born -= timedelta(days=rng.randint(400, 3400))
            result.append(
                (
                    number,
                    first,
                    last,
                    gender if rng.random() > 0.04 else None,
                    iso(born),
                    city if known else None,
                    state if known else None,
                    major,
                    class_year,
                    gpa,
                    dorm,
                    room,
                    advisor_for(rng, major, advisors),
                    mentor,
                )
            )
            people.append(Student(number, class_year, dorm))
    return result, people


def weight_text(rng: random.Random, species: str) -> str | None:
    """The weight as somebody wrote it on the card."""
    _, usual, spread = SPECIES[species]
    if usual == 0.0:
        return "n/a" if rng.random() < 0.7 else None
    slip = rng.random()
    if slip < 0.11:
        return ("", "n/a", None)[int(slip / 0.04)]
    weight = max(usual * 0.3, rng.gauss(usual, spread))
    return f"{weight:.2f}" if weight < 1 else (f"{weight:.0f}" if weight > 10 and slip < 0.4 else f"{weight:.1f}")


def a_pet(rng: random.Random, number: int, species: str, birth: date | None, mother: int | None) -> tuple[Row, Pet]:
    """One pet."""
    kinds = BREEDS.get(species)
    breed = rng.choices([k[0] for k in kinds], [k[1] for k in kinds])[0] if kinds and rng.random() < 0.85 else None
    sex = rng.choice("FM") if species in VACCINES or rng.random() < 0.5 else "U"
    if species == "Guinea pig" and sex == "U":
        sex = "F"
    chipped = rng.random() < {"Dog": 0.8, "Cat": 0.55}.get(species, 0)
    chip = f"98102000{rng.randint(1000000, 9999999)}" if chipped else None
    name = PET_NAMES[int(len(PET_NAMES) * rng.random() ** 1.35)]
    shown = birth if rng.random() > 0.14 or mother is not None else None
    return (
        (number, name, species, breed, sex, iso(shown), weight_text(rng, species), chip, mother),
        Pet(number, species, sex, shown),
    )


def keepers(rng: random.Random, people: list[Student], on: date, busy: list[int]) -> list[Student]:
    """Students on campus on a day with a while to go, those in a dormitory that allows pets four times as likely."""
    here = [p for p in people if p.arrived <= on < p.leaves - timedelta(days=100)]
    fine = [p for p in here if p.dorm_id is None or DORMS[p.dorm_id - 1][5] == "Y" or rng.random() < 0.22]
    free = [p for p in fine if p.student_id not in busy or rng.random() < 0.25]
    return free or here


def add_pets(rng: random.Random, people: list[Student]) -> tuple[list[Row], list[Pet], list[Owning]]:
    """Pets in order of arrival, with everyone who keeps or kept them."""
    result: list[Row] = []
    pets: list[Pet] = []
    owned: list[Owning] = []
    busy: list[int] = []
    litters: dict[int, date] = {}
    arrivals = sorted(day_between(rng, FIRST_DAY, END - timedelta(days=20)) for _ in range(268))
    for arrival in arrivals:
        species = rng.choices(list(SPECIES), [s[0] for s in SPECIES.values()])[0]
        mothers = [
            p
            for p in pets
            if p.sex == "F"
            and p.birth is not None
            and p.species in ("Cat", "Rabbit", "Guinea pig", "Hamster")
            and (arrival - p.birth).days > 420
        ]
        mother: Pet | None = rng.choice(mothers[-14:]) if mothers and rng.random() < 0.13 else None
        if mother is not None:
            species = mother.species
            birth = arrival - timedelta(days=rng.randint(45, 90))
            if mother.pet_id in litters and (birth - litters[mother.pet_id]).days < 75:
                birth = litters[mother.pet_id]  # of the same litter
            litters[mother.pet_id] = birth
        else:
            birth = arrival - timedelta(days=int(60 + rng.expovariate(1 / (700 if species in ("Cat", "Dog") else 260))))
        number = len(result) + 1
        row, pet = a_pet(rng, number, species, birth, None if mother is None else mother.pet_id)
        result.append(row)
        pets.append(pet)
        if rng.random() < 0.025:  # a library cat, a lab snake: nobody's pet
            continue
        add_owners(rng, people, number, arrival, busy, owned)
    return result, pets, owned


def add_owners(
    rng: random.Random,
    people: list[Student],
    pet_id: int,
    arrival: date,
    busy: list[int],
    owned: list[Owning],
) -> None:
    """The chain of keepers of one pet, each with a co-owner now and then."""
    since = arrival
    seen: list[int] = []
    while True:
        choice = [p for p in keepers(rng, people, since, busy) if p.student_id not in seen]
        if not choice:
            return
        owner = rng.choice(choice)
        foster = rng.random() < 0.1
        until: date | None = None
        if foster:
            until = since + timedelta(days=rng.randint(15, 150))
        elif rng.random() < 0.12:
            until = since + timedelta(days=rng.randint(60, 600))
        elif owner.leaves < END and rng.random() < 0.45:
            until = owner.leaves - timedelta(days=rng.randint(0, 20))
        if until is not None and until > END:
            until = None
        owned.append((owner.student_id, pet_id, "foster" if foster else "primary", since, until))
        seen.append(owner.student_id)
        busy.append(owner.student_id)
        if rng.random() < 0.17 and len(choice) > 3:
            friends = [p for p in choice if p.student_id not in seen and abs(p.class_year - owner.class_year) <= 1]
            if friends:
                friend = rng.choice(friends)
                joined = since + timedelta(days=rng.choice((0, 0, 0, rng.randint(5, 60))))
                if (until is None or joined < until) and joined < END:
                    owned.append((friend.student_id, pet_id, "co-owner", joined, until))
                    seen.append(friend.student_id)
        if until is None or rng.random() < 0.2:
            return
        since = until + timedelta(days=rng.randint(0, 6))
        if since >= END:
            return


def owners_on(owned: list[Owning], pet_id: int, day: date) -> list[int]:
    """Who keeps a pet on a day."""
    return [o[0] for o in owned if o[1] == pet_id and o[3] <= day and (o[4] is None or o[4] >= day)]


def add_visits(
    rng: random.Random,
    pets: list[Pet],
    owned: list[Owning],
    people: list[Student],
) -> tuple[list[Row], list[Row]]:
    """Visits in order of date, and the shots given at some of them."""
    planned: list[tuple[date, Pet]] = []
    leaving = {p.student_id: p.leaves for p in people}
    for pet in pets:
        spans = [o for o in owned if o[1] == pet.pet_id]
        if not spans or pet.species == "Hermit crab":
            continue
        first, last = min(o[3] for o in spans), max(o[4] or leaving[o[0]] for o in spans)
        keen = {"Dog": 3.2, "Cat": 2.6, "Rabbit": 1.8, "Ferret": 1.8}.get(pet.species, 0.7)
        for _ in range(int(rng.expovariate(1 / keen) + 0.35)):
            planned.append((day_between(rng, first, min(last, END)), pet))
    planned.sort(key=lambda v: (v[0], v[1].pet_id))
    visits: list[Row] = []
    shots: list[Row] = []
    for day, pet in planned:
        number = len(visits) + 1
        options = [r for r in REASONS if r != "Vaccination" or pet.species in VACCINES]
        reason = rng.choices(options, [REASONS[r][0] for r in options])[0]
        _, low, high = REASONS[reason]
        fee = 50 * round((low + (high - low) * rng.random() ** 2) / 50)
        vet = EXOTIC_VET
        if pet.species not in EXOTICS or rng.random() < 0.2:
            vet = rng.choices(range(1, len(VETS) + 1), [v[3] for v in VETS])[0]
        paid: date | None = day if rng.random() < 0.7 else day + timedelta(days=rng.randint(1, 45))
        if rng.random() < 0.05 or (paid is not None and paid > END):
            paid = None
        visits.append(
            (number, pet.pet_id, vet, bringer(rng, owned, people, pet.pet_id, day), iso(day), reason, fee, iso(paid))
        )
        vaccines = VACCINES.get(pet.species, ())
        if reason in ("Vaccination", "Annual check-up") and vaccines:
            chance = 0.75 if reason == "Vaccination" else 0.3
            given = [v for v in vaccines if rng.random() < chance]
            if reason == "Vaccination" and not given:
                given = [vaccines[0]]
            for vaccine in given:
                years = 3 if vaccine == "Rabies" and rng.random() < 0.4 else 1
                lot = f"{vaccine[:2].upper()}{rng.randint(100, 999)}-{day.year % 100}" if rng.random() > 0.1 else None
                shots.append(
                    (
                        len(shots) + 1,
                        number,
                        vaccine,
                        lot,
                        iso(day + timedelta(days=365 * years)) if rng.random() > 0.06 else None,
                    )
                )
    return visits, shots


def bringer(rng: random.Random, owned: list[Owning], people: list[Student], pet_id: int, day: date) -> int | None:
    """Who took the pet to the vet: mostly a keeper, now and then a friend, sometimes nobody noted."""
    chance = rng.random()
    mine = owners_on(owned, pet_id, day)
    here = [p.student_id for p in people if p.arrived <= day <= p.leaves]
    if chance < 0.07 or not here:
        return None
    return rng.choice(mine) if mine and chance < 0.89 else rng.choice(here)


def rows(rng: random.Random) -> dict[str, list[Row]]:
    """All rows, table by table, parents first."""
    advisors = advisor_rows(rng)
    students, people = add_students(rng, advisors)
    pets, known, owned = add_pets(rng, people)
    visits, shots = add_visits(rng, known, owned, people)
    owners: list[Row] = [(s, p, role, iso(since), iso(until)) for s, p, role, since, until in owned]
    return {
        "dormitory": [(i, *d[:7]) for i, d in enumerate(DORMS, 1)],
        "advisor": advisors,
        "student": students,
        "pet": pets,
        "pet_owner": owners,
        "vet": [(i, *v[:3]) for i, v in enumerate(VETS, 1)],
        "vet_visit": visits,
        "vaccination": shots,
    }
