"""An evening college over two school years: classes, enrolments, assessed work and its marks.

Marks follow a hidden ability per student and a hidden strictness per class, final grades follow from the marks,
and students who fail may come back for the same course. The last term that has classes is still running, so part of
its work is not marked yet. Planted on purpose: namesakes, names that differ by an accent or a capital only, two
places called Ashford, remarks instead of numbers in `entry_test`, courses never given, a class nobody chose,
classes without any assessment, teachers without a class and students who never enrolled.
"""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta

Value = str | int | float | None
Row = tuple[Value, ...]

TODAY = date(2024, 6, 14)
STUDENTS = 330

TERMS: list[tuple[str, str, str, int]] = [  # label, first day, last day, number of classes
    ("2022 Autumn", "2022-09-12", "2022-12-16", 12),
    ("2023 Spring", "2023-01-16", "2023-04-06", 13),
    ("2023 Summer", "2023-05-02", "2023-07-14", 7),
    ("2023 Autumn", "2023-09-11", "2023-12-15", 15),
    ("2024 Spring", "2024-01-15", "2024-03-28", 14),
    ("2024 Summer", "2024-04-29", "2024-07-12", 8),
    ("2024 Autumn", "2024-09-09", "2024-12-13", 0),
]

# first name, last name, email, contract, hired on, mentor
TEACHERS: list[tuple[str, str, str | None, str, str, int | None]] = [
    ("Margaret", "Oyelaran", "m.oyelaran@larkfield.example", "FT", "2004-09-01", None),
    ("Piotr", "Zawadzki", "p.zawadzki@larkfield.example", "FT", "2009-01-05", 1),
    ("Siobhán", "O'Dowd", "s.odowd@larkfield.example", "FT", "2011-09-01", 1),
    ("Ravi", "Deshpande", "r.deshpande@larkfield.example", "FT", "2012-09-03", 2),
    ("Helena", "Carvalho", "h.carvalho@larkfield.example", "PT", "2014-04-14", 3),
    ("Tom", "Birdwhistle", None, "HRLY", "2015-09-01", 3),
    ("Nadia", "Haddad", "n.haddad@larkfield.example", "FT", "2015-09-01", 1),
    ("Joachim", "Weiß", "j.weiss@larkfield.example", "PT", "2016-01-11", 2),
    ("Grace", "Amankwah", "g.amankwah@larkfield.example", "FT", "2016-09-05", 7),
    ("Linh", "Tran", "l.tran@larkfield.example", "PT", "2017-02-20", 4),
    ("Owen", "Pritchard", None, "HRLY", "2017-09-04", None),
    ("Yuki", "Matsuda", "y.matsuda@larkfield.example", "FT", "2018-09-03", 7),
    ("Chiara", "D'Amico", "c.damico@larkfield.example", "PT", "2018-09-03", 5),
    ("Samuel", "Adeyemi", "s.adeyemi@larkfield.example", "FT", "2019-01-07", 4),
    ("Ingrid", "Solberg", "i.solberg@larkfield.example", "HRLY", "2019-09-02", 3),
    ("Anil", "Deshpande", "a.deshpande@larkfield.example", "PT", "2020-01-06", 4),
    ("Zoë", "Hartley", "z.hartley@larkfield.example", "FT", "2020-09-07", 9),
    ("Zoe", "Hartley", "z.hartley2@larkfield.example", "HRLY", "2021-09-06", 9),
    ("Marek", "Novák", None, "HRLY", "2021-09-06", 8),
    ("Fatima", "El Idrissi", "f.elidrissi@larkfield.example", "PT", "2022-01-10", 7),
    ("Callum", "MacAskill", "c.macaskill@larkfield.example", "FT", "2022-09-05", 12),
    ("Beatriz", "Quintero", "b.quintero@larkfield.example", "HRLY", "2022-09-05", None),
    ("Dong-hyun", "Seo", "dh.seo@larkfield.example", "PT", "2023-01-09", 14),
    ("Ama", "Boateng", None, "HRLY", "2023-09-04", 17),
    ("Lucas", "van Rijn", "l.vanrijn@larkfield.example", "FT", "2024-04-22", 12),
]

HELPERS = (24, 18, 16, 20, 10, 6, 15, 21)  # teachers who also assist in other people's classes

# code, title, subject area, credits, fee, required course, weight, teachers, kinds of work
COURSES: list[tuple[str, str, str, int, float | None, int | None, float, tuple[int, ...], str]] = [
    ("MAT-101", "Everyday Maths", "Maths/Stats", 10, 145.0, None, 9.0, (2, 4, 16), "math"),
    ("MAT-102", "Algebra for Returners", "Maths/Stats", 15, 180.0, 1, 5.0, (2, 4), "math"),
    ("MAT-201", "Statistics with Real Data", "Maths/Stats", 20, 220.5, 2, 3.0, (4, 14), "math"),
    ("MAT-202", "Calculus, Slowly", "Maths/Stats", 20, 220.5, 2, 2.0, (2,), "math"),
    ("LAN-110", "Spanish for Beginners", "Languages", 10, 160.0, None, 8.0, (5, 22), "lang"),
    ("LAN-111", "Spanish: Next Steps", "Languages", 10, 160.0, 5, 5.0, (5, 22), "lang"),
    ("LAN-120", "Italian for Beginners", "Languages", 10, 160.0, None, 3.0, (13,), "lang"),
    ("LAN-130", "German for Beginners", "Languages", 10, 155.0, None, 2.0, (8,), "lang"),
    ("LAN-140", "Japanese for Beginners", "Languages", 10, 175.0, None, 2.5, (12,), "lang"),
    ("LAN-141", "Japanese: Next Steps", "Languages", 10, 175.0, 9, 1.5, (12,), "lang"),
    ("LAN-150", "Modern Standard Arabic", "Languages", 15, None, None, 0.0, (20,), "lang"),
    ("SCI-105", "Human Biology", "Science/Health", 15, 210.0, None, 5.0, (9, 7), "lab"),
    ("SCI-106", "Chemistry in the Kitchen", "Science/Health", 10, 195.0, None, 4.0, (7,), "lab"),
    ("SCI-205", "Anatomy and Physiology", "Science/Health", 20, 265.0, 12, 3.0, (9,), "lab"),
    ("SCI-210", "Astronomy without a Telescope", "Science/Health", 10, 140.0, None, 2.0, (7, 15), "lab"),
    ("HUM-101", "Local History: Mills, Canals & Railways", "Humanities", 10, 95.0, None, 3.0, (3, 11), "essay"),
    ("HUM-120", "What's Philosophy For?", "Humanities", 10, 95.0, None, 4.0, (3,), "essay"),
    ("HUM-121", "Ethics at Work", "Humanities", 15, 120.0, 17, 1.5, (3, 1), "essay"),
    ("HUM-130", "The Writers' Workshop", "Humanities", 15, 130.0, None, 4.0, (6, 18), "essay"),
    ("ART-101", "Drawing, Painting and Print", "Art & Design", 10, 205.0, None, 4.0, (13, 17), "art"),
    ("ART-115", "Pottery", "Art & Design", 10, 240.0, None, 4.0, (17,), "art"),
    ("ART-116", "Pottery: Glazing and Firing", "Art & Design", 10, 255.0, 21, 1.5, (17,), "art"),
    ("ART-130", "Photography on a Budget", "Art & Design", 10, 150.0, None, 2.0, (15, 19), "art"),
    ("CMP-101", "First Steps in Computing", "Computing", 5, 0.0, None, 6.0, (10, 19, 16), "code"),
    ("CMP-110", "Programming in Python", "Computing", 15, 190.0, None, 7.0, (10, 14, 21), "code"),
    ("CMP-111", "Programming: Data Structures", "Computing", 15, 190.0, 25, 2.5, (14, 21), "code"),
    ("CMP-120", "Spreadsheets for Small Business", "Computing", 5, 85.0, None, 4.0, (23, 16), "code"),
    ("CMP-130", "Web Pages from Scratch", "Computing", 10, 150.0, None, 0.0, (23,), "code"),
    ("LAN-160", "Ancient Greek, Very Gently", "Languages", 10, 150.0, None, 0.0, (1,), "lang"),
]

# title, kind, highest mark, weight in percent
PLANS: dict[str, list[list[tuple[str, str, int, int]]]] = {
    "math": [
        [
            ("Quiz 1", "Quiz", 20, 15),
            ("Quiz 2", "Quiz", 20, 15),
            ("Problem set", "Homework", 50, 20),
            ("Final test", "Exam/Test", 100, 50),
        ],
        [("Mid-term test", "Exam/Test", 60, 40), ("Final test", "Exam/Test", 100, 60)],
    ],
    "lang": [
        [("Vocabulary quiz", "Quiz", 30, 20), ("Conversation", "Oral", 40, 40), ("Final test", "Exam/Test", 80, 40)],
        [("Listening", "Oral", 25, 30), ("Letter to a friend", "Homework", 25, 20), ("Conversation", "Oral", 40, 50)],
    ],
    "lab": [
        [
            ("Lab report 1", "Lab report", 40, 25),
            ("Lab report 2", "Lab report", 40, 25),
            ("Final test", "Exam/Test", 100, 50),
        ],
        [("Quiz 1", "Quiz", 20, 20), ("Lab report 1", "Lab report", 40, 40), ("Poster", "Project", 50, 40)],
    ],
    "essay": [
        [("Short essay", "Essay", 50, 40), ("Long essay", "Essay", 100, 60)],
        [("Reading diary", "Homework", 30, 20), ("Long essay", "Essay", 100, 50), ("Seminar talk", "Oral", 40, 30)],
    ],
    "art": [
        [("Sketchbook", "Homework", 40, 30), ("Exhibition piece", "Project", 100, 70)],
        [],
    ],
    "code": [
        [("Quiz 1", "Quiz", 20, 20), ("Exercises", "Homework", 60, 30), ("Final project", "Project", 100, 50)],
        [("Exercises", "Homework", 60, 40), ("Final project", "Project", 100, 60)],
    ],
}

WOMEN = (
    "Aisha Maria Sophie Olga Chloe Priya Emma Ngozi Hannah Mei Lucía Elif Rebecca Agnieszka Fiona Thandiwe Julia "
    "Noor Bronagh Camille Ruth Swati Ewa Abigail Leila Carmen Joyce Sinéad Tamara Hye-jin Denise Amara Kerry Inés "
    "Valentina Blessing Dorothy Zainab Katya Megan"
).split()
MEN = (
    "Mohammed David José Liam Arjun Kwame Paul Tomasz Wei Ahmed Daniel Kofi Iain Mateo Hiroshi Oliver Stefan Yusuf "
    "Gareth Rohan Emeka Bartosz Luis Karim Peter Minh Patrick Andrei Jamal Niklas Declan Vikram Jorge Ben Tunde"
).split()
EITHER = "Robin Alex Sam Jamie Kit Ariel Sasha".split()
LAST = (
    "Khan,Smith,Patel,Kowalski,Nguyen,Jones,Okafor,Ahmed,Taylor,Singh,O'Brien,Garcia,Chen,Murphy,Ali,Brown,Mensah,"
    "Wright,Silva,Hussain,Evans,Kaminska,Müller,Hughes,Begum,Park,Lewis,Osei,Núñez,Fernandes,Walker,Ivanova,Scott,"
    "D'Souza,Rahman,Green,Le Goff,Yılmaz,Baker,Popescu,Tanaka,McLeod,Adeleke,Hill,Rossi,Chowdhury,Fraser,Lindqvist,"
    "Achebe,Barker,Sokolov,Van der Berg,Mahmoud,Price,Björk,Thapa"
).split(",")
# town, first digits of its postcodes, weight
TOWNS: list[tuple[str, str, int]] = [
    ("Larkfield", "047", 120),
    ("Ashford", "052", 60),
    ("Millbrook", "049", 44),
    ("St. Mary's Bay", "061", 30),
    ("Great Wexham", "048", 24),
    ("Little Wexham", "048", 15),
    ("Hollins Cross", "055", 12),
    ("Ashford", "118", 9),
    ("Port Elwyn", "090", 6),
    ("Château-le-Bois", "102", 3),
]
# first name, last name, gender, birth date, town, postcode, entry test, joined on
PLANTED: list[tuple[str, str, str | None, str, str, str | None, str, str]] = [
    ("Aisha", "Khan", "F", "1991-03-08", "Larkfield", "04711", "78", "2022-08-22"),
    ("Aisha", "Khan", "F", "2001-11-30", "Millbrook", "04907", "64", "2023-01-03"),
    ("José", "Núñez", "M", "1984-07-19", "Ashford", "05230", "55", "2022-08-30"),
    ("Jose", "Nunez", "M", "1996-02-02", "Ashford", "11804", "n/a", "2022-09-01"),
    ("Fiona", "McLeod", "F", "1979-10-12", "Larkfield", "04702", "100", "2022-08-25"),
    ("Fiona", "Mcleod", "F", "1988-05-27", "Great Wexham", "04816", "88", "2023-08-28"),
    ("Dorothy", "O'Brien", "F", "1949-01-31", "St. Mary's Bay", None, "exempt", "2022-08-19"),
    ("Ben", "Hill", "M", "2004-02-29", "Larkfield", "04733", "9", "2023-04-17"),
    ("Karim", "Ali", "M", "1990-12-25", "Port Elwyn", "09001", "100", "2023-08-30"),
]
GRADES: list[tuple[float, str]] = [(85.0, "A*"), (74.0, "A"), (62.0, "B"), (50.0, "C"), (40.0, "D")]
FAIL = "U"


@dataclass
class Student:
    """What the generator knows of a student beyond the row."""

    row: Row
    joined: date
    left: date | None
    ability: float
    zeal: float
    taken: dict[int, str | None] = field(default_factory=dict)
    evenings: list[tuple[int, str]] = field(default_factory=list)


@dataclass
class Work:
    """One assessment of a class."""

    number: int
    top: int
    weight: int
    due: date


def between(rng: random.Random, first: date, last: date) -> date:
    """A day from first to last, both included."""
    return first + timedelta(days=rng.randint(0, (last - first).days))


def entry_test(rng: random.Random, ability: float) -> str:
    """The mark of the entry test as the desk typed it in."""
    draw = rng.random()
    if draw < 0.06:
        return ""
    if draw < 0.11:
        return "n/a"
    if draw < 0.16:
        return "exempt"
    return str(max(4, min(97, round(rng.gauss(ability - 3, 12)))))


def make_students(rng: random.Random) -> list[Student]:
    """The planted students first, then the drawn ones, numbered in the order in which they joined."""
    drafts: list[tuple[date, Student]] = []
    for first, last, gender, born, town, code, test, joined in PLANTED:
        ability = float(test) if test.isdigit() else 60.0
        start = date.fromisoformat(joined)
        row: Row = (first, last, gender, born, town, code, test, joined)
        drafts.append((start, Student(row, start, None, min(90.0, max(35.0, ability)), 2.0)))
    name_weights = [1 / (n + 4) for n in range(len(LAST))]
    while len(drafts) < STUDENTS:
        pool, gender = rng.choices([(WOMEN, "F"), (MEN, "M"), (EITHER, "X")], weights=[57, 40, 3])[0]
        known = gender if rng.random() < 0.95 else None
        year = rng.choices([0, 1], weights=[65, 35])[0]
        born_on = (
            between(rng, date(1938, 1, 1), date(1979, 12, 31))
            if year
            else between(rng, date(1980, 1, 1), date(2005, 12, 31))
        )
        town, prefix, _ = rng.choices(TOWNS, weights=[t[2] for t in TOWNS])[0]
        postcode = f"{prefix}{rng.randint(1, 40):02d}" if rng.random() < 0.96 else None
        base = rng.choices(
            [
                date(2022, 9, 1),
                date(2023, 1, 8),
                date(2023, 4, 25),
                date(2023, 9, 3),
                date(2024, 1, 7),
                date(2024, 4, 20),
            ],
            weights=[40, 16, 8, 20, 10, 6],
        )[0]
        start = base - timedelta(days=rng.randint(0, 20))
        left = None
        if rng.random() < 0.13:
            left = between(rng, start + timedelta(days=110), max(start + timedelta(days=120), TODAY))
            left = left if left <= TODAY else None
        ability = min(93.0, max(30.0, rng.gauss(63, 11)))
        row = (
            rng.choice(pool),
            rng.choices(LAST, weights=name_weights)[0],
            known,
            born_on.isoformat(),
            town,
            postcode,
            entry_test(rng, ability),
            start.isoformat(),
        )
        drafts.append((start, Student(row, start, left, ability, min(7.0, rng.paretovariate(1.6)))))
    drafts.sort(key=lambda draft: draft[0])
    students = [draft[1] for draft in drafts]
    for number, student in enumerate(students, 1):
        student.row = (number, *student.row, student.left.isoformat() if student.left else None)
    return students


def choose_students(
    rng: random.Random, students: list[Student], course: int, term: Row, weekday: str, wanted: int
) -> list[int]:
    """Indices of the students of one class, in the order of enrolling; nobody has two classes on one evening."""
    first, last = date.fromisoformat(str(term[2])), date.fromisoformat(str(term[3]))
    needed = COURSES[course - 1][5]
    weights: list[float] = []
    for student in students:
        weight = student.zeal
        if student.joined > first or (student.left and student.left < last):
            weight = 0.0
        if (int(str(term[0])), weekday) in student.evenings:
            weight = 0.0
        if course in student.taken:
            weight *= 6.0 if student.taken[course] in (FAIL, None) else 0.0
        if needed and needed not in student.taken:
            weight *= 0.012
        weights.append(weight)
    if needed:
        wanted = min(wanted, round(0.7 * sum(needed in s.taken for s in students)))
    chosen: list[int] = []
    while len(chosen) < wanted and sum(weights) > 0:
        index = rng.choices(range(len(students)), weights=weights)[0]
        chosen.append(index)
        weights[index] = 0.0
    return chosen


def plan_work(rng: random.Random, course: int, section: int, term: Row, out: list[Row]) -> list[Work]:
    """The assessments of one class; most classes of a course share a plan."""
    plans = PLANS[COURSES[course - 1][8]]
    plan = plans[(course + (rng.random() < 0.2)) % 2]
    first, last = date.fromisoformat(str(term[2])), date.fromisoformat(str(term[3]))
    works: list[Work] = []
    for place, (title, kind, top, weight) in enumerate(plan, 1):
        share = place / len(plan)
        due = first + timedelta(days=int((last - first).days * share) - rng.randint(1, 7))
        out.append((len(out) + 1, section, title, kind, top, weight, due.isoformat()))
        works.append(Work(len(out), top, weight, due))
    return works


def mark_work(
    rng: random.Random, work: Work, enrolment: int, level: float, stop: date, running: bool
) -> tuple[Row, float]:
    """One row of `score` and its part of the final mark."""
    if rng.random() < 0.05 or stop < work.due:
        return (work.number, enrolment, None, None), 0.0
    late = rng.random() < 0.09
    day = (
        work.due + timedelta(days=rng.randint(1, 6))
        if late
        else work.due - timedelta(days=rng.choices(range(9), weights=[40, 22, 12, 8, 6, 5, 3, 2, 2])[0])
    )
    if running and (work.due > TODAY - timedelta(days=10) or day > TODAY) and rng.random() < 0.6:
        return (work.number, enrolment, min(day, TODAY).isoformat(), None), 0.0
    percent = min(100.0, max(3.0, rng.gauss(level, 9)))
    points = round(percent * work.top / 100 * 2) / 2
    return (work.number, enrolment, min(day, TODAY).isoformat(), points), points / work.top * work.weight


def grade(mark: float) -> str:
    """The letter for a final mark in percent."""
    return next((letter for least, letter in GRADES if mark >= least), FAIL)


def choose_courses(rng: random.Random, given: list[int], count: int) -> list[int]:
    """The courses of one term; a popular one may run twice, one that builds on another waits until that has run."""
    weights = [c[6] if c[5] is None or c[5] in given else 0.0 for c in COURSES]
    picked: list[int] = []
    for _ in range(count):
        course = rng.choices(range(1, len(COURSES) + 1), weights=weights)[0]
        picked.append(course)
        weights[course - 1] = weights[course - 1] / 9
    return sorted(picked)


def make_sections(rng: random.Random, terms: list[Row]) -> list[Row]:
    """Every class of every term."""
    sections: list[Row] = []
    given: list[int] = []
    for term, (_, _, _, count) in zip(terms, TERMS, strict=True):
        courses = choose_courses(rng, given, count)
        given += courses
        for course in courses:
            hired = [t for t in COURSES[course - 1][7] if TEACHERS[t - 1][4] <= str(term[2])]
            teacher = rng.choices(hired, weights=[1 / (n + 1) for n in range(len(hired))])[0]
            helpers = [t for t in HELPERS if TEACHERS[t - 1][4] <= str(term[2]) and t != teacher]
            helper = rng.choice(helpers) if rng.random() < 0.35 else None
            weekday = rng.choices(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat"], weights=[20, 26, 24, 22, 4, 8])[0]
            room = rng.choice(["A1", "A2", "A12", "B3", "B4", "Lab 1", "Lab 2", "Hall", "Annexe"])
            sections.append(
                (
                    len(sections) + 1,
                    course,
                    term[0],
                    teacher,
                    helper,
                    weekday,
                    room if rng.random() < 0.86 else None,
                    rng.choices([12, 16, 20, 24], [20, 36, 32, 12])[0],
                )
            )
    return sections


def rows(rng: random.Random) -> dict[str, list[Row]]:
    """All rows, table by table, parents first."""
    terms: list[Row] = [(n, label, first, last) for n, (label, first, last, _) in enumerate(TERMS, 1)]
    students = make_students(rng)
    sections = make_sections(rng, terms)
    enrolments: list[Row] = []
    assessments: list[Row] = []
    scores: list[Row] = []
    empty = next(int(str(s[0])) for s in sections if s[2] == 5 and s[1] in (15, 18, 23, 8, 22, 10, 4, 20, 3))
    for section_row in sections:
        section, course = int(str(section_row[0])), int(str(section_row[1]))
        term = terms[int(str(section_row[2])) - 1]
        first, last = date.fromisoformat(str(term[2])), date.fromisoformat(str(term[3]))
        running, weekday = last > TODAY, str(section_row[5])
        works = plan_work(rng, course, section, term, assessments)
        wanted = (
            0
            if section == empty
            else min(int(str(section_row[7])), int(int(str(section_row[7])) * rng.triangular(0.4, 1.15, 0.95)))
        )
        strictness, register = rng.gauss(0, 4), rng.random() > 0.08
        for index in choose_students(rng, students, course, term, weekday, wanted):
            student, number = students[index], len(enrolments) + 1
            start = max(student.joined, first - timedelta(days=rng.randint(-5, 28)))
            stop = None
            if rng.random() < 0.09:
                stop = between(rng, max(start, first) + timedelta(days=6), min(last - timedelta(days=5), TODAY))
            mark = 0.0
            again = 6.0 if course in student.taken else 0.0
            for work in works:
                if running and work.due > TODAY + timedelta(days=4):
                    continue
                row, part = mark_work(rng, work, number, student.ability - strictness + again, stop or last, running)
                scores.append(row)
                mark += part
            done = not running and stop is None
            letter = grade(mark) if done and works else "Pass" if done else None
            if letter and rng.random() < 0.015:
                letter = None
            missed = rng.choices(range(9), weights=[30, 26, 18, 10, 6, 4, 3, 2, 1])[0] if register else None
            status = "WDR" if stop else "ACT" if running else "CMP"
            enrolments.append(
                (
                    number,
                    student.row[0],
                    section,
                    start.isoformat(),
                    status,
                    stop.isoformat() if stop else None,
                    missed,
                    letter,
                )
            )
            student.taken[course] = letter
            student.evenings.append((int(str(term[0])), weekday))
    return {
        "term": terms,
        "teacher": [(n, *t) for n, t in enumerate(TEACHERS, 1)],
        "course": [(n, *c[:6]) for n, c in enumerate(COURSES, 1)],
        "student": [s.row for s in students],
        "section": sections,
        "enrolment": enrolments,
        "assessment": assessments,
        "score": scores,
    }
