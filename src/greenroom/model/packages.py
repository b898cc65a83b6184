"""Packages that a recruiter can order, and the reader of a vendor's list of them. No I/O."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from greenroom.model.orders import Category

#: packages of one list that are read at the most; recruiters cannot scroll through more
MOST = 10_000
#: tests of one published or stored package at the most
MOST_TESTS = 100
#: characters of a listed package's id and name at the most
LONGEST = 255

#: characters that JSON has as escapes and that neither UTF-8 nor PostgreSQL stores
_UNUSABLE = re.compile(r"[\x00\ud800-\udfff]")

#: the fault of an answer: its status, its syntax, the JSON type of a value, a value, its length
Problem = Literal["http_status", "not_json", "wrong_shape", "invalid_package", "too_long"]
#: the value of a key that an object does not have
_MISSING = object()


@dataclass(frozen=True)
class Package:
    """
    A package that a recruiter can order. Background checks use `tests`: objects with id, name and description.

    `updated_at` is when a stored package last changed; None for packages of other sources.
    """

    id: str
    name: str
    description: str | None = None
    tests: tuple[dict[str, Any], ...] = ()
    updated_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True)
class PackageList:
    """
    The packages that an account offers, and their source.

    `fetched_at` and `problem` belong to the source `list_url`: the time of the last valid answer, and the reason why
    the list could not be refreshed.
    """

    packages: tuple[Package, ...]
    source: Literal["list_url", "stored", "static"]
    fetched_at: datetime | None = None
    problem: str | None = None

    def find(self, package_id: str) -> Package | None:
        """Returns the package with this id, or None."""
        return next((package for package in self.packages if package.id == package_id), None)


class InvalidPackageList(ValueError):
    """
    The error for a vendor's answer that is not a list of packages.

    `problem` tells a value of another JSON type (`wrong_shape`) from one of the right type that cannot be used
    (`invalid_package`). `path` is the JSON path of the invalid value, `expected` describes a valid one, `found` the
    invalid one. `message` replaces the generated sentence.
    """

    def __init__(
        self,
        path: str,
        expected: str,
        found: object = None,
        *,
        problem: Problem = "wrong_shape",
        message: str | None = None,
    ) -> None:
        self.path = path
        self.expected = expected
        self.problem = problem
        self.found = None if message else _shown(found)
        super().__init__(message or f"{path}: expected {expected}, found {self.found}.")


def _shown(value: object) -> str:
    """Describes a JSON value in words for a message."""
    if value is _MISSING:
        return "nothing"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {str(value)[:60]}"
    if isinstance(value, str) and len(value) > LONGEST:
        return f"a text of {len(value)} characters"
    if isinstance(value, str):
        return f"the text {_UNUSABLE.sub('?', value[:60])!r}" if value.strip() else "an empty text"
    return "an array" if isinstance(value, list) else "an object"


def read_page(body: object, category: Category) -> tuple[list[Package], str | None]:
    """
    Reads one page of a vendor's list; returns its packages and its `next` cursor.

    Shape: `{"data": [{"id", "name", "description"?, "tests"?}], "next"?}` as in the unified package lists. An integer
    id is read as text. Unknown keys are ignored.

    Raises:
        InvalidPackageList: the page has another shape; names the first invalid value.
    """
    if not isinstance(body, dict):
        raise InvalidPackageList("$", 'an object {"data": [...]}', body)
    data = body.get("data", _MISSING)
    if not isinstance(data, list):
        raise InvalidPackageList("$.data", "an array of packages", data)
    packages = [_package(item, f"$.data[{index}]", category) for index, item in enumerate(data)]
    following = body.get("next")
    if following is not None and not isinstance(following, str):
        raise InvalidPackageList("$.next", "a text or null", following)
    return packages, following.strip() or None if following else None


def _package(item: object, path: str, category: Category) -> Package:
    if not isinstance(item, dict):
        raise InvalidPackageList(path, "an object with id and name", item)
    package_id = item.get("id", _MISSING)
    if package_id in (None, _MISSING):
        package_id = item.get("remote_id", package_id)
    if isinstance(package_id, int) and not isinstance(package_id, bool):
        package_id = str(package_id)
    _check_label(package_id, f"{path}.id")
    name = item.get("name", _MISSING)
    _check_label(name, f"{path}.name")
    description = item.get("description")
    if description is not None and not isinstance(description, str):
        raise InvalidPackageList(f"{path}.description", "a text or null", description)
    tests = _tests(item.get("tests"), f"{path}.tests", category)
    return Package(package_id, name, _usable(description), tests)


def _usable(value: object) -> Any:
    """Returns a value with the characters of its texts replaced that cannot be stored; recruiters do not see these."""
    if isinstance(value, str):
        return _UNUSABLE.sub("?", value)
    if isinstance(value, dict):
        return {_usable(name): _usable(part) for name, part in value.items()}
    return [_usable(part) for part in value] if isinstance(value, list) else value


def _check_label(value: object, path: str) -> None:
    """Raises `InvalidPackageList` unless a value can be the id or name of a package."""
    if not isinstance(value, str):
        raise InvalidPackageList(path, "a text", value)
    if not value.strip() or len(value) > LONGEST:
        raise InvalidPackageList(path, f"a text of 1 to {LONGEST} characters", value, problem="invalid_package")
    if _UNUSABLE.search(value):
        expected = "a text without NUL characters and unpaired surrogates"
        raise InvalidPackageList(path, expected, value, problem="invalid_package")


def _tests(value: object, path: str, category: Category) -> tuple[dict[str, Any], ...]:
    if value is None or category == "assessments":
        return ()
    if not isinstance(value, list):
        raise InvalidPackageList(path, "an array of tests", value)
    for index, test in enumerate(value):
        if not isinstance(test, dict):
            raise InvalidPackageList(f"{path}[{index}]", "an object with id and name", test)
    return tuple({key: _usable(test.get(key)) for key in ("id", "name", "description")} for test in value)


def unique(packages: list[Package]) -> tuple[Package, ...]:
    """
    Returns the packages with unique ids and labels, in the vendor's order, for the recruiter's drop-down.

    The first package of each id is kept. Packages that share a name get their ids appended to it.
    """
    first: dict[str, Package] = {}
    for package in packages:
        first.setdefault(package.id, package)
    uses = Counter(package.name for package in first.values())
    return tuple(replace(p, name=f"{p.name} ({p.id})") if uses[p.name] > 1 else p for p in first.values())
