"""Problems: the findings of a project, on their own page and on the pages of the objects they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from starlette.responses import Response
from starlette.routing import BaseRoute

from greenroom.connectors import discover
from greenroom.doctor.catalogue import WHO
from greenroom.doctor.recent import RecentFindings
from greenroom.errors import Unavailable
from greenroom.model.findings import SEVERITIES, Finding
from greenroom.web import formats, kit
from greenroom.web.access import Visit

#: seconds by which pages with findings may be behind
PAGE_AGE_S = 5.0
#: findings on one page, and facts of one proof
MOST, MOST_FACTS = 50, 12
LONGEST = 320
ASKED = ("severity", "code", "q")
TONES = {"error": "bad", "warning": "wait", "notice": "info"}
PLURALS = {"error": "Errors", "warning": "Warnings", "notice": "Notices"}
#: the page of a subject, and the label of its button
PAGES = {
    "integration": ("Open configuration", "/integrations/{id}/configuration"),
    "account": ("Open account", "/accounts/{id}"),
    "webhook": ("Open webhook", "/webhooks/{id}"),
    "order": ("Open order", "/orders/{id}"),
}
#: causes whose next step is on another page than their subject's
STEPS = {
    "webhook.none": ("Add webhook", "/webhooks/new"),
    "webhook.wrong_event": ("Open webhooks", "/webhooks"),
    "webhook.other_accounts": ("Open webhooks", "/webhooks"),
}


class Shown(NamedTuple):
    """A finding as pages show it: the finding, its tone, its proof as text, its one button, and when and for whom."""

    finding: Finding
    tone: str
    proof: Sequence[tuple[str, str]]
    action: tuple[str, str] | None
    subject: str
    who: str

    @property
    def address(self) -> str:
        """Returns the address of the page about the cause."""
        return f"/docs/causes#{self.finding.code}"


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    return [kit.in_project("/findings", show_list)]


async def show_list(visit: Visit) -> Response:
    """Shows the findings, the most severe first; the filters are in the URL."""
    query = visit.request.query_params
    asked = {name: query.get(name, "").strip()[:LONGEST] for name in ASKED}
    try:
        found = await read(visit, max_age_s=0.0)  # the page says how things are now
    except Unavailable as error:
        return kit.render_unavailable(visit, "findings/list.html", error, **_common(visit, asked, []))
    wanted = [one for one in found if _matches(one, asked)]
    visit.request.state.error_count = sum(one.severity == "error" for one in found)
    values = _common(visit, asked, found)
    return kit.render(
        visit,
        "findings/list.html",
        problem=None,
        **{**values, "shown": [show(visit, one) for one in wanted[:MOST]], "count": len(wanted)},
    )


async def read(visit: Visit, *, max_age_s: float = PAGE_AGE_S) -> Sequence[Finding]:
    """Returns the project's findings, the most severe first."""
    recent: RecentFindings = visit.request.app.state.findings
    return await recent.get(visit.ctx, visit.project.id, max_age_s=max_age_s)


async def about(visit: Visit, object_id: str) -> list[Shown]:
    """Returns the findings about an object: those whose subject it is, and those about its account or order."""
    return [
        show(visit, one)
        for one in await read(visit)
        if object_id in (one.subject.id, one.account_id, one.order_id)
    ][:MOST]  # fmt: skip


def show(visit: Visit, one: Finding) -> Shown:
    """Returns a finding as pages show it."""
    action = STEPS.get(one.code) or PAGES.get(one.subject.type)
    if action is not None:
        action = (action[0], visit.base + action[1].format(id=quote(one.subject.id or "", safe="")))
    if action is not None and action[1] == visit.request.url.path:
        action = None
    return Shown(one, TONES[one.severity], _facts(one.proof), action, _subject(one), WHO[one.who])


def _subject(one: Finding) -> str:
    if one.subject.type == "installation":
        return "This installation"
    known = discover().get(one.subject.id or "") if one.subject.type == "integration" else None
    name = known.manifest.name if known else one.subject.name or one.subject.id
    return f"{one.subject.type.capitalize()} {name}"


def _facts(proof: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns the facts of a proof as label and text."""
    return [(_label(name), in_words(value)) for name, value in [*proof.items()][:MOST_FACTS]]


def _label(name: str) -> str:
    words = [one.upper() if one in ("url", "id", "json") else one for one in name.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def in_words(value: Any) -> str:
    """Returns a JSON value as a person reads it."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, (list, tuple)):
        return ", ".join(in_words(one) for one in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {in_words(one)}" for name, one in value.items())
    return str(value)


def _matches(one: Finding, asked: Mapping[str, str]) -> bool:
    if asked["severity"] and asked["severity"] != one.severity:
        return False
    if asked["code"] and asked["code"] != one.code:
        return False
    q = asked["q"].casefold()
    names = (one.subject.id, one.account_id, one.order_id, one.subject.name)
    return not q or any(q == (name or "").casefold() for name in names[:3]) or q in (one.subject.name or "").casefold()


def _common(visit: Visit, asked: dict[str, str], found: Sequence[Finding]) -> dict[str, Any]:
    here = f"{visit.base}/findings"
    kept = {name: asked[name] for name in ("code", "q") if asked[name]}
    tabs = [("All", here + _query(kept), len(found))]
    for severity in SEVERITIES:
        number = sum(one.severity == severity for one in found)
        tabs.append((PLURALS[severity], here + _query({"severity": severity, **kept}), number))
    codes = sorted({one.code for one in found} | ({asked["code"]} if asked["code"] else set()))
    chips = [(asked[name], kit.with_query(visit.request, **{name: None})) for name in ("q", "code") if asked[name]]
    return {
        "asked": asked,
        "here": here,
        "tabs": tabs,
        "current": PLURALS.get(asked["severity"], "All"),
        "selects": [("code", "Any cause", [(one, one) for one in codes], asked["code"])],
        "chips": chips,
        "is_filtered": any(asked.values()),
        "shown": [],
        "count": 0,
        "most": MOST,
        "summary": _summarize(found),
        "command": f"greenroom doctor --project '{visit.project.name}'",
    }


def _query(values: Mapping[str, str]) -> str:
    return f"?{urlencode(values)}" if values else ""


def _summarize(found: Sequence[Finding]) -> list[tuple[str, str]]:
    """Returns how many findings there are of each severity: the severity and its words."""
    words = {"error": "error", "warning": "warning", "notice": "notice"}
    counts = [(one, sum(each.severity == one for each in found)) for one in SEVERITIES]
    return [(one, formats.plural(count, words[one])) for one, count in counts if count]
