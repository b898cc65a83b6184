"""The simulator's mouth and ears: its calls to partners, each checked, logged, and spoiled when a fault says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from aiohttp import web

from greenroom_sandbox import faults, texts
from greenroom_sandbox.errors import Conflict
from greenroom_sandbox.model.hiring import Candidate
from greenroom_sandbox.model.hook import Hook
from greenroom_sandbox.model.partner import Call as CallName
from greenroom_sandbox.model.partner import Connection, Partner
from greenroom_sandbox.model.take_home import StatusReply, TakeHome
from greenroom_sandbox.model.wire import BODY_LIMIT, Exchange, Fault, FaultKind, WireCall
from greenroom_sandbox.wire import bodies, links, replies
from greenroom_sandbox.wire.address import with_interview_id
from greenroom_sandbox.wire.basic import key_header, masked, pair_header
from greenroom_sandbox.wire.calls import Call, Caller, Outcome
from greenroom_sandbox.wire.hooks import signature
from greenroom_sandbox.world import World

WRONG_KEY = "a-key-that-no-partner-issued"


@dataclass
class Heard:
    """What became of a call. ``reasons`` are what the recruiter does not see."""

    ok: bool
    reasons: list[str] = field(default_factory=list)
    exchange_id: int | None = None

    @property
    def message(self) -> str | None:
        """What the recruiter reads when it went wrong."""
        return None if self.ok else texts.ERROR


class Simulator:
    """Greenhouse as its partners meet it. ``base`` is its own address, known once it listens."""

    def __init__(self, world: World, caller: Caller) -> None:
        self.world = world
        self.base = "http://127.0.0.1"
        self.turn = asyncio.Lock()
        self._caller = caller

    @property
    def public_url(self) -> str:
        """The base of the URLs it hands out."""
        return self.world.settings.public_url or self.base

    async def list_tests(self, partner: Partner, connection: Connection) -> tuple[Heard, list[replies.ListedTest]]:
        """Asks for the tests now, as the dialog does; remembers their names."""
        url = partner.list_tests_url
        outcome, exchange = await self._call("list_tests", partner, connection, None, "GET", url, None)
        checked = replies.list_tests(outcome.body, self.world.settings.integer_test_ids)
        heard = await self._judge(outcome, exchange, checked, partner, connection, None)
        tests = checked.value if heard.ok and checked.value is not None else []
        if heard.ok:
            connection.listed = {test.partner_test_id: test.partner_test_name for test in tests}
            self.world.connections.save(connection)
        return heard, tests

    async def send_test(self, test: TakeHome) -> Heard:
        """Sends a test; keeps the ``partner_interview_id`` of a good reply on it. Twice when a fault says so."""
        partner, connection = self._parties(test)
        candidate = self.world.candidates.get(test.candidate_id)
        settings = self.world.settings
        struck = faults.strike(self.world, "send_test", ("malformed", "duplicate", "expired_resume"), test.id)
        body = bodies.send_test(
            test, candidate, self._resume_url(candidate, "expired_resume" in struck), self.public_url, settings
        )
        raw = json.dumps(body, ensure_ascii=False).encode()
        if "malformed" in struck:
            raw = bodies.spoiled(body, struck["malformed"].variant)
        url = partner.send_test_url

        async def call() -> tuple[Outcome, Exchange]:
            return await self._call("send_test", partner, connection, test, "POST", url, raw, sorted(struck))

        outcome, exchange = await (self._twice(call, struck["duplicate"]) if "duplicate" in struck else call())
        checked = replies.send_test(outcome.body, settings.integer_test_ids)
        heard = await self._judge(outcome, exchange, checked, partner, connection, test)
        if heard.ok:
            test.partner_interview_id = checked.value
        return heard

    async def _twice(
        self, call: Callable[[], Awaitable[tuple[Outcome, Exchange]]], fault: Fault
    ) -> tuple[Outcome, Exchange]:
        """The same call again: at once, or so many seconds after the first one's reply. The first reply counts."""
        if fault.seconds:
            outcome, exchange = await call()
            await asyncio.sleep(fault.seconds)
            again, second = await call()
        else:
            (outcome, exchange), (again, second) = await asyncio.gather(call(), call())
        integer_ids = self.world.settings.integer_test_ids
        other = replies.send_test(again.body, integer_ids).value
        if other != replies.send_test(outcome.body, integer_ids).value:
            second.remarks.append(f"the same send_test got another partner_interview_id: {other}")
        self.world.log(second)
        return outcome, exchange

    def _resume_url(self, candidate: Candidate, expired: bool) -> str | None:
        if candidate.resume_url is not None or candidate.resume is None:
            return candidate.resume_url
        since = self.world.clock.now() - (links.LIFETIME if expired else timedelta())
        return links.resume_url(self.public_url, candidate.id, since, self.world.seed)

    async def test_status(self, test: TakeHome) -> tuple[Heard, StatusReply | None, bool]:
        """Asks how a test is; the reply when it is well-formed, and whether a fault holds it back."""
        partner, connection = self._parties(test)
        placement = self.world.settings.interview_id
        url = with_interview_id(partner.test_status_url, test.partner_interview_id or "", placement)
        outcome, exchange = await self._call("test_status", partner, connection, test, "GET", url, None)
        checked = replies.test_status(outcome.body)
        held_back = bool(faults.strike(self.world, "test_status", ("reorder",), test.id))
        heard = await self._judge(outcome, exchange, checked, partner, connection, test)
        return heard, checked.value if heard.ok else None, held_back

    def _parties(self, test: TakeHome) -> tuple[Partner, Connection]:
        connection = self.world.connection(test.organization_id, test.partner_id)
        empty = Connection(id=0, organization_id=test.organization_id, partner_id=test.partner_id)
        return self.world.partners.get(test.partner_id), connection or empty

    async def _call(
        self,
        name: CallName,
        partner: Partner,
        connection: Connection,
        test: TakeHome | None,
        method: str,
        url: str,
        body: bytes | None,
        struck: Iterable[str] = (),
    ) -> tuple[Outcome, Exchange]:
        """Makes a call to a partner; ``struck`` are the faults that are in its body already."""
        kinds = faults.strike(self.world, name, faults.OF_OWN_CALLS, test.id if test else None)
        key = WRONG_KEY if "wrong_credentials" in kinds else connection.key or ""
        headers = {"Authorization": key_header(key), "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        outcome, exchange = await self._make(name, method, url, headers, body, kinds)
        exchange.partner_id, exchange.organization_id = partner.id, connection.organization_id
        exchange.take_home_id = test.id if test else None
        exchange.fault = ",".join(sorted({*kinds, *struck})) or None
        return outcome, exchange

    async def _make(
        self,
        name: WireCall,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes | None,
        struck: Mapping[FaultKind, Fault],
    ) -> tuple[Outcome, Exchange]:
        """One request, late, cut off or given up as the faults say; its exchange is not logged yet."""
        settings = self.world.settings
        if "latency" in struck:
            await asyncio.sleep(struck["latency"].seconds)
        deadline = struck["timeout"].seconds if "timeout" in struck else settings.deadline_seconds
        at = self.world.clock.now()
        call = Call(method, url, headers, body, deadline, settings.reply_limit_bytes)
        outcome = await self._caller.make(call, cut="reset" in struck)
        sent = body or b""
        exchange = Exchange(
            id=0,
            at=at,
            direction="to_partner",
            call=name,
            method=method,
            url=url,
            request_headers=masked(headers.items()),
            request_body=_text(sent),
            request_cut=len(sent) > BODY_LIMIT,
            status=outcome.status,
            reply_headers=outcome.headers,
            reply_body=_text(outcome.body),
            ms=outcome.ms,
            fault=",".join(sorted(struck)) or None,
        )
        return outcome, exchange

    async def _judge(
        self,
        outcome: Outcome,
        exchange: Exchange,
        checked: replies.Checked[Any],
        partner: Partner,
        connection: Connection,
        test: TakeHome | None,
    ) -> Heard:
        """Logs a call with its verdict; tells the partner of a malformed reply, as Greenhouse does."""
        _give_verdict(exchange, outcome, checked)
        self.world.log(exchange)
        if exchange.verdict == "malformed":
            await self._complain(exchange, exchange.problems, partner, connection, test)
        return Heard(exchange.verdict == "ok", exchange.problems, exchange.id)

    async def _complain(
        self, about: Exchange, errors: list[str], partner: Partner, connection: Connection, test: TakeHome | None
    ) -> None:
        body = bodies.response_error(about.call, errors, test, self.world.settings)
        raw = json.dumps(body, ensure_ascii=False).encode()
        url = partner.response_error_url
        outcome, exchange = await self._call("response_error", partner, connection, test, "POST", url, raw)
        _give_verdict(exchange, outcome, None)  # there is nowhere to report an error of this call
        self.world.log(exchange)

    async def deliver(self, hook: Hook, event_id: str, body: str) -> bool:
        """Sends a recruiting webhook; whether it was answered 200, the only status that will do."""
        struck = faults.strike(self.world, "webhook", (*faults.OF_OWN_CALLS, "duplicate"))
        secret = WRONG_KEY if "wrong_credentials" in struck else hook.secret
        headers = {**hook.headers, "Content-Type": "application/json", "Greenhouse-Event-ID": event_id}
        headers["Signature"] = signature(secret, body)
        if hook.username is not None:
            headers["Authorization"] = pair_header(hook.username, hook.password or "")
        answers = []
        for _ in range(2 if "duplicate" in struck else 1):
            outcome, exchange = await self._make("webhook", "POST", hook.url, headers, body.encode(), struck)
            exchange.organization_id = hook.organization_id
            if outcome.failure is None and outcome.status != 200:
                outcome.fail("webhook.200", f"status {outcome.status}")
            _give_verdict(exchange, outcome, None)
            self.world.log(exchange)
            answers.append(outcome.failure is None)
        return any(answers)

    async def replay(self, past: Exchange) -> Exchange:
        """Makes a call to a partner again, with today's key; the reply is judged and logged, and changes nothing."""
        partner = self.world.partners.get(past.partner_id or 0)
        connection = self.world.connection(past.organization_id or 0, partner.id)
        if connection is None:
            raise Conflict(f"{partner.name} has no key for this customer any more")
        test = self.world.take_homes.find(past.take_home_id or 0)
        body = past.request_body.encode() if past.method == "POST" else None
        name = cast(CallName, past.call)
        outcome, exchange = await self._call(name, partner, connection, test, past.method, past.url, body)
        exchange.replay_of = past.id
        _give_verdict(exchange, outcome, self._checked(past.call, outcome.body))
        if past.call == "send_test" and exchange.verdict == "ok" and test is not None:
            interview_id = replies.send_test(outcome.body, self.world.settings.integer_test_ids).value
            if interview_id != test.partner_interview_id:
                exchange.remarks.append(f"the same send_test got another partner_interview_id: {interview_id}")
        return self.world.log(exchange)

    def _checked(self, call: str, body: bytes) -> replies.Checked[Any] | None:
        integer_ids = self.world.settings.integer_test_ids
        if call == "list_tests":
            return replies.list_tests(body, integer_ids)
        if call == "send_test":
            return replies.send_test(body, integer_ids)
        return replies.test_status(body) if call == "test_status" else None


#: where the application keeps it
SIMULATOR = web.AppKey("simulator", Simulator)


def _give_verdict(exchange: Exchange, outcome: Outcome, checked: replies.Checked[Any] | None) -> None:
    """Writes down what is wrong with a reply, and which rule says so; without ``checked`` any 2xx is right."""
    if outcome.failure is not None:
        exchange.verdict, exchange.problems = "failed", [outcome.failure]
        if outcome.rule is not None and exchange.fault is None:  # an injected fault is not the partner's doing
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
