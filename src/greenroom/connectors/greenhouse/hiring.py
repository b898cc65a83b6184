"""Rows of Harvest v3 and the unified model. Pure: no clock, no network, no database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from greenroom.connectors.bodies import EMAIL, is_storable
from greenroom.model.orders import EMAIL_LIMIT

Row = Mapping[str, Any]

#: status of an application in Harvest → in the unified model
STATUSES = {"in_process": "active", "rejected": "rejected", "hired": "hired", "converted": "converted"}
#: unified roles in the order of a hiring team: those of Greenhouse's job owners, which have the same names, after the
#: hiring managers
ROLES = ("hiring_manager", "recruiter", "coordinator", "sourcer")
#: members of a hiring team, and e-mail addresses of a candidate, that are read
MOST_MEMBERS = 200
MOST_EMAILS = 20
#: characters of a text that are kept
LONGEST = 1000


def get_id(value: object) -> str | None:
    """Returns an id of Greenhouse as text; None for any other value."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value)
    return text if text.isascii() and text.isdecimal() and len(text) <= 18 else None


def get_text(value: object) -> str | None:
    """Returns a text that can be stored, cut to `LONGEST`; None for any other value."""
    return value[:LONGEST] if isinstance(value, str) and value and is_storable(value) else None


def application(row: Row) -> dict[str, Any]:
    """Returns an application in the unified model, with the ids of its candidate and job."""
    status = get_text(row.get("status"))
    return {
        "id": get_id(row.get("id")),
        "candidate_id": get_id(row.get("candidate_id")),
        "job_id": get_id(row.get("job_id")),
        "application_status": status and {"value": STATUSES.get(status, "unmapped_value"), "source_value": status},
    }


def candidate(row: Row) -> dict[str, Any]:
    """Returns a candidate in the unified model."""
    given = row.get("email_addresses")
    emails = [
        {"type": get_text(one.get("type")), "value": one["value"]}
        for one in (given if isinstance(given, list) else ())[:MOST_EMAILS]
        if isinstance(one, dict) and is_email(one.get("value"))
    ]
    return {
        "id": get_id(row.get("id")),
        "first_name": get_text(row.get("first_name")),
        "last_name": get_text(row.get("last_name")),
        "emails": emails,
    }


def job(row: Row, managers: Iterable[Row], owners: Iterable[Row], users: Mapping[str, Row]) -> dict[str, Any]:
    """Returns a job in the unified model, with its hiring team; Greenhouse's own values are under `passthrough`."""
    team = [("hiring_manager", one) for one in managers]
    team += [(str(one.get("type")), one) for one in owners]
    team.sort(key=lambda one: (_rank(one[0]), get_id(one[1].get("user_id")) or ""))
    team = team[:MOST_MEMBERS]
    return {
        "id": get_id(row.get("id")),
        "title": get_text(row.get("name")),
        "hiring_team": [_member(role, one, users) for role, one in team],
        "passthrough": {
            "requisition_id": get_text(row.get("requisition_id")),
            "status": get_text(row.get("status")),
            "hiring_team": [_raw(role, one) for role, one in team],
        },
    }


def job_without_team(row: Row | None, job_id: str) -> dict[str, Any]:
    """Returns a job whose hiring team could not be read: null, not an empty list."""
    return {
        "id": job_id,
        "title": get_text(row.get("name")) if row else None,
        "hiring_team": None,
        "passthrough": None,
    }


def find_user(email: str, users: Iterable[Row]) -> Row | None:
    """Returns the user with an e-mail address, or None."""
    wanted = email.casefold()
    return next((user for user in users if wanted in (one.casefold() for one in _addresses(user))), None)


def requester(email: str, user: Row, team: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the user who sent a test in the unified model, with their role on the hiring team if they have one."""
    user_id = get_id(user.get("id"))
    role = next((one["role"] for one in team if one["user_id"] == user_id), None)
    return {**_person(user_id, user), "email": email, "role": role}


def kept_of_user(user: Row) -> Row:
    """Returns the fields of a user that are kept."""
    return {name: user.get(name) for name in ("id", "first_name", "last_name", "primary_email", "emails")}


def user_ids(rows: Iterable[Row]) -> set[str]:
    """Returns the users that rows of hiring teams name."""
    return {one for row in rows if (one := get_id(row.get("user_id")))}


def _member(role: str, row: Row, users: Mapping[str, Row]) -> dict[str, Any]:
    user_id = get_id(row.get("user_id"))
    person = _person(user_id, users.get(user_id or "", {}))
    return {**person, "role": get_text(role)}


def _person(user_id: str | None, user: Row) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "remote_user_id": user_id,
        "first_name": get_text(user.get("first_name")),
        "last_name": get_text(user.get("last_name")),
        "email": next(iter(_addresses(user)), None),
    }


def _raw(role: str, row: Row) -> dict[str, Any]:
    responsible = row.get("responsible")
    return {
        "user_id": get_id(row.get("user_id")),
        "type": get_text(role),
        "responsible": responsible if isinstance(responsible, bool) else None,
    }


def _rank(role: str) -> int:
    return ROLES.index(role) if role in ROLES else len(ROLES)


def _addresses(user: Row) -> list[str]:
    """Returns a user's addresses, the primary one first; service accounts have none."""
    others = user.get("emails")
    given = [user.get("primary_email"), *(others if isinstance(others, list) else ())]
    return [one for one in given[: MOST_EMAILS + 1] if is_email(one)]


def is_email(value: object) -> bool:
    """Returns whether a value is an e-mail address that can be kept."""
    return isinstance(value, str) and len(value) <= EMAIL_LIMIT and EMAIL.fullmatch(value) is not None
