"""Checks of the packages in the list."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import Any

from greenroom.check.model import Failed, Skipped, Suite, Warned
from greenroom.check.packages.subject import PackagesSubject, package_id
from greenroom.model.packages import MOST

SUITE: Suite[PackagesSubject] = Suite("packages")
LONGEST_ID = 200
LONGEST_NAME = 200
#: UTF-8 that was decoded as Latin-1 or Windows-1252 somewhere, and the sign for characters that were lost
GARBLED = re.compile("\ufffd|Ã[\u0080-\u00bf]|Â[\u0080-\u00bf]|â€")
#: characters of a text in which markup is looked for
SEARCHED = 5000
MARKUP = re.compile(r"</?[a-zA-Z][^>]*>|&(amp|lt|gt|quot|#\d+);")


@SUITE.check(
    "envelope",
    "The body is an object with an array `data`",
    why="This is the shape of the unified package list.",
    fix='Answer {"data": [{"id": "…", "name": "…"}], "next": null}.',
)
async def envelope(subject: PackagesSubject) -> str:
    """Looks at the first page."""
    content = await subject.content()
    if not isinstance(content, dict):
        raise Failed(f"The body is {_kind(content)}.", curl=(await subject.success()).curl)
    if not isinstance(content.get("data"), list):
        raise Failed(f"$.data is {_kind(content.get('data'))}.", curl=(await subject.success()).curl)
    return f"{len(content['data'])} packages on the first page"


@SUITE.check(
    "items",
    "Each package is an object",
    why="One entry of another kind makes the whole list unusable.",
    fix="Leave out entries that are no packages.",
)
async def items(subject: PackagesSubject) -> str:
    """Looks at the entries of the first page."""
    data = await subject.data()
    for index, item in enumerate(data):
        if not isinstance(item, dict):
            raise Failed(f"$.data[{index}] is {_kind(item)}.")
    return f"{len(data)} objects"


@SUITE.check(
    "not-empty",
    "There is at least one package",
    why="A recruiter with an empty drop-down cannot order.",
    fix="Check that the account has packages; name another one with --account.",
)
async def not_empty(subject: PackagesSubject) -> str:
    """Counts the packages of all pages."""
    data = await subject.data()
    if not data:
        pages = await subject.all_pages()
        if not any(page.data for page in pages):
            raise Warned("The list is empty, so most checks have nothing to look at.")
    return f"{len(data)} on the first page"


@SUITE.check(
    "count",
    f"There are at most {MOST:,} packages",
    why="More are not read; recruiters cannot scroll through them either.",
    fix="Offer per account only the packages that it may order.",
)
async def count(subject: PackagesSubject) -> str:
    """Counts the packages of all pages."""
    found = await subject.items()
    if len(found) > MOST:
        raise Failed(f"There are {len(found)} packages.")
    return str(len(found))


@SUITE.check(
    "id-present",
    "Each package has an id that is not empty",
    why="The id comes back with the order.",
    fix="Fill `id` with the key of the package in your system.",
)
async def id_present(subject: PackagesSubject) -> str:
    """Looks at each package."""
    for path, item in await subject.items():
        value = package_id(item)
        if value is None or (isinstance(value, str) and not value.strip()):
            raise Failed(f"{path} has no id: {_short(item)}.")
    return "every package has one"


@SUITE.check(
    "id-text",
    "Ids are texts",
    why="Numbers lose digits in JavaScript, and other kinds cannot be read.",
    fix='Send "4711", not 4711.',
)
async def id_text(subject: PackagesSubject) -> str:
    """Looks at each package."""
    for path, item in await subject.items():
        value = item.get("id") if item.get("id") is not None else item.get("remote_id")
        if isinstance(value, int) and not isinstance(value, bool):
            raise Warned(f"{path}.id is the number {value}; it is read as text.")
        if value is not None and not isinstance(value, str):
            raise Failed(f"{path}.id is {_kind(value)}.")
    return "texts only"


@SUITE.check(
    "id-plain",
    "Ids have no surrounding blanks and no control characters",
    why="ATSs trim what they store, and the order would name another package.",
    fix="Trim ids when they are created.",
)
async def id_plain(subject: PackagesSubject) -> str:
    """Looks at each package."""
    for path, value in _texts(await subject.items(), "id"):
        if value.strip() and (value != value.strip() or _has_controls(value)):
            raise Failed(f"{path}.id is {value[:60]!r}.")
    return "plain"


@SUITE.check(
    "id-length",
    f"Ids have at most {LONGEST_ID} characters",
    why="ATSs store them in short columns.",
    fix="Use the key of the package, not its content.",
)
async def id_length(subject: PackagesSubject) -> str:
    """Looks at each package."""
    lengths = [(len(value), path) for path, value in _texts(await subject.items(), "id")]
    longest, path = max(lengths, default=(0, ""))
    if longest > LONGEST_ID:
        raise Failed(f"{path}.id has {longest} characters.")
    return f"the longest has {longest}"


@SUITE.check(
    "id-unique",
    "No id occurs twice on a page",
    why="Only the first package of an id is shown.",
    fix="Give each package an id of its own.",
)
async def id_unique(subject: PackagesSubject) -> str:
    """Counts ids per page."""
    await subject.items()
    for page in await subject.all_pages():
        repeated = _repeated([package_id(item) for item in page.data if isinstance(item, dict)])
        if repeated is not None:
            raise Failed(f"The id {repeated[:60]!r} occurs more than once on one page.", curl=page.sent.curl)
    return "every id once"


@SUITE.check(
    "id-stable",
    "A second call has the same ids",
    why="A recruiter chooses from an earlier list; an order for an id that has changed is refused.",
    fix="Use the stored key of the package; do not make ids for each answer.",
)
async def id_stable(subject: PackagesSubject) -> str:
    """Compares the first page with another call."""
    before, after, again = await _twice(subject)
    if sorted(map(str, before)) != sorted(map(str, after)):
        gone = next((str(one) for one in before if one not in after), "an id")
        raise Failed(f"{gone[:60]!r} is missing in the second answer.", curl=again)
    return f"{len(after)} ids, the same twice"


@SUITE.check(
    "order-stable",
    "A second call has the same order",
    why="Recruiters look for a package where it was.",
    fix="Sort by name.",
)
async def order_stable(subject: PackagesSubject) -> str:
    """Compares the first page with another call."""
    before, after, again = await _twice(subject)
    if sorted(map(str, before)) == sorted(map(str, after)) and before != after:
        raise Warned("The packages come in another order.", curl=again)
    return "the same order twice"


@SUITE.check(
    "name-present",
    "Each package has a name that is not empty",
    why="The name is all that a recruiter sees in the drop-down.",
    fix="Fill `name`.",
)
async def name_present(subject: PackagesSubject) -> str:
    """Looks at each package."""
    for path, item in await subject.items():
        name = item.get("name")
        if not isinstance(name, str) or not name.strip():
            raise Failed(f"{path}.name is {_kind(name) if not isinstance(name, str) else 'empty'}.")
    return "every package has one"


@SUITE.check(
    "name-unique",
    "No two packages have the same name",
    why="A recruiter cannot tell them apart; their ids are added to the names.",
    fix="Add to the name what differs, for instance the length or the language.",
)
async def name_unique(subject: PackagesSubject) -> str:
    """Counts the names of packages with different ids."""
    named = {str(package_id(item)): str(item.get("name") or "").strip() for _, item in await subject.items()}
    repeated = _repeated([name for name in named.values() if name])
    if repeated is not None:
        raise Failed(f"More than one package has the name {repeated[:60]!r}.")
    return "every name once"


@SUITE.check(
    "name-plain",
    "Names are plain text on one line",
    why="Tags and entities are shown to the recruiter as they are.",
    fix="Send the text that people shall read, not HTML.",
)
async def name_plain(subject: PackagesSubject) -> str:
    """Looks for markup and control characters."""
    for path, value in _texts(await subject.items(), "name"):
        if MARKUP.search(value[:SEARCHED]) or _has_controls(value):
            raise Failed(f"{path}.name is {value[:80]!r}.")
    return "plain"


@SUITE.check(
    "name-length",
    f"Names have at most {LONGEST_NAME} characters",
    why="A longer one is cut off in a drop-down.",
    fix="Put the rest into `description`.",
)
async def name_length(subject: PackagesSubject) -> str:
    """Looks at each package."""
    lengths = [(len(value), path) for path, value in _texts(await subject.items(), "name")]
    longest, path = max(lengths, default=(0, ""))
    if longest > LONGEST_NAME:
        raise Warned(f"{path}.name has {longest} characters.")
    return f"the longest has {longest}"


@SUITE.check(
    "text-readable",
    "Names and descriptions are encoded once",
    why="A recruiter sees `MÃ¼ller` or a replacement character.",
    fix="Store and send UTF-8; do not decode it as Latin-1 on the way.",
)
async def text_readable(subject: PackagesSubject) -> str:
    """Looks for signs of a wrong decoding."""
    found = await subject.items()
    for name in ("name", "description"):
        for path, value in _texts(found, name):
            if GARBLED.search(value) or any("\ud800" <= one <= "\udfff" for one in value):
                shown = value.encode("utf-8", "replace").decode()
                raise Failed(f"{path}.{name} is {shown[:80]!r}.")
    return "readable"


@SUITE.check(
    "description",
    "A description is a text or null",
    why="Another kind makes the whole list unusable.",
    fix="Send a text, null, or leave it out.",
)
async def description(subject: PackagesSubject) -> str:
    """Looks at each package."""
    for path, item in await subject.items():
        value = item.get("description")
        if value is not None and not isinstance(value, str):
            raise Failed(f"{path}.description is {_kind(value)}.")
    return "texts or null"


@SUITE.check(
    "tests",
    "The tests of a background check are an array of objects with id and name",
    why="They are shown with the package.",
    fix='Send "tests": [{"id": "…", "name": "…"}], or leave it out.',
)
async def tests(subject: PackagesSubject) -> str:
    """Looks at each package of background checks."""
    if subject.category == "assessments":
        raise Skipped("Assessments have no `tests`; for background checks use --category background_checks.")
    for path, item in await subject.items():
        value = item.get("tests")
        if value is None:
            continue
        if not isinstance(value, list):
            raise Failed(f"{path}.tests is {_kind(value)}.")
        for index, test in enumerate(value):
            if not isinstance(test, dict) or not str(test.get("name") or "").strip():
                raise Failed(f"{path}.tests[{index}] is not an object with a name.")
    return "arrays of named objects"


async def _twice(subject: PackagesSubject) -> tuple[list[Any], list[Any], str | None]:
    before = [package_id(item) for item in await subject.data() if isinstance(item, dict)]
    again = await subject.ask()
    if not again.is_success:
        raise Failed(f"For the same call again, {again.described()}.", curl=again.curl)
    fresh = PackagesSubject(subject.caller, _first=again)
    return before, [package_id(item) for item in await fresh.data() if isinstance(item, dict)], again.curl


def _texts(found: list[tuple[str, dict[str, Any]]], name: str) -> list[tuple[str, str]]:
    values = [(path, package_id(item) if name == "id" else item.get(name)) for path, item in found]
    return [(path, value) for path, value in values if isinstance(value, str)]


def _repeated(values: list[Any]) -> str | None:
    return next((str(value) for value, uses in Counter(map(str, values)).items() if uses > 1), None)


def _has_controls(text: str) -> bool:
    return any(unicodedata.category(one) == "Cc" for one in text)


def _short(value: Any) -> str:
    return str(value)[:80]


def _kind(value: Any) -> str:
    if value is None:
        return "missing or null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "an array" if isinstance(value, list) else "an object"
