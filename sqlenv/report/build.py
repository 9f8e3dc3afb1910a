"""HTML from elements: text is text wherever it comes from, since nothing is ever put together from strings."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, tostring

Child = Element | str | None

# All control characters but the line break and the tab, and what turns the direction of writing around.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)


def inert(text: str) -> str:
    """Text of others with what could hide or reorder it written as an escape; line breaks and tabs stay."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape", "surrogatepass").decode(), text)


def one_line(text: str) -> str:
    """The same in one line."""
    return " ".join(inert(text).split())


def el(tag: str, *children: Child, **attributes: str) -> Element:
    """An element. Attributes as keywords: `class_` for class, an underscore within a name for a hyphen."""
    made = Element(tag, {name.rstrip("_").replace("_", "-"): inert(value) for name, value in attributes.items()})
    return put(made, *children)


def put(parent: Element, *children: Child) -> Element:
    """Adds elements and text at the end; None adds nothing."""
    for child in children:
        if isinstance(child, Element):
            parent.append(child)
        elif child:
            text = inert(child)
            if len(parent):
                parent[-1].tail = (parent[-1].tail or "") + text
            else:
                parent.text = (parent.text or "") + text
    return parent


def document(html: Element) -> str:
    """The whole page."""
    return "<!DOCTYPE html>\n" + tostring(html, encoding="unicode", method="html") + "\n"
