"""Random SQL: by a grammar over the bundled database, then broken at random. And random messages, then broken too."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import strategies as st

from sqlenv.sqlite.authorizer import ALLOWED_FUNCTIONS

TABLES = {
    "pet": ("pet_id", "name", "species", "weight_kg", "birth_date", "mother_id"),
    "student": ("student_id", "first_name", "last_name", "gpa", "home_city", "dorm_id"),
    "vet_visit": ("visit_id", "pet_id", "vet_id", "visited_on", "fee_cents", "paid_on"),
    "json_each('[1, [2], {\"a\": null}]')": ("key", "value", "type"),
    "sqlite_master": ("name", "sql"),
    "pragma_table_info('pet')": ("name", "type"),
}
FUNCTIONS = [*sorted(ALLOWED_FUNCTIONS - {"->", "->>"}), "random", "load_extension", "nosuch", "sqlite_version"]
OPERATORS = "+ - * / % || = <> < >= AND OR IS LIKE GLOB IN & | << -> ->> MATCH REGEXP".split()
NOISE = (
    "; -- /* */ ' \" ` [ ] ( ) , . * ? :a \0 \ufeff \u202e 9e999 x'00' NULL EXPLAIN PRAGMA ATTACH DELETE UNION".split(
        " "
    )
)

literals = st.sampled_from(
    [
        "NULL",
        "0",
        "1",
        "-1",
        "0.5",
        "9e999",
        "9223372036854775807",
        "x''",
        "'a'",
        "''",
        "'%a_'",
        "'[1, 2]'",
        "'2024-02-30'",
    ]
) | st.integers(-(2**70), 2**70).map(str)
columns = st.sampled_from([*sorted({column for names in TABLES.values() for column in names}), "rowid", "*", "nope"])


def _grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    window = st.sampled_from(
        ["", "", "", " OVER ()", " OVER (ORDER BY 1)", " OVER (ROWS 2 PRECEDING)", " FILTER (WHERE 1)"]
    )
    calls = st.tuples(st.sampled_from(FUNCTIONS), st.lists(inner, max_size=3), window)
    return st.one_of(
        st.tuples(inner, st.sampled_from(OPERATORS), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        calls.map(lambda t: f"{t[0]}({', '.join(t[1])}){t[2]}"),
        inner.map(lambda e: f"CAST({e} AS TEXT)"),
        inner.map(lambda e: f"(SELECT {e} FROM pet LIMIT 1)"),
        inner.map(lambda e: f"EXISTS (SELECT {e} FROM student)"),
        st.tuples(inner, inner, inner).map(lambda t: f"CASE WHEN {t[0]} THEN {t[1]} ELSE {t[2]} END"),
        st.tuples(inner, st.lists(inner, max_size=3)).map(lambda t: f"{t[0]} IN ({', '.join(t[1])})"),
        inner.map(lambda e: f"{e} COLLATE NOCASE"),
    )


expressions = st.recursive(literals | columns | columns, _grow, max_leaves=8)


@st.composite
def selects(draw: st.DrawFn, depth: int = 0) -> str:
    """A SELECT that is mostly valid."""
    head = "SELECT DISTINCT" if draw(st.booleans()) else "SELECT"
    sql = f"{head} {', '.join(draw(st.lists(expressions, min_size=1, max_size=3)))}"
    sources = draw(st.lists(st.sampled_from(sorted(TABLES)), max_size=3))
    if sources:
        joins = st.sampled_from([", ", " JOIN ", " NATURAL JOIN ", " LEFT JOIN ", " FULL JOIN "])
        sql += " FROM " + "".join(f"{draw(joins) if i else ''}{source}" for i, source in enumerate(sources))
    if draw(st.booleans()):
        sql += f" WHERE {draw(expressions)}"
    if draw(st.booleans()):
        sql += f" GROUP BY {draw(expressions)} HAVING {draw(expressions)}"
    if depth < 2 and draw(st.integers(0, 4)) == 0:
        sql += f" {draw(st.sampled_from(['UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT']))} {draw(selects(depth + 1))}"
    if depth == 0 and draw(st.integers(0, 4)) == 0:
        sql = f"WITH RECURSIVE w(a) AS ({draw(selects(1))}) {sql}, w" if sources else f"WITH w AS (SELECT 1) {sql}"
    if draw(st.booleans()):
        sql += f" ORDER BY {draw(expressions)} LIMIT {draw(st.integers(-1, 50))}"
    return sql


@st.composite
def broken(draw: st.DrawFn) -> str:
    """A SELECT with pieces cut out, doubled, or noise put in."""
    sql = draw(selects())
    for _ in range(draw(st.integers(1, 4))):
        start, end = sorted((draw(st.integers(0, len(sql))), draw(st.integers(0, len(sql)))))
        piece = draw(st.sampled_from(["", sql[start:end] * 2, *NOISE]) | st.text(max_size=5))
        sql = sql[:start] + piece + sql[end:]
    return sql


statements = selects() | broken()


def messages(kind: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Messages of a protobuf class with random fields; texts are often names that the services know."""

    @st.composite
    def build(draw: st.DrawFn) -> Any:
        message = kind()
        descriptor: Descriptor = kind.DESCRIPTOR
        for field in draw(st.lists(st.sampled_from(list(descriptor.fields)), max_size=6)) if descriptor.fields else []:
            if field.message_type is not None and depth > 4:
                continue
            target = getattr(message, field.name)
            if field.message_type is not None:
                value = draw(messages(field.message_type._concrete_class, depth + 1))
                (target.add() if field.is_repeated else target).CopyFrom(value)
            elif field.is_repeated:
                target.append(draw(_scalar(field)))
            else:
                setattr(message, field.name, draw(_scalar(field)))
        return message

    return build()


def _scalar(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    integers = {
        FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
        FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
        FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
        FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
    }
    if field.cpp_type in integers:
        low, high = integers[field.cpp_type]
        return st.integers(0, 20) | st.integers(low, high)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return st.booleans()
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return st.integers(-2, 20)
    if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return st.floats(width=32)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=50)
    known = st.sampled_from(["campus_pets-001", "campus_pets", "train", "dense", "sparse", "easy", "pet", "42", "0"])
    return known | statements | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@st.composite
def frames(draw: st.DrawFn, kind: Any) -> bytes:
    """The bytes of a message, whole or broken, or any bytes."""
    data = bytearray(draw(messages(kind)).SerializeToString())
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        match draw(st.integers(0, 3)):
            case 0:
                data[at:] = b""
            case 1:
                data[at:at] = draw(st.binary(max_size=8))
            case 2:
                data[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case _:
                data += data[at:]
    return bytes(data)
