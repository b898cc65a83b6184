"""The requests of the kit: sent through the outbound client, and shown as curl commands without credentials."""

from __future__ import annotations

import base64
import secrets as random_secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from greenroom.errors import RemoteError
from greenroom.outbound import Answer, Outbound, Request
from greenroom.security.signatures import webhook_headers

#: characters of an answer that a proof quotes
QUOTED = 160
#: bytes of the longest body in a curl command
MOST_SHOWN = 20_000
USER_AGENT = "greenroom-check"


@dataclass(frozen=True)
class Sent:
    """A request that was sent, and its answer."""

    request: Request
    answer: Answer
    #: the shell variable for each credential in a curl command
    masks: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def is_success(self) -> bool:
        return 200 <= self.answer.status < 300

    @property
    def is_refusal(self) -> bool:
        """Returns whether the request was refused, with whichever status a framework has for it."""
        return self.answer.status in (400, 401, 403)

    @property
    def text(self) -> str:
        return self.answer.body.decode(errors="replace")

    @property
    def curl(self) -> str | None:
        """Returns the request as a curl command with variables for credentials; None when it is too long to paste."""
        is_short = len(self.request.body or b"") <= MOST_SHOWN
        return curl(self.request, self.masks) if is_short else None

    def described(self) -> str:
        """Returns the answer's status and the beginning of its body, for a proof."""
        plain = "".join(one if one.isprintable() else " " for one in self.text).strip()
        for secret in self.masks:
            plain = plain.replace(secret, "…")
        quoted = f": {plain[:QUOTED]}" if plain else ""
        return f"the answer was {self.status} after {self.answer.duration_ms:.0f} ms{quoted}"


def curl(request: Request, masks: Mapping[str, str]) -> str:
    """
    Returns a request as a curl command.

    `masks` maps each credential to the shell variable that takes its place.
    """
    parts = ["curl -i -X", request.method, shlex.quote(request.url)]
    for name, text in request.headers.items():
        shown = shlex.quote(f"{name}: {text}")
        for secret, variable in masks.items():
            if secret in text:
                shown = f'"{name}: {text.replace(secret, variable)}"'
        parts.append(f"-H {shown}")
    if request.body is not None:
        parts.append(f"--data-binary {shlex.quote(request.body.decode(errors='replace'))}")
    return " ".join(parts)


def basic(key: str) -> str:
    """Returns a key as the user name of a Basic Authorization header."""
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


def new_secret() -> str:
    """Returns a signing secret that nobody else has."""
    return "whsec_" + base64.b64encode(random_secrets.token_bytes(32)).decode()


def new_id(prefix: str) -> str:
    """Returns an id that no other call has."""
    return f"{prefix}_{random_secrets.token_hex(10)}"


def signature(body: bytes, secrets: Sequence[str], *, event_id: str | None = None, age_s: int = 0) -> dict[str, str]:
    """Returns the signature headers of a body; `age_s` dates them back."""
    sent_at = int(datetime.now(UTC).timestamp()) - age_s
    return webhook_headers(event_id=event_id or new_id("evt"), sent_at=sent_at, body=body, secrets=secrets)


@dataclass
class Caller:
    """Sends requests to one URL."""

    out: Outbound
    url: str
    deadline_s: float
    max_body: int
    masks: Mapping[str, str] = field(default_factory=dict)

    async def send(self, method: str, headers: Mapping[str, str], body: bytes | None) -> Sent:
        """
        Sends one request; once more when the connection breaks, since servers close idle ones at any time.

        Raises:
            RemoteError: no answer.
        """
        request = Request(method, self.url, dict(headers), body)
        try:
            answer = await self._send(request)
        except RemoteError as error:
            if error.kind != "reset":
                raise
            answer = await self._send(request)
        return Sent(request, answer, self.masks)

    async def _send(self, request: Request) -> Answer:
        return await self.out.send(request, deadline=self.deadline_s, max_body=self.max_body)
