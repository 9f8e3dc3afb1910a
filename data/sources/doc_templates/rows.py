"""Rows of doc_templates: the document templates of an invented district council.

Templates come in families whose versions replace one another (now and then one version is split in two); officers
write documents on them, often on a version that is already out of date, and reviewers score them. All names, dates
and figures are made up.
"""

import random
from dataclasses import dataclass
from datetime import date, timedelta

Row = tuple[object, ...]

LAST_DAY = date(2025, 6, 30)

# code, label, years kept (None: for good), needs sign-off, how often documents are written on it
KINDS: list[tuple[str, str, int | None, int, int]] = [
    ("LET", "Letter", 6, 0, 34),
    ("FRM", "Form", 6, 0, 20),
    ("CON", "Contract", 12, 1, 12),
    ("POL", "Policy", None, 1, 4),
    ("REP", "Committee report", None, 1, 10),
    ("MIN", "Minutes", None, 0, 9),
    ("PRS", "Press notice", 3, 1, 6),
    ("CRT", "Certificate", 25, 1, 4),
    ("TND", "Tender pack", 12, 1, 3),
    ("LFT", "Leaflet", 3, 0, 0),
]

TITLES: dict[str, list[str]] = {
    "LET": [
        "Rent arrears reminder",
        "Tenant's right to repair",
        "Welcome to your new home",
        "Council tax final notice",
        "Parking appeal decision",
        "Planning neighbour notice",
        "Job offer, fixed term",
        "Job offer, permanent",
        "School transport refusal",
        "Complaint: first reply",
        "Complaint: final reply",
        "Allotment waiting list",
        "Missed bin apology",
        "Bereavement condolence",
        "Fostering enquiry reply",
    ],
    "FRM": [
        "Sickness self-certificate",
        "Expenses claim",
        "Blue bin request",
        "Street party application",
        "Tree work request",
        "Housing transfer request",
        "Freedom of information request",
        "Volunteer registration",
        "Café pavement licence application",
        "Pest visit booking",
        "Hall hire booking",
        "Mileage log",
    ],
    "CON": [
        "Grounds maintenance agreement",
        "Market stall licence",
        "Agency worker agreement",
        "Sports hall lease",
        "Software supply agreement",
        "Care provider framework",
        "Beach hut lease",
        "Caretaker's service tenancy",
    ],
    "POL": [
        "Records retention policy",
        "Flexible working policy",
        "Safeguarding policy",
        "Gifts and hospitality policy",
        "Acceptable use of IT",
        "Lone working policy",
        "Graffiti removal policy",
    ],
    "REP": [
        "Planning committee report",
        "Budget monitoring report",
        "Scrutiny review report",
        "Licensing hearing report",
        "Annual parks report",
        "Equality impact report",
    ],
    "MIN": ["Full council minutes", "Planning committee minutes", "Staff forum minutes", "Tenants' panel minutes"],
    "PRS": ["Road closure notice", "Event announcement", "Flood warning notice", "Mayor's statement", "Award notice"],
    "CRT": ["Food hygiene certificate", "Long service certificate", "Citizenship certificate", "Building completion"],
    "TND": ["Works tender pack", "Services tender pack", "Small quotes pack"],
}

SPLITS = {
    "Rent arrears reminder": ("tenants", "leaseholders"),
    "Expenses claim": ("officers", "councillors"),
    "Works tender pack": ("highways", "buildings"),
    "Event announcement": ("indoor", "outdoor"),
    "Beach hut lease": ("annual", "summer only"),
}
TRANSLATED = [
    "Rent arrears reminder",
    "Welcome to your new home",
    "Blue bin request",
    "Council tax final notice",
    "Housing transfer request",
    "Flood warning notice",
]
WORD_LIMITS = ["", "no limit", "250", "300", "400", "600", "800", "1000", "1200", "1500", "2500"]
WORD_LIMIT_WEIGHTS = [16, 14, 6, 9, 14, 18, 9, 7, 7, 3, 2]

DEPARTMENTS = ["Housing", "Legal", "Planning", "People & Culture", "Finance", "Parks & Leisure", "Communications"]
STAFF_NAMES = [
    "Margaret Ashdown",
    "Femi Adeyemi",
    "Siobhán O'Rourke",
    "Harpreet Gill",
    "Tomasz Wieczorek",
    "Linda Pugh",
    "Bryn Llewellyn",
    "Aaliyah Chowdhury",
    "Kwame Mensah",
    "Renée Dubois",
    "Joan Fairweather",
    "Marcus Tolliver",
    "José Marín",
    "Yuki Hamada",
    "Patrick D'Souza",
    "Grace Okafor",
    "Nadia Rahman",
    "Owain Prosser",
    "Clare Whitcombe",
    "Dmitri Volkonsky",
    "Jose Marin",
    "Shanelle Baptiste",
    "Elin Sørby",
    "Rajesh Nair",
    "Fiona McAllister",
    "Grace Okafor",
    "Piotr Zając",
    "Hannah Bickerstaff",
    "Imran Siddiqui",
    "Ling Qiao",
    "Alun Meredith",
    "Beatriz Carvalho",
    "Dawn Hathersage",
    "Tunde Balogun",
    "Sophie Lindqvist",
    "Malcolm Greaves",
    "Zainab Farooq",
    "Rhiannon Tudor",
    "Keith Osgood",
    "Ana Petrović",
    "Winston Clarke",
    "Mei-Ling Foo",
    "Declan O'Brien",
    "Priya Venkataraman",
    "Stuart Applegarth",
    "Chiara Bonetti",
    "Mustafa Aydın",
    "Ruth Nkemelu",
    "Gareth Pugh",
    "Irena Kovács",
    "Desmond Achebe",
    "Laura Thistlewood",
    "Noor al-Hadid",
    "Simon Trevanion",
    "Olena Hrytsenko",
    "Jack Pemberton",
    "Layla Haddad",
    "Edith Crowhurst",
    "Sam Whitlock",
    "Sam Whitlock",
    "Bronwen Yorath",
    "Viktor Anders",
    "Catarina Lopes",
    "Terence Mudd",
]
JOBS = ["Officer", "Senior Officer", "Assistant", "Adviser", "Apprentice"]
JOB_WEIGHTS = [40, 22, 20, 12, 6]

TAGS = [
    "statutory",
    "GDPR",
    "plain English",
    "large print",
    "tenants",
    "suppliers",
    "licensing",
    "Licensing Act",
    "annual",
    "payments",
    "easy-read",
    "staff only",
    "website",
    "e-signature",
    "bilingual",
    "councillors",
    "résumé required",
    "do not fold",
    "planning",
    "events",
    "audit 2023",
    "audit 2024",
    "legacy logo",
    "pilot",
]
UNUSED_TAGS = {"do not fold", "pilot"}

STREETS = [
    "Heron Court",
    "Tannery Lane",
    "St Aldhelm's Road",
    "Quarry Bank",
    "Mill Lane",
    "Old Mill Lane",
    "Foundry Street",
    "Larkspur Close",
    "Bishop's Walk",
    "Canal Terrace",
    "Copper Hill",
    "Nettle Row",
]
RESIDENTS = [
    "Mrs E. Lacey",
    "Mr T. Ogunleye",
    "Ms P. Kaur",
    "Dr A. Szabó",
    "Mr J. Smith",
    "Mrs J. Smith",
    "Ms R. Çelik",
    "Mr and Mrs Achterberg",
    "Miss L. O'Dowd",
    "Mr H. Tanaka",
    "Ms A. Szabo",
    "Mx C. Bright",
]
FIRMS = [
    "Hargreave & Sons",
    "Bluewater Catering",
    "Kestrel Fencing Ltd",
    "Friends of Copper Hill",
    "Vale Scaffolding",
    "D'Arcy Lettings",
    "Penrose Print, Ltd",
    "Riverside Scouts",
    "Nowak Flooring",
    "Greenshoots CIC",
]
ABOUT_PLACES = (
    "Rent",
    "Tenant's",
    "Welcome",
    "Council tax",
    "Planning",
    "Missed",
    "Blue",
    "Street",
    "Tree",
    "Housing",
    "Pest",
    "Food",
    "Building",
    "Note",
)
MORE_PAGES = {"REP": 9.0, "CON": 7.0, "TND": 18.0, "POL": 6.0, "MIN": 4.0}
TOPICS = [
    "spring works",
    "winter programme",
    "first quarter",
    "second quarter",
    "third quarter",
    "fourth quarter",
    "summer fair",
    "bridge repairs",
    "play areas",
    "leisure centre",
    "town hall roof",
    "street lighting",
]
CHANNELS = ["e-mail", "post", "portal", "counter", "fax"]
CHANNEL_WEIGHTS = [46, 31, 16, 6, 1]

STYLES = ["Body", "Heading", "Clause", "List", "Signature", "Notice box"]
STYLE_WEIGHTS = [52, 16, 14, 9, 6, 3]
STYLE_WORDS = {
    "Body": (62, 28),
    "Heading": (6, 2),
    "Clause": (88, 35),
    "List": (40, 16),
    "Signature": (12, 3),
    "Notice box": (25, 8),
}
OPENINGS: dict[str, list[str]] = {
    "Body": [
        "We are writing to let you know",
        "Thank you for getting in touch",
        "Following our visit of last week",
        "You do not need to do anything",
        "If you disagree with this decision",
        "The council has agreed that",
        "Please reply within 14 days",
        "Further to your letter,",
        "We're sorry for the delay",
        "As you may know,",
    ],
    "Heading": ["Background", "What happens next", "Your rights", "Costs", "Contact us", "Summary", "Next steps"],
    "Clause": [
        "The Supplier shall",
        "The Council may at any time",
        "Neither party shall",
        "Subject to clause 4,",
        "The Tenant agrees to",
        "For the avoidance of doubt,",
    ],
    "List": ["You will need:", "Please bring", "The following were present:", "Items agreed:"],
    "Signature": ["Yours sincerely,", "Yours faithfully,", "Signed for the Council", "Cofion gorau,"],
    "Notice box": ["Important:", "Don't ignore this notice", "If you need this in large print"],
}
VERDICTS = ["accept", "accept with edits", "send back", "reject"]
REMARKS = [
    "Tone too stiff for residents",
    "Cites an act that has been repealed",
    "Logo is out of date",
    "Good, clear layout",
    "Second page can go",
    "Postcode missing from the address block",
    "Reads well",
    "Doesn't name the ombudsman",
    "Legal asked for a shorter clause 4",
    "Wrong phone number",
    "Good, but twice as long as it should be",
    "Needs a Welsh version",
]


@dataclass
class Template:
    """One version of a template."""

    number: int
    kind: str
    title: str
    version: str
    language: str
    owner: int
    approver: int | None
    replaces: int | None
    status: str
    issued: date | None
    outdated: date | None  # when a newer version came in
    max_words: str


@dataclass
class Person:
    """One of the council's staff."""

    number: int
    name: str
    department: str
    job: str
    supervisor: int | None
    extension: str | None
    joined: date
    left: date | None


def between(rng: random.Random, first: date, last: date) -> date:
    """A day from first to last, both included."""
    return first + timedelta(days=rng.randint(0, max(0, (last - first).days)))


def text(day: date | None) -> str | None:
    """The ISO form of a day that may be unknown."""
    return None if day is None else day.isoformat()


def staff(rng: random.Random) -> list[Person]:
    """The chief executive, a head for each department, then officers, some of whom lead a few others."""
    people: list[Person] = []
    leads: dict[str, list[int]] = {}
    for number, name in enumerate(STAFF_NAMES, 1):
        head = number <= len(DEPARTMENTS) + 1
        supervisor: int | None
        if number == 1:
            department, job, supervisor = "Chief Executive's Office", "Chief Executive", None
        elif head:
            department = DEPARTMENTS[number - 2]
            job, supervisor = "Head of " + department, 1
        else:
            department = rng.choices(DEPARTMENTS, [28, 16, 14, 10, 12, 12, 8])[0]
            job = rng.choices(JOBS, JOB_WEIGHTS)[0]
            supervisor = rng.choice(leads[department])
        if head or (job == "Senior Officer" and len(leads[department]) < 3):
            leads.setdefault(department, []).append(number)
        if head or job == "Senior Officer":
            joined = between(rng, date(2001, 3, 1), date(2011, 12, 1))
        elif job == "Apprentice":
            joined = between(rng, date(2019, 9, 1), date(2023, 9, 1))
        else:
            joined = between(rng, date(2003, 1, 6), date(2022, 9, 1))
        leaves = not head and rng.random() < 0.2
        left = between(rng, max(date(2017, 11, 1), joined + timedelta(days=200)), date(2025, 5, 31)) if leaves else None
        extension = None if rng.random() < 0.15 else f"{rng.randint(12, 989):04d}"
        people.append(Person(number, name, department, job, supervisor, extension, joined, left))
    return people


def someone(rng: random.Random, people: list[Person], day: date, besides: int = 0, senior: bool = False) -> int:
    """One who was employed on that day, the first in the list more often than the last."""
    able = [p for p in people if p.joined <= day and (p.left is None or p.left > day) and p.number != besides]
    if senior:
        able = [p for p in able if p.job.startswith(("Chief", "Head", "Senior"))]
    return able[int(len(able) * rng.random() ** 1.5)].number


def family(
    rng: random.Random,
    people: list[Person],
    kind: str,
    title: str,
    first_number: int,
    language: str = "en",
    earliest: date = date(2012, 2, 1),
) -> list[Template]:
    """The versions of one template, oldest first."""
    sign_off = next(k[3] for k in KINDS if k[0] == kind)
    count = rng.choices([1, 2, 3, 4, 5, 6], [17, 27, 26, 17, 9, 4])[0] if language == "en" else 1
    split = SPLITS.get(title) if language == "en" else None
    if split:
        count = max(count, 2)
    issued = between(rng, earliest, max(date(2021, 12, 31), earliest + timedelta(days=600)))
    owner = someone(rng, people, issued)
    limit = rng.choices(WORD_LIMITS, WORD_LIMIT_WEIGHTS)[0]
    versions: list[Template] = []
    major, minor = 1, 0
    for step in range(count):
        if step:
            major, minor = (major + 1, 0) if rng.random() < 0.45 else (major, minor + 1)
            issued = issued + timedelta(days=rng.randint(120, 820))
            if issued > LAST_DAY:
                break
            if rng.random() < 0.5:
                owner = someone(rng, people, issued)
            if rng.random() < 0.3:
                limit = rng.choices(WORD_LIMITS, WORD_LIMIT_WEIGHTS)[0]
            versions[-1].status = "superseded"
            versions[-1].outdated = issued
        previous = versions[-1].number if versions else None
        approver = someone(rng, people, issued, owner, senior=True) if sign_off or rng.random() < 0.35 else None
        versions.append(
            Template(
                first_number + len(versions),
                kind,
                title,
                f"{major}.{minor}",
                language,
                owner,
                approver,
                previous,
                "in force",
                issued,
                None,
                limit,
            )
        )
    end(rng, people, versions, split)
    return versions


def end(rng: random.Random, people: list[Person], versions: list[Template], split: tuple[str, str] | None) -> None:
    """Give the newest version its standing, or split it in two."""
    last = versions[-1]
    if split and len(versions) > 1:
        last.title = f"{last.title} ({split[0]})"
        last.version = "1.0"
        twin = Template(
            last.number + 1,
            last.kind,
            f"{versions[0].title} ({split[1]})",
            "1.0",
            last.language,
            someone(rng, people, last.issued or LAST_DAY, last.approver or 0),
            last.approver,
            last.replaces,
            "in force",
            last.issued,
            None,
            last.max_words,
        )
        versions.append(twin)
        return
    luck = rng.random()
    if luck < 0.15:
        last.status = "withdrawn"
    elif luck < 0.32:
        last.owner = someone(rng, people, LAST_DAY)
        last.status, last.issued, last.approver = "draft", None, None
        if len(versions) > 1:
            versions[-2].status, versions[-2].outdated = "in force", None


def templates(rng: random.Random, people: list[Person]) -> list[Template]:
    """Every version of every template."""
    made: list[Template] = []
    for kind, titles in TITLES.items():
        for title in titles:
            made += family(rng, people, kind, title, len(made) + 1)
    for title in TRANSLATED:
        kind = next(k for k, ts in TITLES.items() if title in ts)
        earliest = next(t.issued for t in made if t.title == title) or date(2023, 1, 9)
        for language in rng.sample(["cy", "pl", "ur"], rng.choices([1, 2, 3], [1, 3, 5])[0]):
            made += family(rng, people, kind, title, len(made) + 1, language, earliest)
    return made


def detail(rng: random.Random, title: str, kind: str) -> str:
    """What a document is about, after its title."""
    if kind in ("REP", "MIN", "PRS", "POL"):
        return rng.choice(TOPICS)
    if kind in ("CON", "TND"):
        return rng.choice(FIRMS)
    if title.startswith(ABOUT_PLACES):
        return f"{rng.randint(1, 88)} {rng.choice(STREETS)}"
    return rng.choice(RESIDENTS)


def document_rows(rng: random.Random, made: list[Template], people: list[Person]) -> list[Row]:
    """Letters, forms and the rest, oldest first."""
    weight = {k[0]: k[4] for k in KINDS}
    usable = [t for t in made if t.issued is not None and t.number % 9 != 4]
    weights = [
        weight[t.kind]
        * (0.3 + 1.5 * rng.random() ** 2)
        * ((t.outdated or LAST_DAY) - (t.issued or LAST_DAY)).days
        * (1.0 if t.language == "en" else 0.2)
        for t in usable
    ]
    drawn: list[tuple[date, Template | None]] = []
    for _ in range(860):
        template = rng.choices(usable, weights)[0]
        first = template.issued or LAST_DAY
        last = template.outdated or LAST_DAY
        if template.outdated and rng.random() < 0.2:
            first, last = last, min(LAST_DAY, last + timedelta(days=400))
        drawn.append((between(rng, first, last), template))
    drawn += [(between(rng, date(2014, 1, 6), LAST_DAY), None) for _ in range(54)]
    drawn.sort(key=lambda pair: (pair[0], pair[1].number if pair[1] else 0))
    rows: list[Row] = []
    writers = sorted(people[1:-3], key=lambda person: (7 * person.number) % 61)  # the last few have written nothing
    for number, (created, used) in enumerate(drawn, 1):
        author = someone(rng, writers, created)
        kind = used.kind if used else "LET"
        base = used.title if used else rng.choice(["Note", "Letter", "Memo"])
        channel = rng.choices(CHANNELS, CHANNEL_WEIGHTS)[0]
        if channel == "fax" and created > date(2018, 12, 31):
            channel = "portal"
        sent = None if rng.random() < 0.11 else created + timedelta(days=int(rng.expovariate(0.28)))
        if sent and sent > LAST_DAY:
            sent = None
        pages = 1 + int(rng.expovariate(1 / MORE_PAGES.get(kind, 0.8)))
        rows.append(
            (
                number,
                used.number if used else None,
                author,
                f"{base}: {detail(rng, base, kind)}",
                channel,
                text(created),
                text(sent),
                min(pages, 64),
            )
        )
    return rows


def paragraph_rows(rng: random.Random, documents: int) -> list[Row]:
    """The first paragraphs of each document; scanned documents have none."""
    rows: list[Row] = []
    for document in range(1, documents + 1):
        count = 0 if rng.random() < 0.07 else 1 + min(8, int(rng.expovariate(0.55)))
        for position in range(1, count + 1):
            style = rng.choices(STYLES, STYLE_WEIGHTS)[0]
            if style == "Signature" and position < count:
                style = "Body"
            mean, spread = STYLE_WORDS[style]
            words = max(1, round(rng.gauss(mean, spread)))
            rows.append((document, position, style, words, rng.choice(OPENINGS[style])))
    return rows


def review_rows(rng: random.Random, made: list[Template], people: list[Person]) -> list[Row]:
    """What reviewers said of the templates; some templates were never reviewed."""
    drawn: list[tuple[date, int, int]] = []
    for template in made:
        start = template.issued or date(2025, 1, 6)
        count = 0 if template.number % 7 == 3 else min(6, int(rng.expovariate(0.5)))
        for _ in range(count):
            day = between(rng, start, template.outdated or LAST_DAY)
            drawn.append((day, template.number, someone(rng, people[2:40], day, template.owner)))
    drawn.sort()
    rows: list[Row] = []
    for number, (day, template_id, reviewer) in enumerate(drawn, 1):
        verdict = rng.choices(VERDICTS, [48, 29, 15, 8])[0]
        middle = {"accept": 8.2, "accept with edits": 6.6, "send back": 4.4, "reject": 2.6}[verdict]
        score = None if rng.random() < 0.12 else max(1, min(10, round(rng.gauss(middle, 1.1))))
        hours = None if rng.random() < 0.09 else round(0.25 * max(1, int(rng.expovariate(0.16))), 2)
        remark = rng.choice(REMARKS) if rng.random() < 0.42 else None
        rows.append((number, template_id, reviewer, text(day), verdict, score, hours, remark))
    return rows


def tag_link_rows(rng: random.Random, made: list[Template]) -> list[Row]:
    """Which templates carry which tags."""
    numbers = [n for n, name in enumerate(TAGS, 1) if name not in UNUSED_TAGS]
    rows: list[Row] = []
    for template in made:
        wanted = rng.choices([0, 1, 2, 3, 4, 5], [14, 24, 28, 20, 10, 4])[0]
        chosen: set[int] = set()
        if template.language == "cy":
            chosen.add(TAGS.index("bilingual") + 1)
        while len(chosen) < wanted:
            chosen.add(rng.choices(numbers, [1.0 / (place + 2) ** 0.8 for place in range(len(numbers))])[0])
        rows += [(template.number, tag) for tag in sorted(chosen)]
    return rows


def rows(rng: random.Random) -> dict[str, list[Row]]:
    """All tables, parents first."""
    people = staff(rng)
    made = templates(rng, people)
    documents = document_rows(rng, made, people)
    return {
        "template_kind": [kind[:4] for kind in KINDS],
        "staff": [
            (p.number, p.name, p.department, p.job, p.supervisor, p.extension, text(p.joined), text(p.left))
            for p in people
        ],
        "template": [
            (
                t.number,
                t.kind,
                t.title,
                t.version,
                t.language,
                t.owner,
                t.approver,
                t.replaces,
                t.status,
                text(t.issued),
                t.max_words,
            )
            for t in made
        ],
        "document": documents,
        "paragraph": paragraph_rows(rng, len(documents)),
        "review": review_rows(rng, made, people),
        "tag": list(enumerate(TAGS, 1)),
        "template_tag": tag_link_rows(rng, made),
    }
