"""The order check: a vendor is asked before an order is placed, and may refuse it with a message for the recruiter."""

from __future__ import annotations

import json
from typing import Any

from greenroom.context import Context
from greenroom.errors import BadRequest, RemoteError
from greenroom.model import documents
from greenroom.model.integrations import Integration
from greenroom.model.order_checks import Decision
from greenroom.outbound import Answer, Outbound, Request, describe_refusal
from greenroom.security.signatures import signing
from greenroom.store.db import to_json, well_formed

#: seconds for the whole call: a recruiter waits for it
DEADLINE_S = 5.0
#: bytes of an answer that are read
ANSWER_BYTES = 64 * 1024
#: characters of a message that a recruiter is shown
MESSAGE_LIMIT = 500
#: statuses that refuse an order
REFUSALS = (409, 422)
#: the message of a vendor that gives none
NO_MESSAGE = "The vendor refused the order and gave no reason."


class OrderCheck:
    """Asks vendors about orders."""

    def __init__(self, ctx: Context, out: Outbound) -> None:
        self._ctx = ctx
        self._out = out

    async def ask(self, integration: Integration, account_id: str, order: dict[str, Any]) -> Decision:
        """
        Asks the vendor whether it takes an order, which is given in the unified model.

        A vendor that cannot be reached, or whose answer cannot be read, accepts: `problem` says why.
        """
        content = {"account_id": account_id, "provider": integration.provider, "order": order}
        body = to_json(content).encode()
        sign = signing(
            event_id=self._ctx.new_id("req"),
            body=body,
            secrets=integration.signing_secrets(self._ctx.now()),
            now=self._ctx.now,
        )
        headers = {"content-type": "application/json", "accept": "application/json"}
        request = Request("POST", str(integration.order_check_url), headers, body, sign)
        try:
            answer = await self._out.send(request, deadline=DEADLINE_S, max_body=ANSWER_BYTES)
        except RemoteError as error:
            return Decision(problem=error.reason)
        return read_answer(answer)


def read_answer(answer: Answer) -> Decision:
    """
    Returns the decision in an answer.

    200 with `{"accept": true}` accepts; `{"accept": false, "message"}`, 409 and 422 with `{"message"}` refuse. Anything
    else accepts with a problem.
    """
    if answer.status not in (200, *REFUSALS):
        expected = '200 with {"accept": true or false}, or 409 or 422 with a message'
        return Decision(problem=describe_refusal("The order_check_url", answer, expected=expected))
    content = _object(answer)
    if answer.status in REFUSALS or content.get("accept") is False:
        return Decision(accept=False, message=_message(content))
    if content.get("accept") is True:
        return Decision()
    return Decision(problem="The answer of the order_check_url has no `accept` that is true or false.")


def _object(answer: Answer) -> dict[str, Any]:
    try:
        documents.check(answer.body)
        content = json.loads(answer.body)
    except (ValueError, BadRequest):
        return {}
    return content if isinstance(content, dict) else {}


def _message(content: dict[str, Any]) -> str:
    message = content.get("message")
    if not isinstance(message, str) or not message.strip():
        return NO_MESSAGE
    plain = "".join(one if one.isprintable() else " " for one in well_formed(message))
    return plain.strip()[:MESSAGE_LIMIT]
