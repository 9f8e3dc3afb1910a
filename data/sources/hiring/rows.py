"""Rows of the `hiring` database: a chain of outdoor-gear shops, its staff, its job postings and its yearly reviews.

The story told: about a hundred long-serving employees run fifteen shops and a head office; from 2020 to 2024 the shops
advertise jobs, people apply (some again and again), some are interviewed, the best are hired and become employees,
and every employee with half a year of service is rated each December. Everything stops on 31 December 2024.
"""

from __future__ import annotations

import random
import unicodedata
from datetime import date, timedelta
from typing import NamedTuple

Row = tuple[int | float | str | None, ...]

END = date(2024, 12, 31)
N_POSTINGS = 158

# name, town, state, zip, district, opened, closed, floor area, size (share of staff and postings)
SHOPS: tuple[tuple[str, str, str, str, str, str, str | None, int | None, int], ...] = (
    ("Base Camp Portland", "Portland", "ME", "04101", "Coast", "1998-04-18", None, 14200, 15),
    ("Miller's Landing", "Burlington", "VT", "05401", "Lakes", "2001-05-05", None, 11850, 13),
    ("Notch & Ridge", "North Conway", "NH", "03860", "Mountains", "2003-11-15", None, 9600, 10),
    ("The Dry Sack", "Springfield", "MA", "01103", "Valley", "2004-03-20", None, 10400, 9),
    ("Queen City Outfitters", "Manchester", "NH", "03101", "Mountains", "2006-09-09", None, 8800, 8),
    ("Mirror Lake Gear Co.", "Lake Placid", "NY", "12946", "Lakes", "2007-06-30", None, 7300, 7),
    ("Hooks, Lines & Tents", "Springfield", "VT", "05156", "Valley", "2009-04-25", None, 5200, 4),
    ("Paradise Pond Supply", "Northampton", "MA", "01060", "Valley", "2010-08-14", None, 6100, 6),
    ("Champlain Trading Post", "Plattsburgh", "NY", "12901", "Lakes", "2011-10-01", None, None, 4),
    ("Granite Step", "Concord", "NH", "03301", "Mountains", "2013-05-18", None, 6750, 5),
    ("Walden Walks", "Concord", "MA", "01742", "Valley", "2014-03-29", "2022-10-31", 4100, 3),
    ("Penobscot Paddle & Pack", "Bangor", "ME", "04401", "Coast", "2015-06-13", None, 7300, 6),
    ("Spa City Sports", "Saratoga Springs", "NY", "12866", "Lakes", "2017-09-02", None, 5900, 4),
    ("Lighthouse Gear", "Rockland", "ME", "04841", "Coast", "2019-05-25", None, 3900, 2),
    ("Cadillac Trailhead", "Bar Harbor", "ME", "04609", "Coast", "2024-11-23", None, None, 0),
)
CLOSED_SHOP = 11

# department: (title, usual hourly pay in cents, share of jobs)
JOBS: dict[str, tuple[tuple[str, int, int], ...]] = {
    "Sales Floor": (("Sales Associate", 1660, 34), ("Gear Specialist", 1905, 13)),
    "Front End/Tills": (("Cashier", 1585, 17),),
    "Stock & Receiving": (("Stock Clerk", 1640, 12), ("Receiving Lead", 2015, 3)),
    "Bike/Ski Workshop": (("Bike Mechanic", 2085, 8), ("Ski Technician", 2040, 5)),
    "Rentals & Guiding": (("Rental Attendant", 1610, 7), ("Trail Guide", 1875, 4)),
    "Display": (("Visual Merchandiser", 1890, 2),),
}
FLAT_JOBS = tuple((dept, title, pay, share) for dept, titles in JOBS.items() for title, pay, share in titles)

FIRST_NAMES = (
    "Emma",
    "Liam",
    "Olivia",
    "Noah",
    "Ava",
    "Ethan",
    "Sophie",
    "Lucas",
    "Hannah",
    "Caleb",
    "Megan",
    "Tyler",
    "Grace",
    "Owen",
    "Abigail",
    "Nathan",
    "Chloe",
    "Dylan",
    "Molly",
    "Ian",
    "José",
    "María",
    "Luis",
    "Camila",
    "Diego",
    "Lucía",
    "Mateo",
    "Ximena",
    "Amina",
    "Yusuf",
    "Fatima",
    "Omar",
    "Layla",
    "Hassan",
    "Wei",
    "Mei",
    "Jun",
    "Xiu",
    "Hiro",
    "Keiko",
    "Min-jun",
    "Soo-ah",
    "Priya",
    "Arjun",
    "Ananya",
    "Rohan",
    "Deepa",
    "Vikram",
    "Thuy",
    "Minh",
    "Linh",
    "Kofi",
    "Ama",
    "Chidi",
    "Ngozi",
    "Tunde",
    "Zanele",
    "Abebe",
    "Selam",
    "Pierre",
    "Renée",
    "Étienne",
    "Manon",
    "Björn",
    "Astrid",
    "Søren",
    "Ingrid",
    "Katarzyna",
    "Piotr",
    "Oksana",
    "Dmitri",
    "Siobhán",
    "Declan",
    "Aoife",
    "Giulia",
    "Marco",
    "Elif",
    "Emre",
    "Noor",
    "Tariq",
    "Leilani",
    "Tala",
    "Joaquín",
    "Beatriz",
    "Rafael",
    "Desmond",
    "Latoya",
    "Darnell",
    "Imani",
    "Marcus",
    "Ruth",
    "Walter",
    "Doris",
    "Frank",
    "Peggy",
    "Harold",
)
LAST_NAMES = (
    "Smith",
    "Johnson",
    "Brown",
    "Miller",
    "Davis",
    "Wilson",
    "Clark",
    "Lewis",
    "Walker",
    "Hall",
    "Young",
    "King",
    "Wright",
    "Hill",
    "Green",
    "Baker",
    "Carter",
    "Bouchard",
    "Pelletier",
    "Gagnon",
    "Thibodeau",
    "Ouellette",
    "Roy",
    "O'Brien",
    "O'Connor",
    "Sullivan",
    "Murphy",
    "Kelly",
    "D'Amico",
    "Rossi",
    "Marino",
    "García",
    "Rivera",
    "Santos",
    "Morales",
    "Núñez",
    "Ortiz",
    "Delgado",
    "Pereira",
    "Silva",
    "Costa",
    "Nguyen",
    "Tran",
    "Pham",
    "Le",
    "Chen",
    "Wang",
    "Liu",
    "Zhang",
    "Kim",
    "Park",
    "Choi",
    "Tanaka",
    "Sato",
    "Patel",
    "Shah",
    "Iyer",
    "Singh",
    "Khan",
    "Hussain",
    "Ahmed",
    "Farah",
    "Abdi",
    "Mohamed",
    "Okafor",
    "Adeyemi",
    "Mensah",
    "Boateng",
    "Tesfaye",
    "Dlamini",
    "Larsen",
    "Lindqvist",
    "Müller",
    "Schröder",
    "Kowalski",
    "Nowak",
    "Petrov",
    "Shevchenko",
    "Yılmaz",
    "Demir",
    "Haddad",
    "Mansour",
    "Cohen",
    "Levy",
    "van der Berg",
    "St. Pierre",
    "Whitcomb",
    "Fairbanks",
    "Thayer",
    "Pratt",
    "Lovejoy",
)
# Long-serving people put in by name: same names twice, and names that differ only by an accent or an ending.
PLANTED_STAFF = (
    ("José", "Rivera"),
    ("Jose", "Rivera"),
    ("Maria", "Santos"),
    ("María", "Santos"),
    ("Anna", "Kowalski"),
    ("Anna", "Kowalska"),
    ("Grace", "Kim"),
    ("Grace", "Kim"),
    ("Siobhán", "O'Brien"),
    ("Peggy", "D'Amico"),
)
TOWNS = (
    ("Portland", "ME"),
    ("South Portland", "ME"),
    ("Bangor", "ME"),
    ("Orono", "ME"),
    ("Rockland", "ME"),
    ("Burlington", "VT"),
    ("South Burlington", "VT"),
    ("Winooski", "VT"),
    ("Springfield", "VT"),
    ("Rutland", "VT"),
    ("Springfield", "MA"),
    ("Northampton", "MA"),
    ("Amherst", "MA"),
    ("Concord", "MA"),
    ("Holyoke", "MA"),
    ("Concord", "NH"),
    ("Manchester", "NH"),
    ("Nashua", "NH"),
    ("North Conway", "NH"),
    ("Keene", "NH"),
    ("Plattsburgh", "NY"),
    ("Lake Placid", "NY"),
    ("Saratoga Springs", "NY"),
    ("Saranac Lake", "NY"),
    ("Albany", "NY"),
    ("Coeur d'Alene", "ID"),
    ("Québec City", "QC"),
)
SOURCES = (("Job board", 40), ("Company web site", 24), ("Referral", 16), ("Walk-in", 12), ("School/College fair", 6))
AWARDS = (
    ("Trail Star", 20),
    ("Golden Compass", 9),
    ("Founder's Cup", 4),
    ("Safety First", 5),
)


class Person(NamedTuple):
    """What later steps need to know about one employee."""

    employee_id: int
    shop_id: int | None
    manager_id: int | None
    title: str
    pay: int
    hired: date
    left: date | None


class Company:
    """The tables under construction."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.people: list[Person] = []
        self.employees: list[Row] = []
        self.emails: dict[str, int] = {}
        self.postings: list[Row] = []
        self.applicants: list[Row] = []
        self.applications: list[Row] = []
        self.interviews: list[Row] = []
        self.hires: list[Row] = []
        self.evaluations: list[Row] = []

    def email(self, first: str, last: str) -> str | None:
        """A work address unlike any other, or none for the few who never got one."""
        if self.rng.random() < 0.06:
            return None
        plain = unicodedata.normalize("NFKD", f"{first}.{last}".lower()).encode("ascii", "ignore").decode()
        plain = "".join(ch for ch in plain if ch.isalnum() or ch in ".-").replace("..", ".")
        n = self.emails[plain] = self.emails.get(plain, 0) + 1
        return f"{plain}{n if n > 1 else ''}@cedarnotch.example"

    def add_employee(
        self,
        name: tuple[str, str],
        shop_id: int | None,
        manager_id: int | None,
        job: tuple[str, str, int],
        contract: str,
        hired: date,
        left: date | None,
        home: str | None,
        age: tuple[int, int],
    ) -> Person:
        """Append an employee and return what is remembered of it; `job` is (department, title, pay in cents)."""
        rng = self.rng
        number = len(self.people) + 1
        born: date | None = hired - timedelta(days=rng.randint(age[0] * 365 + 5, age[1] * 365))
        if rng.random() < 0.05:
            born = None
        person = Person(number, shop_id, manager_id, job[1], job[2], hired, left)
        self.people.append(person)
        self.employees.append(
            (
                number,
                name[0],
                name[1],
                self.email(*name),
                iso(born),
                home,
                shop_id,
                manager_id,
                job[0],
                job[1],
                contract,
                job[2],
                iso(hired),
                iso(left),
            )
        )
        return person

    def managers_of(self, shop_id: int) -> list[Person]:
        """The managers of a shop: its shop manager first, then its assistants."""
        return [p for p in self.people if p.shop_id == shop_id and p.title.endswith("Manager")]


def iso(day: date | None) -> str | None:
    """A date as text."""
    return None if day is None else day.isoformat()


def day_between(rng: random.Random, first: date, last: date) -> date:
    """A day from first to last, both included."""
    return first + timedelta(days=rng.randint(0, max(0, (last - first).days)))


def closing(shop_id: int) -> date | None:
    """The day a shop closed for good."""
    closed = SHOPS[shop_id - 1][6]
    return None if closed is None else date.fromisoformat(closed)


def weighted(rng: random.Random, options: tuple[tuple[str, int], ...]) -> str:
    """One of the options, by weight."""
    return rng.choices([o[0] for o in options], [o[1] for o in options])[0]


def a_name(rng: random.Random) -> tuple[str, str]:
    """A first and a last name, both a little skewed towards the start of their lists."""
    first = FIRST_NAMES[int(len(FIRST_NAMES) * rng.random() ** 1.25)]
    return first, LAST_NAMES[int(len(LAST_NAMES) * rng.random() ** 1.3)]


def a_job(rng: random.Random) -> tuple[str, str, int]:
    """A department, a title and its usual pay."""
    dept, title, pay, _ = rng.choices(FLAT_JOBS, [j[3] for j in FLAT_JOBS])[0]
    return dept, title, pay


def pay_near(rng: random.Random, usual: int, years: float) -> int:
    """Hourly pay in cents, in steps of five, rising with years of service."""
    return 5 * round((usual * rng.gauss(1.0, 0.045) + 34 * min(years, 14)) / 5)


def shop_rows() -> list[Row]:
    """The shops as they are listed above, without their size."""
    return [(i, *shop[:8]) for i, shop in enumerate(SHOPS, 1)]


def add_leaders(company: Company) -> None:
    """Head office, then a shop manager for each staffed shop and an assistant for the larger ones."""
    rng = company.rng
    boss = company.add_employee(
        ("Eleanor", "Whitcomb"),
        None,
        None,
        ("Head Office", "Chief Executive", 9400),
        "FT",
        date(1998, 2, 2),
        None,
        "Portland",
        (31, 33),
    )
    regional: dict[str, int] = {}
    for i, district in enumerate(("Coast", "Lakes", "Mountains", "Valley")):
        person = company.add_employee(
            a_name(rng),
            None,
            boss.employee_id,
            ("Head Office", "Regional Manager", 4350 + 85 * i),
            "FT",
            day_between(rng, date(1999, 3, 1), date(2006, 9, 1)),
            None,
            rng.choice(TOWNS)[0],
            (27, 40),
        )
        regional[district] = person.employee_id
    for title, pay in (
        ("HR Partner", 3110),
        ("HR Partner", 3245),
        ("Buyer", 3425),
        ("Buyer", 3360),
        ("Buyer", 3360),
        ("Payroll Clerk", 2380),
    ):
        hired = day_between(rng, date(2005, 1, 10), date(2018, 6, 1))
        company.add_employee(
            a_name(rng),
            None,
            boss.employee_id,
            ("Head Office", title, pay),
            "FT",
            hired,
            None,
            rng.choice(TOWNS)[0],
            (24, 45),
        )
    for shop_id, (_, town, _, _, district, opened, _, _, size) in enumerate(SHOPS, 1):
        if size == 0:
            continue
        start = date.fromisoformat(opened)
        left = closing(shop_id)
        chief = company.add_employee(
            a_name(rng),
            shop_id,
            regional[district],
            ("Management", "Shop Manager", pay_near(rng, 3050, size)),
            "FT",
            start - timedelta(days=rng.randint(20, 60)),
            left,
            town,
            (26, 44),
        )
        for _ in range(size // 6):
            company.add_employee(
                a_name(rng),
                shop_id,
                chief.employee_id,
                ("Management", "Assistant Manager", pay_near(rng, 2370, 1)),
                "FT",
                day_between(rng, start, date(2016, 12, 1)),
                left,
                rng.choice(TOWNS)[0],
                (23, 40),
            )


def add_legacy_staff(company: Company) -> None:
    """The people hired before the hiring system existed: they have no application on file."""
    rng = company.rng
    planted = list(PLANTED_STAFF)
    for shop_id, shop in enumerate(SHOPS, 1):
        for _ in range(round(shop[8] * 1.05)):
            opened = date.fromisoformat(shop[5])
            shut = closing(shop_id)
            hired = day_between(rng, max(opened, date(2002, 1, 1)), date(2019, 11, 30))
            left: date | None = None
            if rng.random() < 0.27:
                left = day_between(rng, max(hired + timedelta(days=200), date(2020, 1, 15)), END)
            if shut is not None and (left is None or left > shut):
                left = shut
            dept, title, usual = a_job(rng)
            job = (dept, title, pay_near(rng, usual, (END - hired).days / 365))
            name = planted.pop(0) if planted and rng.random() < 0.2 else a_name(rng)
            boss = rng.choices(company.managers_of(shop_id), [2, *[3] * (len(company.managers_of(shop_id)) - 1)])[0]
            home = shop[1] if rng.random() < 0.55 else rng.choice(TOWNS)[0]
            company.add_employee(
                name,
                shop_id,
                boss.employee_id,
                job,
                rng.choices(("FT", "PT"), (70, 30))[0],
                hired,
                left,
                home if rng.random() < 0.93 else None,
                (18, 48),
            )


def new_applicant(company: Company, near: tuple[str, str], on: date) -> int:
    """Append an applicant living near the given town (or elsewhere, or nowhere on file) and return the number."""
    rng = company.rng
    first, last = a_name(rng)
    town, state = near if rng.random() < 0.5 else rng.choice(TOWNS)
    source = weighted(rng, SOURCES)
    referrer: int | None = None
    if source == "Referral":
        staff = [p for p in company.people if p.hired < on and (p.left is None or p.left > on)]
        referrer = rng.choice(staff[: max(30, len(staff) // 2)]).employee_id if rng.random() < 0.93 else None
    years = str(min(28, int(rng.expovariate(0.26))))
    slip = rng.random()
    experience: str | None = years if slip > 0.17 else ("" if slip > 0.10 else ("n/a" if slip > 0.05 else None))
    known = rng.random() > 0.05
    number = len(company.applicants) + 1
    company.applicants.append(
        (number, first, last, town if known else None, state if known else None, experience, source, referrer)
    )
    return number


def interview_rounds(company: Company, application_id: int, leads: list[int], applied: date) -> tuple[float, date]:
    """Interviews of one application; returns the mean score (0 when none was noted) and the last day."""
    rng = company.rng
    merit = rng.gauss(6.1, 1.7)
    scores: list[int] = []
    day = applied
    for round_no in range(1, rng.choices((1, 2, 3), (52, 38, 10))[0] + 1):
        day += timedelta(days=rng.randint(3, 12))
        if day > END:
            break
        kind = rng.choices(("phone", "video", "in person"), (55, 20, 25) if round_no == 1 else (5, 15, 80))[0]
        score: int | None = min(10, max(1, round(rng.gauss(merit, 1.0))))
        if rng.random() < 0.09:
            score = None
        else:
            scores.append(score or 0)
        company.interviews.append(
            (len(company.interviews) + 1, application_id, round_no, rng.choice(leads), iso(day), kind, score)
        )
    return (sum(scores) / len(scores) if scores else 0.0), day


def take_on(
    company: Company,
    application_id: int,
    applicant_id: int,
    shop_id: int,
    job: tuple[str, str, int],
    contract: str,
    ready: date,
) -> bool:
    """Make an employee of an applicant; False when the start would fall after the end of the data."""
    rng = company.rng
    start = ready + timedelta(days=rng.randint(7, 30))
    if start > END:
        return False
    left: date | None = None
    if contract == "SEAS":
        left = start + timedelta(days=rng.randint(70, 150))
    elif rng.random() < 0.24:
        left = start + timedelta(days=rng.randint(40, 900))
    if left is not None and left > END:
        left = None
    shut = closing(shop_id)
    if shut is not None and (left is None or left > shut):
        left = shut
    pay = pay_near(rng, job[2], 0)
    raised = 5 * round(pay * (1 + 0.028 * ((left or END) - start).days / 365) / 5)
    person = company.applicants[applicant_id - 1]
    bosses = company.managers_of(shop_id)
    boss = rng.choices(bosses, [2, *[3] * (len(bosses) - 1)])[0]
    home = person[3]
    employee = company.add_employee(
        (str(person[1]), str(person[2])),
        shop_id,
        boss.employee_id,
        (*job[:2], raised),
        contract,
        start,
        left,
        home if isinstance(home, str) else None,
        (17, 46),
    )
    bonus = float(rng.choice((150, 250, 250, 300, 500, 750))) if contract == "FT" and rng.random() < 0.3 else None
    company.hires.append((application_id, employee.employee_id, iso(start), pay, bonus))
    return True


def add_posting(company: Company, posted: date, taken: list[int]) -> None:
    """One posting with its applications, interviews and hires; `taken` lists applicants already hired."""
    rng = company.rng
    shop_ids = range(1, len(SHOPS) + 1)
    sizes = [0 if (closing(i) or END + timedelta(days=1)).year <= posted.year else SHOPS[i - 1][8] for i in shop_ids]
    shop_id = rng.choices(shop_ids, sizes)[0]
    shop = SHOPS[shop_id - 1]
    dept, title, usual = a_job(rng)
    contract = rng.choices(("FT", "PT", "SEAS"), (48, 30, 22))[0]
    openings = rng.choices((1, 2, 3, 4), (66, 22, 9, 3))[0]
    leads = [p.employee_id for p in company.managers_of(shop_id)]
    hr = [p.employee_id for p in company.people if p.title == "HR Partner"]
    interviewers = [*leads, *leads, *leads, *hr]
    posting_id = len(company.postings) + 1
    closes = posted + timedelta(days=rng.randint(18, 50))
    cancelled = rng.random() < 0.06
    pool: list[tuple[float, int, int, date]] = []
    how_many = 0 if rng.random() < 0.05 else min(24, 1 + int(rng.expovariate(0.15)))
    seen: list[int] = []
    for _ in range(how_many):
        applied = day_between(rng, posted, min(closes - timedelta(days=2), END))
        again = rng.randint(max(1, len(company.applicants) - 260), max(1, len(company.applicants)))
        fresh = not company.applicants or again in taken or again in seen or rng.random() > 0.42
        applicant_id = new_applicant(company, (shop[1], shop[2]), applied) if fresh else again
        seen.append(applicant_id)
        application_id = len(company.applications) + 1
        wish = pay_near(rng, round(usual * 1.03), 0) if rng.random() < 0.72 else None
        company.applications.append((application_id, posting_id, applicant_id, iso(applied), wish, "REJ"))
        if not cancelled and rng.random() < 0.5:
            score, day = interview_rounds(company, application_id, interviewers, applied)
            if score:
                pool.append((score, application_id, applicant_id, day))
    pool.sort(key=lambda c: (-c[0], c[1]))
    filled = settle(company, pool, openings, shop_id, (dept, title, usual), contract, closes, taken)
    still_open = closes > END
    for i, row in enumerate(company.applications):
        if row[1] == posting_id and row[5] == "REJ":
            chance = rng.random()
            status = "NEW" if still_open and chance < 0.7 else ("WDN" if chance > 0.9 else "REJ")
            company.applications[i] = (*row[:5], status)
    status = "CANC" if cancelled else ("FILLED" if filled == openings else ("OPEN" if still_open else "LAPSED"))
    low = 5 * round(usual * 0.96 / 5) if rng.random() > 0.14 else None
    high = None if low is None else low + rng.choice((100, 150, 150, 200, 250, 300, 400))
    closed = None if status == "OPEN" else min(closes, END)
    company.postings.append(
        (
            posting_id,
            shop_id,
            rng.choice([*leads, leads[0], leads[0], hr[0]]),
            dept,
            title,
            contract,
            openings,
            low,
            high,
            iso(posted),
            iso(closed),
            status,
        )
    )


def settle(
    company: Company,
    pool: list[tuple[float, int, int, date]],
    openings: int,
    shop_id: int,
    job: tuple[str, str, int],
    contract: str,
    closes: date,
    taken: list[int],
) -> int:
    """Offer the job to the best candidates until it is filled; returns how many were hired."""
    filled = 0
    for score, application_id, applicant_id, day in pool:
        if filled == openings or score < 5:
            break
        status = "HIRED"
        if company.rng.random() < 0.16:
            status = "DECL"
        elif take_on(company, application_id, applicant_id, shop_id, job, contract, max(day, closes)):
            taken.append(applicant_id)
            filled += 1
        else:
            continue
        company.applications[application_id - 1] = (*company.applications[application_id - 1][:5], status)
    return filled


def add_evaluations(company: Company) -> None:
    """A rating each December for everyone employed since the end of June; the chief executive is not rated."""
    rng = company.rng
    hr = [p.employee_id for p in company.people if p.title == "HR Partner"]
    merit = {p.employee_id: rng.gauss(3.4, 0.55) for p in company.people}
    for year in range(2020, 2025):
        for p in company.people:
            gone = p.left is not None and p.left < date(year, 12, 15)
            if p.manager_id is None or gone or p.hired > date(year, 6, 30) or rng.random() < 0.05:
                continue
            rating = min(5.0, max(1.0, round(2 * rng.gauss(merit[p.employee_id], 0.45)) / 2))
            award: str | None = None
            if rng.random() < {5.0: 0.8, 4.5: 0.5, 4.0: 0.2}.get(rating, 0.015):
                new = p.hired > date(year - 1, 6, 30)
                award = "Rookie of the Year" if new and rng.random() < 0.5 else weighted(rng, AWARDS)
            bonus: float | None = None
            if rating >= 3.5 and rng.random() < 0.8:
                bonus = round(p.pay * (rating - 2.5) * rng.uniform(0.09, 0.21)) + rng.choice((0.0, 0.0, 0.5))
            evaluator = rng.choice(hr) if rng.random() < 0.1 and p.employee_id not in hr else p.manager_id
            company.evaluations.append(
                (len(company.evaluations) + 1, p.employee_id, evaluator, year, rating, award, bonus)
            )


def rows(rng: random.Random) -> dict[str, list[Row]]:
    """All rows, table by table, parents first."""
    company = Company(rng)
    add_leaders(company)
    add_legacy_staff(company)
    days = sorted(day_between(rng, date(2020, 1, 6), date(2024, 12, 18)) for _ in range(N_POSTINGS))
    taken: list[int] = []
    for posted in days:
        add_posting(company, posted, taken)
    for _ in range(14):  # people who left their details and never applied
        new_applicant(company, rng.choice(TOWNS), END)
    add_evaluations(company)
    return {
        "shop": shop_rows(),
        "employee": company.employees,
        "job_posting": company.postings,
        "applicant": company.applicants,
        "application": company.applications,
        "interview": company.interviews,
        "hire": company.hires,
        "evaluation": company.evaluations,
    }
