"""The webhook endpoint under check, and the calls that several checks share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from greenroom.check.calls import Caller, Sent, new_id, signature
from greenroom.check.model import Failed, Skipped
from greenroom.check.webhook import events
from greenroom.errors import RemoteError
from greenroom.model.events import ACCOUNT_EVENTS, OPERATIONAL_EVENTS, ORDER_CREATED, ORDER_UPDATED, order_categories
from greenroom.model.orders import Category

#: the events of a webhook for which none are named
EVENTS = (*ORDER_CREATED.values(), *ORDER_UPDATED.values(), *ACCOUNT_EVENTS, *OPERATIONAL_EVENTS)
STANDARD = ("webhook-id", "webhook-timestamp", "webhook-signature")
STACKONE = ("x-stackone-signature",)


@dataclass
class WebhookSubject:
    """
    A vendor's webhook endpoint, with its secret and the events that it subscribes to.

    `slow_s` is the time after which an answer gets a warning.
    """

    caller: Caller
    secret: str | None = None
    subscribed: Sequence[str] = EVENTS
    development: bool = False
    slow_s: float = 5.0
    seed: int = 1
    examples: int = 40
    _first: Sent | RemoteError | None = None
    _accepts: dict[Sequence[str], bool] = field(default_factory=dict)

    @property
    def category(self) -> Category:
        """Returns the category of which the webhook gets orders."""
        return "assessments" if "assessments" in order_categories(self.subscribed) else "background_checks"

    @property
    def order_event(self) -> str:
        """Returns the spelling of the order event that the webhook subscribes to."""
        names = [name for name in self.subscribed if order_categories([name])]
        created = [name for name in names if name not in ORDER_UPDATED.values()]
        return created[0] if created else ORDER_CREATED[self.category]

    def order(self, **more: Any) -> Any:
        """Returns the body of a new order's event."""
        return events.created(self.category, self.order_event, placed=events.order(self.category, **more))

    def signed(self, body: bytes, *, event_id: str | None = None, age_s: int = 0) -> dict[str, str]:
        """Returns the headers of the gateway's request with this body."""
        return signature(body, [self.secret] if self.secret else [], event_id=event_id, age_s=age_s)

    async def post(self, document: Any, *, event_id: str | None = None) -> Sent:
        """
        Sends a signed event.

        Raises:
            RemoteError: no answer.
        """
        body = encode(document)
        return await self.send(body, self.signed(body, event_id=event_id))

    async def send(self, body: bytes, headers: Mapping[str, str]) -> Sent:
        """
        Sends a body with these signature headers.

        Raises:
            RemoteError: no answer.
        """
        return await self.caller.send("POST", {"content-type": "application/json", **headers}, body)

    async def call(self) -> Sent:
        """
        Returns the first order event's answer; the event is sent once.

        Raises:
            RemoteError: no answer.
        """
        if self._first is None:
            try:
                self._first = await self.post(self.order())
            except RemoteError as error:
                self._first = error
        if isinstance(self._first, RemoteError):
            raise self._first
        return self._first

    async def answer(self) -> Sent:
        """
        Returns the first answer, for the checks that need one.

        Raises:
            Skipped: the endpoint did not answer.
        """
        try:
            return await self.call()
        except RemoteError:
            raise Skipped("The endpoint does not answer: see webhook.reachable.") from None

    async def success(self) -> Sent:
        """
        Returns the first answer when the event was accepted.

        Raises:
            Skipped: it was not.
        """
        sent = await self.answer()
        if not sent.is_success:
            raise Skipped("The endpoint does not accept a good event: see webhook.status.")
        return sent

    async def is_verifying(self) -> str:
        """
        Returns the secret, for the checks of signatures.

        Raises:
            Skipped: there is none, or a good event is not accepted.
        """
        await self.success()
        if self.secret is None:
            raise Skipped("Give the webhook's secret with --secret.")
        return self.secret

    async def accepts(self, kept: Sequence[str]) -> bool:
        """Returns whether an event with some of the signature headers alone is accepted."""
        if kept not in self._accepts:
            body = encode(self.order())
            headers = {name: text for name, text in self.signed(body).items() if name in kept}
            self._accepts[kept] = (await self.send(body, headers)).is_success
        return self._accepts[kept]

    async def accepted(self, document: Any, what: str, *, event_id: str | None = None) -> str:
        """
        Sends an event that must be accepted, and returns its status.

        Raises:
            Failed: it was not accepted.
            Skipped: not even a plain order event is.
        """
        await self.success()
        sent = await self.post(document, event_id=event_id or new_id("evt"))
        if not sent.is_success:
            raise Failed(f"For {what}, {sent.described()}.", curl=sent.curl)
        return str(sent.status)


def encode(document: Any) -> bytes:
    """Returns a body in the form of the gateway's."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
