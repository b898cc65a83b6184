"""How pages write times, numbers, ids and states."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from markupsafe import Markup, escape


class Place(NamedTuple):
    """An entry of the navigation: the folder under the project, its icon and its label."""

    folder: str
    icon: str
    label: str


NAVIGATION: tuple[tuple[str, tuple[Place, ...]], ...] = (
    (
        "Overview",
        (
            Place("", "house", "Home"),
            Place("setup", "list-checks", "Setup"),
            Place("orders", "clipboard-list", "Orders"),
            Place("deliveries", "send", "Deliveries"),
            Place("replays", "rotate-cw", "Replays"),
            Place("accounts", "building-2", "Accounts"),
            Place("logs", "scroll-text", "Logs"),
            Place("findings", "stethoscope", "Problems"),
        ),
    ),
    (
        "Configuration",
        (
            Place("integrations", "blocks", "Integrations"),
            Place("webhooks", "webhook", "Webhooks"),
            Place("api-keys", "key-round", "API keys"),
            Place("hub", "plug", "Hub"),
            Place("settings", "settings-2", "Project settings"),
        ),
    ),
)


class Look(NamedTuple):
    """How a state looks: its tone, its icon and its word."""

    tone: str
    icon: str
    word: str


LOOKS: dict[str, Look] = {
    # orders
    "received": Look("mute", "inbox", "Received"),
    "accepted": Look("info", "circle-dot", "Accepted"),
    "invited": Look("info", "mail", "Invited"),
    "in_progress": Look("wait", "hourglass", "In progress"),
    "completed": Look("ok", "circle-check", "Completed"),
    "rejected": Look("bad", "ban", "Rejected"),
    "cancelled": Look("mute", "circle-x", "Cancelled"),
    "expired": Look("mute", "clock", "Expired"),
    # delivery to the ATS
    "pending": Look("mute", "circle-dashed", "Pending"),
    "sent": Look("info", "arrow-up-right", "Sent"),
    "acknowledged": Look("ok", "badge-check", "Acknowledged"),
    "refused": Look("bad", "circle-x", "Refused"),
    "held": Look("wait", "hourglass", "Held"),
    # deliveries
    "delivered": Look("ok", "circle-check", "Delivered"),
    "retrying": Look("wait", "timer", "Retrying"),
    "dead": Look("bad", "circle-x", "Gave up"),
    # accounts, webhooks, integrations
    "active": Look("ok", "circle-check", "Active"),
    "inactive": Look("mute", "circle-dashed", "Pending"),
    "waiting": Look("wait", "hourglass", "Waiting for Greenhouse"),
    "paused": Look("wait", "hand", "Paused"),
    "attention": Look("bad", "circle-alert", "Needs attention"),
    "enabled": Look("ok", "circle-check", "Enabled"),
    "disabled": Look("mute", "ban", "Disabled"),
    "failing": Look("bad", "circle-alert", "Failing"),
    # findings; an order has the state error, too
    "error": Look("bad", "circle-alert", "Error"),
    "warning": Look("wait", "triangle-alert", "Warning"),
    "notice": Look("info", "info", "Notice"),
    # the setup checklist
    "done": Look("ok", "circle-check", "Done"),
    "action": Look("bad", "circle-alert", "Action needed"),
    "manual": Look("mute", "hand", "Confirm by hand"),
    "todo": Look("mute", "circle-dashed", "Not yet"),
}
OUTCOMES = {"passed": "Passed", "failed": "Failed", "needs_review": "Needs review"}
_TOKEN = re.compile(r'("(?:\\.|[^"\\])*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b')
#: marks in user agents; an earlier one wins, since each browser also claims to be others
_BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("HeadlessChrome/", "Headless Chrome"),
             ("Chrome/", "Chrome"), ("Safari/", "Safari"))  # fmt: skip
_SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
            ("Mac OS X", "macOS"), ("Linux", "Linux"))  # fmt: skip
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def look(state: str) -> Look:
    """Returns how a state looks; an unknown state is shown by its own word."""
    return LOOKS.get(state) or Look("mute", "circle-dot", state.replace("_", " ").capitalize())


def exact(at: datetime | None) -> str:
    """Returns a time in UTC to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else "–"


def weekday(at: datetime) -> str:
    """Returns a day in UTC for a chart: `Tue 3 Nov`."""
    return f"{at.astimezone(UTC):%a %-d %b}"


def ago(at: datetime, now: datetime) -> str:
    """Returns a time relative to now: `4 min ago`, `in 2 h`; the day when it is over a week away."""
    seconds = (now - at).total_seconds()
    if abs(seconds) >= 7 * 86400:
        return f"{at:%-d %b %Y}" if at.year != now.year else f"{at:%-d %b}"
    if abs(seconds) < 60:
        return "just now" if seconds >= 0 else "in under 1 min"
    size, unit = next((size, unit) for size, unit in _UNITS if abs(seconds) >= size)
    number = int(abs(seconds) // size)
    return f"{number} {unit} ago" if seconds > 0 else f"in {number} {unit}"


def duration(value: timedelta | float) -> str:
    """Returns a duration, in ms where it is a number: `143 ms`, `2.4 s`, `3 min`."""
    ms = value.total_seconds() * 1000 if isinstance(value, timedelta) else value
    if ms < 1000:
        return f"{ms:.0f} ms"
    seconds = ms / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    size, unit = next((size, unit) for size, unit in _UNITS if seconds >= size)
    return f"{int(seconds // size)} {unit}"


def size(count: int) -> str:
    """Returns a number of bytes: `812 B`, `4.2 kB`."""
    return f"{count} B" if count < 1000 else f"{count / 1000:.1f} kB"


def number(value: float) -> str:
    """Returns a number with thousands separated by a thin space."""
    return f"{value:,}".replace(",", "\u202f")


def money(cents: int, currency: str) -> str:
    """Returns an amount given in hundredths: `12.50 EUR`."""
    return f"{cents / 100:,.2f} {currency}"


def short_id(value: str) -> str:
    """Returns an id's prefix and last six characters, for lists."""
    prefix, underscore, rest = value.partition("_")
    return f"{prefix}_…{rest[-6:]}" if underscore and len(rest) > 10 else value


def browser(agent: str | None) -> str:
    """Returns a browser's user agent in words: `Firefox on Windows`; an unknown one stays as it is."""
    name = next((name for mark, name in _BROWSERS if mark in (agent or "")), None)
    system = next((name for mark, name in _SYSTEMS if mark in (agent or "")), None)
    if name is None:
        return (agent or "Unknown browser")[:80]
    return f"{name} on {system}" if system else name


def short_path(path: str) -> str:
    """Returns a path whose ids are shortened as by `short_id`."""
    return re.sub(r"\b[a-z]{2,5}_[0-9a-z]{20,}", lambda found: short_id(found[0]), path)


def masked(secret: str | None) -> str:
    """Returns a secret as dots with its last four characters."""
    return f"{'•' * 12}{secret[-4:] if secret and len(secret) > 8 else ''}"


def breakable(value: str) -> Markup:
    """Returns an address that may break after `/`, `?` and `&`."""
    return Markup(re.sub(r"(/|\?|&amp;)", r"\1<wbr>", str(escape(value))))  # noqa: S704 - escaped before


def paint(value: Any) -> Markup:
    """Returns JSON, indented and coloured; text that is no JSON stays as it is."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    if isinstance(value, str):
        try:
            text = json.dumps(json.loads(value), indent=2, ensure_ascii=False)
        except ValueError:
            return escape(value)
    parts, end = [], 0
    for found in _TOKEN.finditer(text):
        parts.append(escape(text[end : found.start()]))
        string, colon, digits, _ = found.groups()
        tone = "key" if colon else "string" if string else "number" if digits else "literal"
        parts.append(Markup('<span class="tok-{}">{}</span>').format(tone, string or found.group()))
        parts.append(escape(colon or ""))
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


def prose(text: str) -> Markup:
    """Returns a text in which `code` is shown as such, and *words* are emphasised."""
    shown = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"(?<![\w*])\*([^*<>]+)\*(?![\w*])", r"<em>\1</em>", shown))  # noqa: S704 - escaped before


def plural(count: int, one: str, many: str | None = None) -> str:
    """Returns a count with its noun: `1 order`, `2 orders`."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


FILTERS = {
    "look": look,
    "exact": exact,
    "ago": ago,
    "duration": duration,
    "size": size,
    "number": number,
    "money": money,
    "short_id": short_id,
    "short_path": short_path,
    "browser": browser,
    "masked": masked,
    "breakable": breakable,
    "paint": paint,
    "plural": plural,
    "prose": prose,
    "outcome": lambda value: OUTCOMES.get(value, "None yet"),
    "day": lambda at: f"{at:%Y-%m-%d}",
    "when": exact,
}
