"""Logged requests as curl commands, with shell variables for the credentials."""

from __future__ import annotations

import shlex

from greenroom_sandbox.model.wire import BODY_LIMIT, Exchange
from greenroom_sandbox.wire.basic import is_secret

_SET_BY_CURL = {"host", "content-length", "connection", "accept-encoding", "transfer-encoding"}
#: curl's option with the credentials, by call
_CREDENTIALS = {
    "completion": '-u "$PARTNER_USERNAME:$PARTNER_PASSWORD"',
    "webhook": '-u "$WEBHOOK_USERNAME:$WEBHOOK_PASSWORD"',
    "token": '-u "$CLIENT_ID:$CLIENT_SECRET"',
    "assessment.update": '-u "$ASHBY_API_KEY:"',
    "assessment.addCompletedToCandidate": '-u "$ASHBY_API_KEY:"',
    "harvest": '-H "Authorization: Bearer $ACCESS_TOKEN"',
}
_KEY = '-u "$API_KEY:"'


def command(exchange: Exchange) -> str:
    """Returns the curl command over several lines.

    A comment line in front says when the log does not have the whole body.
    """
    words = [f"curl -i -X {exchange.method} {shlex.quote(exchange.url)}"]
    for name, value in exchange.request_headers.items():
        if name.lower() == "authorization":
            words.append(_CREDENTIALS.get(exchange.call, _KEY))
        elif name.lower() not in _SET_BY_CURL and not is_secret(name):
            words.append(f"-H {shlex.quote(f'{name}: {value}')}")
    if exchange.request_body:
        words.append(f"--data-raw {shlex.quote(exchange.request_body)}")
    note = f"# the log has the first {BODY_LIMIT} bytes of the body only\n" if exchange.request_cut else ""
    return note + " \\\n  ".join(words) + "\n"
