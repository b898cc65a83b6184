"""URLs: validation, the parameter ``partner_interview_id``, and public hosts."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, quote, urlsplit

from greenroom_sandbox.errors import Refused
from greenroom_sandbox.model.wire import HttpPolicy, Placement

_VISIBLE_ASCII = re.compile(r"[!-~]+")
_LOCAL_SUFFIXES = (
    ".localhost",
    ".local",
    ".localdomain",
    ".internal",
    ".lan",
    ".home.arpa",
    ".test",
    ".invalid",
    ".onion",
)


def check_partner_url(field: str, url: str, policy: HttpPolicy) -> str:
    """Returns ``url`` if Greenhouse would accept it.

    It needs https (or http as ``policy`` allows) and a host, and has no user-info and no fragment. The query string
    is the partner's own. Raises: `Refused`. Source: Greenhouse Assessment API, "HTTPS required on every endpoint".
    """
    parts = _split(field, url)
    if parts.scheme not in ("https", "http"):
        raise Refused("must start with https://", field)
    if not parts.hostname:
        raise Refused("has no host", field)
    if parts.username is not None or parts.password is not None:
        raise Refused("must not carry a user name or password", field)
    if "#" in url:
        raise Refused("must not have a fragment (#)", field)
    if parts.scheme == "http" and not (policy == "allowed" or (policy == "loopback" and is_loopback(parts.hostname))):
        raise Refused("must start with https:// (plain http is switched off for this host)", field)
    return url


def check_base_url(field: str, url: str) -> str:
    """Returns a base URL without its trailing slash.

    It has a scheme, a host and an optional path. Raises: `Refused`.
    """
    parts = _split(field, url)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment:
        raise Refused("must be an http(s) address without query or fragment", field)
    return url.rstrip("/")


def with_interview_id(url: str, interview_id: str, placement: Placement) -> str:
    """Adds ``partner_interview_id`` to a URL, percent-encoded.

    The partner's own query stays unchanged. ``naive`` always appends ``?`` and the pair, as a careless concatenation
    would.
    """
    pair = f"partner_interview_id={quote(interview_id, safe='')}"
    path, mark, query = url.partition("?")
    if placement == "naive" or not query:
        return f"{url}{'' if mark and placement != 'naive' else '?'}{pair}"
    if placement == "first":
        return f"{path}?{pair}&{query}"
    return f"{url}{'' if query.endswith('&') else '&'}{pair}"


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_absolute(url: str) -> bool:
    """Whether a URL is absolute, with http or https and a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and _readable_port(parts)
    except ValueError:
        return False


def explain_private(url: str) -> str | None:
    """Returns why a URL is not public, or None when it looks public.

    Only the text decides; no name is resolved. Names under ``.example`` count as public: they stand for public hosts
    in documentation.
    """
    host = (urlsplit(url).hostname or "").lower().rstrip(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if "." not in host or host.endswith(_LOCAL_SUFFIXES):
            return f"{host} is not a public host name"
        return None
    return None if address.is_global else f"{host} is not a public address"


def _split(field: str, url: str) -> SplitResult:
    if not _VISIBLE_ASCII.fullmatch(url):
        raise Refused("must be visible ASCII characters without spaces", field)
    try:
        parts = urlsplit(url)
        if not _readable_port(parts):
            raise Refused("has an unusable port", field)
    except ValueError as error:
        raise Refused("is not a URL", field) from error
    return parts


def _readable_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False
