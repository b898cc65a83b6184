"""
The catalogue of causes: every code with its severity and texts.

The one source of the texts on the command line, in the API, on pages and in the docs.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any, Literal

from greenroom.connectors import discover
from greenroom.model.findings import Finding, Severity, Subject, Who

#: headings of the areas, in the order of the docs
AREAS = {
    "ats": "The ATS does not reach Greenroom",
    "packages": "The package list",
    "webhook": "The webhook is not received",
    "hiring_team": "The hiring team is not included",
    "result": "The result is not accepted or not shown",
    "order": "Nobody complains, and still",
    "gateway": "The installation",
}

#: names of the people who can take the next step
WHO: dict[Who, str] = {
    "vendor": "you, the vendor",
    "customer": "your customer",
    "greenhouse_support": "the support of the ATS",
    "operator": "the operator of Greenroom",
}
#: the name in texts that are not about one ATS
ANY_ATS = "the ATS"


@dataclass(frozen=True)
class Cause:
    """A cause that the doctor tells apart; `{ats}` in the texts is the name of the ATS."""

    code: str
    severity: Severity
    who: Who
    title: str
    about: str
    next_step: str

    @property
    def area(self) -> str:
        """Returns the part of the code before the dot."""
        return self.code.partition(".")[0]

    def named(self, ats: str = ANY_ATS) -> Cause:
        """Returns the cause with the name of the ATS in its texts."""
        title, about, next_step = (_named(text, ats) for text in (self.title, self.about, self.next_step))
        return replace(self, title=title, about=about, next_step=next_step)


@cache
def causes() -> Mapping[str, Cause]:
    """Returns every cause by its code, in the order of the docs."""
    text = resources.files("greenroom.doctor").joinpath("causes.toml").read_text(encoding="utf-8")
    areas = tomllib.loads(text)
    return {
        f"{area}.{name}": Cause(code=f"{area}.{name}", **facts) for area in AREAS for name, facts in areas[area].items()
    }


def find(
    code: str,
    subject: Subject,
    *,
    ats: str = ANY_ATS,
    severity: Severity | None = None,
    title: str | None = None,
    cause: str | None = None,
    next_step: str | None = None,
    proof: Mapping[str, Any] | None = None,
    since: datetime | None = None,
    last_seen_at: datetime | None = None,
    count: int = 1,
    count_is: Literal["exact", "at_least"] = "exact",
    account_id: str | None = None,
    order_id: str | None = None,
    account_ids: tuple[str, ...] = (),
    order_ids: tuple[str, ...] = (),
) -> Finding:
    """Returns a finding with the catalogue's texts, save those that are given."""
    known = causes()[code].named(ats)
    return Finding(
        code=code,
        severity=severity or known.severity,
        subject=subject,
        title=title or known.title,
        cause=cause or known.about,
        next_step=next_step or known.next_step,
        who=known.who,
        proof=proof or {},
        since=since,
        last_seen_at=last_seen_at,
        count=count,
        count_is=count_is,
        account_id=account_id,
        order_id=order_id,
        account_ids=account_ids,
        order_ids=order_ids,
    )


def get_ats_name(provider: str) -> str:
    """Returns the name of an ATS for people."""
    known = discover().get(provider)
    return known.manifest.name if known else provider


def about_integration(provider: str) -> Subject:
    """Returns an integration as the subject of a finding."""
    return Subject("integration", provider, get_ats_name(provider))


def _named(text: str, ats: str) -> str:
    """Returns a text with the name of the ATS; a sentence begins with a capital."""
    if ats == ANY_ATS:
        text = text.replace("{ats} Support", "{ats}'s support")
    text = re.sub(r"(^|[.!?] )\{ats\}", lambda found: found[1] + ats[:1].upper() + ats[1:], text)
    text = text.replace("{ats}", ats)
    return text[:1].upper() + text[1:]
