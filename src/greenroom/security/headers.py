"""
The security headers of every answer.

A header that the answer sets itself stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: the content security policy of pages: scripts, styles, fonts, images, requests and forms of this gateway only
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000")
_DEFAULTS = {
    b"cache-control": b"no-store",  # most answers contain personal data or a secret
    b"content-security-policy": b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    b"cross-origin-opener-policy": b"same-origin",
    b"permissions-policy": b"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
}


def missing(sent: Sequence[tuple[bytes, bytes]], *, https: bool) -> list[tuple[bytes, bytes]]:
    """
    Returns the security headers that are not among the headers of an answer.

    `https` says that the public URL is an https URL: only then is Strict-Transport-Security added.
    """
    known = {name.lower() for name, _ in sent}
    policy = next((value for name, value in sent if name.lower() == b"content-security-policy"), b"")
    if b"frame-ancestors" in policy and b"frame-ancestors 'none'" not in policy:
        known.add(b"x-frame-options")  # it knows no list of origins
    added = [(name, value) for name, value in _DEFAULTS.items() if name not in known]
    return [*added, HTTPS_ONLY] if https and HTTPS_ONLY[0] not in known else added


class SecurityHeaders:
    """Adds the missing security headers to every answer of an application."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ())]
                message = {**message, "headers": headers + missing(headers, https=self._https)}
            await send(message)

        await self._app(scope, receive, sent if scope["type"] == "http" else send)
