"""The simulator's requests to partners and webhooks, with injected faults and an entry in the traffic log."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from greenroom_sandbox.kernel import Kernel
from greenroom_sandbox.model.wire import BODY_LIMIT, Ats, Exchange, Fault, FaultKind, WireCall
from greenroom_sandbox.wire.basic import mask_headers
from greenroom_sandbox.wire.calls import ClientRequest, HttpClient, Outcome
from greenroom_sandbox.wire.checked import Checked

#: the key of calls that the fault ``wrong_credentials`` hits
WRONG_KEY = "a-key-that-no-partner-issued"


class Outbound:
    """Makes the calls of one ATS."""

    def __init__(self, kernel: Kernel, client: HttpClient, ats: Ats) -> None:
        self._kernel, self._client, self._ats = kernel, client, ats

    async def request(
        self,
        name: WireCall,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes | None,
        matched: Mapping[FaultKind, Fault],
    ) -> tuple[Outcome, Exchange]:
        """Makes one request, with its latency, timeout or reset faults.

        Returns the outcome and the exchange, which is not logged yet.
        """
        settings = self._kernel.settings
        if "latency" in matched:
            await asyncio.sleep(matched["latency"].seconds)
        deadline = matched["timeout"].seconds if "timeout" in matched else settings.deadline_seconds
        at = self._kernel.clock.now()
        call = ClientRequest(method, url, headers, body, deadline, settings.reply_limit_bytes)
        outcome = await self._client.make(call, cut="reset" in matched)
        sent = body or b""
        exchange = Exchange(
            id=0,
            at=at,
            ats=self._ats,
            direction="to_partner",
            call=name,
            method=method,
            url=url,
            request_headers=mask_headers(headers.items()),
            request_body=_text(sent),
            request_cut=len(sent) > BODY_LIMIT,
            status=outcome.status,
            reply_headers=outcome.headers,
            reply_body=_text(outcome.body),
            ms=outcome.ms,
            fault=",".join(sorted(matched)) or None,
        )
        return outcome, exchange


def set_verdict(exchange: Exchange, outcome: Outcome, checked: Checked[Any] | None) -> None:
    """Sets verdict, problems and broken rules of an exchange.

    Without ``checked`` the body is not checked: every 2xx reply is ok.
    """
    if outcome.failure is not None:
        exchange.verdict, exchange.problems = "failed", [outcome.failure]
        if outcome.rule is not None and exchange.fault is None:  # the partner did not cause an injected fault
            exchange.rules = [outcome.rule]
    elif checked is not None and checked.problems:
        exchange.verdict, exchange.problems, exchange.rules = "malformed", checked.problems, checked.rules
    elif checked is not None:
        exchange.remarks += checked.remarks + _remarks(outcome)


def _remarks(outcome: Outcome) -> list[str]:
    remarks = []
    kind = next((value for name, value in outcome.headers.items() if name.lower() == "content-type"), "")
    if "json" not in kind:
        remarks.append(f"the media type is {kind or 'missing'}, not application/json")
    if outcome.status != 200:
        remarks.append(f"the status is {outcome.status}, not 200")
    return remarks


def _text(raw: bytes) -> str:
    return raw[:BODY_LIMIT].decode(errors="replace")
