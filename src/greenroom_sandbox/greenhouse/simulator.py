"""The simulator's calls to partners and webhooks.

Each call is checked, logged and, if a fault matches, changed or delayed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from aiohttp import web

from greenroom_sandbox import faults
from greenroom_sandbox.errors import Conflict
from greenroom_sandbox.greenhouse import texts
from greenroom_sandbox.greenhouse.model.hiring import Candidate
from greenroom_sandbox.greenhouse.model.hook import Hook
from greenroom_sandbox.greenhouse.model.partner import CallName, Connection, Partner
from greenroom_sandbox.greenhouse.model.take_home import StatusReply, TakeHome
from greenroom_sandbox.greenhouse.wire import bodies, links, replies
from greenroom_sandbox.greenhouse.wire.hooks import signature
from greenroom_sandbox.greenhouse.world import World
from greenroom_sandbox.model.wire import Exchange, Fault
from greenroom_sandbox.outbound import WRONG_KEY, Outbound, set_verdict
from greenroom_sandbox.wire.address import with_interview_id
from greenroom_sandbox.wire.basic import basic_header, key_header
from greenroom_sandbox.wire.calls import HttpClient, Outcome
from greenroom_sandbox.wire.checked import Checked


@dataclass
class CallResult:
    """The result of a call.

    ``reasons`` are the details that the recruiter does not see.
    """

    ok: bool
    reasons: list[str] = field(default_factory=list)
    exchange_id: int | None = None

    @property
    def message(self) -> str | None:
        """The error message for the recruiter, None after a good call."""
        return None if self.ok else texts.ERROR


class Simulator:
    """Greenhouse as its partners see it.

    ``base`` is the simulator's own address, set once it listens.
    """

    def __init__(self, world: World, caller: HttpClient) -> None:
        self.world = world
        self.base = "http://127.0.0.1"
        self.clock_lock = asyncio.Lock()
        self._outbound = Outbound(world, caller, "greenhouse")

    @property
    def public_url(self) -> str:
        """The base of the URLs that the simulator hands out."""
        return self.world.settings.public_url or self.base

    async def list_tests(self, partner: Partner, connection: Connection) -> tuple[CallResult, list[replies.ListedTest]]:
        """Calls ``list_tests`` and stores the names of the tests on the connection."""
        url = partner.list_tests_url
        outcome, exchange = await self._call("list_tests", partner, connection, None, "GET", url, None)
        checked = replies.list_tests(outcome.body, self.world.settings.integer_test_ids)
        call_result = await self._check_and_log(outcome, exchange, checked, partner, connection, None)
        tests = checked.value if call_result.ok and checked.value is not None else []
        if call_result.ok:
            connection.listed = {test.partner_test_id: test.partner_test_name for test in tests}
            self.world.connections.save(connection)
        return call_result, tests

    async def send_test(self, test: TakeHome) -> CallResult:
        """Calls ``send_test`` and stores the reply's ``partner_interview_id`` on the test.

        The `duplicate` fault makes the call twice.
        """
        partner, connection = self._get_parties(test)
        candidate = self.world.candidates.get(test.candidate_id)
        settings = self.world.settings
        matched = faults.match(self.world, "send_test", ("malformed", "duplicate", "expired_resume"), test.id)
        body = bodies.send_test(
            test, candidate, self._resume_url(candidate, "expired_resume" in matched), self.public_url, settings
        )
        raw = json.dumps(body, ensure_ascii=False).encode()
        if "malformed" in matched:
            raw = bodies.break_send_test(body, matched["malformed"].variant)
        url = partner.send_test_url

        async def call() -> tuple[Outcome, Exchange]:
            return await self._call("send_test", partner, connection, test, "POST", url, raw, sorted(matched))

        outcome, exchange = await (self._call_twice(call, matched["duplicate"]) if "duplicate" in matched else call())
        checked = replies.send_test(outcome.body, settings.integer_test_ids)
        call_result = await self._check_and_log(outcome, exchange, checked, partner, connection, test)
        if call_result.ok:
            test.partner_interview_id = checked.value
        return call_result

    async def _call_twice(
        self, call: Callable[[], Awaitable[tuple[Outcome, Exchange]]], fault: Fault
    ) -> tuple[Outcome, Exchange]:
        """Makes the same call twice and returns the first outcome.

        The second call is made at once, or ``fault.seconds`` after the first reply.
        """
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
        self.world.log_exchange(second)
        return outcome, exchange

    def _resume_url(self, candidate: Candidate, expired: bool) -> str | None:
        if candidate.resume_url is not None or candidate.resume is None:
            return candidate.resume_url
        since = self.world.clock.now() - (links.LIFETIME if expired else timedelta())
        return links.resume_url(self.public_url, candidate.id, since, self.world.seed)

    async def test_status(self, test: TakeHome) -> tuple[CallResult, StatusReply | None, bool]:
        """Calls ``test_status``.

        Returns the result, the reply when it is well-formed, and whether the `reorder` fault delays the reply.
        """
        partner, connection = self._get_parties(test)
        placement = self.world.settings.interview_id
        url = with_interview_id(partner.test_status_url, test.partner_interview_id or "", placement)
        outcome, exchange = await self._call("test_status", partner, connection, test, "GET", url, None)
        checked = replies.test_status(outcome.body)
        held_back = bool(faults.match(self.world, "test_status", ("reorder",), test.id))
        call_result = await self._check_and_log(outcome, exchange, checked, partner, connection, test)
        return call_result, checked.value if call_result.ok else None, held_back

    def _get_parties(self, test: TakeHome) -> tuple[Partner, Connection]:
        connection = self.world.find_connection(test.organization_id, test.partner_id)
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
        matched: Iterable[str] = (),
    ) -> tuple[Outcome, Exchange]:
        """Makes a call to a partner.

        ``matched`` names the faults that have changed the body already.
        """
        kinds = faults.match(self.world, name, faults.OUTBOUND_KINDS, test.id if test else None)
        key = WRONG_KEY if "wrong_credentials" in kinds else connection.key or ""
        headers = {"Authorization": key_header(key), "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        outcome, exchange = await self._outbound.request(name, method, url, headers, body, kinds)
        exchange.partner_id, exchange.organization_id = partner.id, connection.organization_id
        exchange.take_home_id = test.id if test else None
        exchange.fault = ",".join(sorted({*kinds, *matched})) or None
        return outcome, exchange

    async def _check_and_log(
        self,
        outcome: Outcome,
        exchange: Exchange,
        checked: Checked[Any],
        partner: Partner,
        connection: Connection,
        test: TakeHome | None,
    ) -> CallResult:
        """Logs a call with its verdict.

        A malformed reply is reported to the partner's ``response_error``, as Greenhouse does.
        """
        set_verdict(exchange, outcome, checked)
        self.world.log_exchange(exchange)
        if exchange.verdict == "malformed":
            await self._send_response_error(exchange, exchange.problems, partner, connection, test)
        return CallResult(exchange.verdict == "ok", exchange.problems, exchange.id)

    async def _send_response_error(
        self, about: Exchange, errors: list[str], partner: Partner, connection: Connection, test: TakeHome | None
    ) -> None:
        body = bodies.response_error(about.call, errors, test, self.world.settings)
        raw = json.dumps(body, ensure_ascii=False).encode()
        url = partner.response_error_url
        outcome, exchange = await self._call("response_error", partner, connection, test, "POST", url, raw)
        set_verdict(exchange, outcome, None)  # an error of response_error itself is reported nowhere
        self.world.log_exchange(exchange)

    async def deliver(self, hook: Hook, event_id: str, body: str) -> bool:
        """Sends a recruiting webhook.

        Returns whether the endpoint answered 200, the only status that Greenhouse accepts.
        """
        matched = faults.match(self.world, "webhook", (*faults.OUTBOUND_KINDS, "duplicate"))
        secret = WRONG_KEY if "wrong_credentials" in matched else hook.secret
        headers = {**hook.headers, "Content-Type": "application/json", "Greenhouse-Event-ID": event_id}
        headers["Signature"] = signature(secret, body)
        if hook.username is not None:
            headers["Authorization"] = basic_header(hook.username, hook.password or "")
        answers = []
        for _ in range(2 if "duplicate" in matched else 1):
            outcome, exchange = await self._outbound.request(
                "webhook", "POST", hook.url, headers, body.encode(), matched
            )
            exchange.organization_id = hook.organization_id
            if outcome.failure is None and outcome.status != 200:
                outcome.fail("webhook.200", f"status {outcome.status}")
            set_verdict(exchange, outcome, None)
            self.world.log_exchange(exchange)
            answers.append(outcome.failure is None)
        return any(answers)

    async def replay(self, past: Exchange) -> Exchange:
        """Repeats a logged call to a partner with its present key.

        The reply is checked and logged, but changes no state. Raises: `Conflict` when the customer has no key any
        more.
        """
        partner = self.world.partners.get(past.partner_id or 0)
        connection = self.world.find_connection(past.organization_id or 0, partner.id)
        if connection is None:
            raise Conflict(f"{partner.name} has no key for this customer any more")
        test = self.world.take_homes.find(past.take_home_id or 0)
        body = past.request_body.encode() if past.method == "POST" else None
        name = cast(CallName, past.call)
        outcome, exchange = await self._call(name, partner, connection, test, past.method, past.url, body)
        exchange.replay_of = past.id
        set_verdict(exchange, outcome, self._check_reply(past.call, outcome.body))
        if past.call == "send_test" and exchange.verdict == "ok" and test is not None:
            interview_id = replies.send_test(outcome.body, self.world.settings.integer_test_ids).value
            if interview_id != test.partner_interview_id:
                exchange.remarks.append(f"the same send_test got another partner_interview_id: {interview_id}")
        return self.world.log_exchange(exchange)

    def _check_reply(self, call: str, body: bytes) -> Checked[Any] | None:
        integer_ids = self.world.settings.integer_test_ids
        if call == "list_tests":
            return replies.list_tests(body, integer_ids)
        if call == "send_test":
            return replies.send_test(body, integer_ids)
        return replies.test_status(body) if call == "test_status" else None


#: key of the simulator in the aiohttp application
SIMULATOR = web.AppKey("simulator", Simulator)
