"""The words that procedural worlds are made of. Everything here is made up or a plain English noun.

A `Concept` is what a question says; the column that means it has one of several names, so that a policy that does not
look has to guess. What a question calls "red" is stored as red, Red or RED: a column has one spelling, seen only by
looking at its rows.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Concept:
    """What a question says, the names its column may have, and, for a category, the values it may hold."""

    word: str
    columns: tuple[str, ...]
    values: tuple[str, ...] = ()


ENTITIES = tuple(
    "film studio song band book author hotel guest ship port farm crop horse stable robot lab"
    " museum statue garden plant school pupil shop product team player mine mineral bakery cake"
    " tower bridge train station factory machine market vendor island village".split()
)

NAME_COLUMNS = ("name", "title", "label")

CATEGORIES = (
    Concept("color", ("color", "shade", "paint"), tuple("red blue green black white amber violet".split())),
    Concept("city", ("city", "town", "place"), tuple("rome paris oslo lima cairo delhi quito".split())),
    Concept("grade", ("grade", "rank", "class"), tuple("basic silver gold elite junior senior master".split())),
    Concept("genre", ("genre", "kind", "style"), tuple("drama comedy horror western fantasy mystery".split())),
    Concept("status", ("status", "state", "phase"), tuple("open closed pending active retired broken".split())),
    Concept("material", ("material", "fabric", "stuff"), tuple("wood steel glass stone copper linen".split())),
)

NUMBERS = (
    Concept("price", ("price", "cost", "fee")),
    Concept("size", ("size", "area", "extent")),
    Concept("weight", ("weight", "mass", "load")),
    Concept("score", ("score", "points", "rating")),
    Concept("age", ("age", "years", "seniority")),
    Concept("stock", ("stock", "supply", "amount")),
)

KEY_SUFFIXES = ("id", "key", "code")

PROPER = tuple(
    "Alder Aspen Birch Briar Cedar Clover Coral Crane Daisy Delta Ember Fable Falcon Fern Finch Flint Frost Garnet"
    " Ginger Grove Harbor Hazel Heron Holly Iris Ivory Ivy Jade Jasper Juniper Kestrel Lark Laurel Lily Linden Lotus"
    " Lynx Maple Marble Meadow Merlin Mint Myrtle Nova Oak Olive Onyx Opal Orchid Otter Pearl Pepper Pine Poppy Quartz"
    " Quill Raven Reed River Robin Rowan Ruby Rush Saffron Sage Sierra Slate Sparrow Spruce Sterling Summit Swan"
    " Thistle Thorn Tulip Umber Vale Verbena Violet Walnut Willow Winter Wren Yarrow Zephyr".split()
)

SPELLINGS = (str.lower, str.title, str.upper)
