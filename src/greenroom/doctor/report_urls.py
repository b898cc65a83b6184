"""
Probes of the address of a report: whether a recruiter's browser could open it.

Only a HEAD is sent, through the egress guard, and redirects are followed by hand: a browser would follow them. A server
that refuses HEAD is asked by GET.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from greenroom.connectors import discover
from greenroom.context import Context
from greenroom.doctor.catalogue import causes, find
from greenroom.errors import LocalFault, RemoteError
from greenroom.model.findings import Finding, Subject
from greenroom.model.result_lint import ResultWarning
from greenroom.outbound import Answer, Outbound, Request
from greenroom.outbound.urls import without_query
from greenroom.services import orders

#: seconds for one request, and redirects that are followed
DEADLINE_S = 5.0
REDIRECTS = 5
MAX_BODY = 1024
#: parts of a host or path that name a page for signing in
_SIGN_IN = re.compile(r"(?:^|[/._-])(?:log-?in|sign-?in|sign_in|sso|saml|oauth2?|authori[sz]e|auth)(?:[/._-]|$)", re.I)


@dataclass(frozen=True)
class Unopened:
    """An address that a recruiter could not open: the code of the finding, and what was observed."""

    code: str
    proof: Mapping[str, Any]

    @property
    def warning(self) -> ResultWarning:
        """Returns the doubt about the field of a result."""
        seen = self.proof.get("status") or self.proof.get("error")
        return ResultWarning("result_url", f"{causes()[self.code].title} ({seen}).", self.code)


async def probe(out: Outbound, url: str) -> Unopened | None:
    """Returns why an address cannot be opened by a recruiter; None when it can, or when nothing could be sent."""
    here = url
    for _ in range(REDIRECTS + 1):
        proof: dict[str, Any] = {"field": "result_url", "url": without_query(here)[:200]}
        try:
            answer = await _ask(out, here)
        except LocalFault:
            return None
        except RemoteError as error:
            return Unopened("result.url_unreachable", {**proof, "error": error.reason[:200]})
        proof["status"] = answer.status
        target = answer.headers.get("location")
        if answer.status == 401:
            return Unopened("result.url_needs_login", proof)
        if not 300 <= answer.status < 400 or not target:
            return None if answer.status < 300 else Unopened("result.url_unreachable", proof)
        here = urljoin(here, target)
        parts = urlsplit(here)
        if _SIGN_IN.search(parts.hostname or "") or _SIGN_IN.search(parts.path):
            return Unopened("result.url_needs_login", {**proof, "redirect": without_query(here)[:200]})
    return Unopened("result.url_unreachable", {**proof, "error": f"More than {REDIRECTS} redirects."})


async def _ask(out: Outbound, url: str) -> Answer:
    answer = await out.send(Request("HEAD", url, {}), deadline=DEADLINE_S, max_body=MAX_BODY)
    if answer.status in (405, 501):
        return await out.send(Request("GET", url, {}), deadline=DEADLINE_S, max_body=MAX_BODY)
    return answer


async def probe_order(ctx: Context, out: Outbound, project_id: str, order_id: str) -> list[Finding]:
    """
    Returns the finding about the report of an order's result, if there is one.

    Raises:
        NotFound: the order is not the project's.
    """
    order = await orders.get(ctx, project_id, order_id)
    if order.result is None or order.result.result_url is None:
        return []
    found = await probe(out, order.result.result_url)
    if found is None:
        return []
    subject, now = Subject("order", order.id, order.package_name), ctx.now()
    ats = discover()[order.provider].manifest.name
    return [
        find(
            found.code,
            subject,
            ats=ats,
            proof=found.proof,
            since=now,
            last_seen_at=now,
            account_id=order.account_id,
            order_id=order.id,
        )
    ]
