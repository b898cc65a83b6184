"""Checks of URLs by their text alone, without DNS."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from yarl import URL

from greenroom.outbound.addresses import is_public, literal

#: a label of a host name, after IDNA
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")

#: the user-info of a URL, also where the scheme or the slashes are missing
_USER_INFO = re.compile(r"^((?:\w[\w+.-]*:)?/*)[^/?#]*@")
#: the hint at the setting that lifts the refusals of `public_problem` in development
_IN_DEVELOPMENT = "in development, GREENROOM_ALLOW_HTTP=true permits it"

#: top-level names of no public host (RFC 6761, 6762, 7686, 8375, 9476, and common names of home networks)
_RESERVED = frozenset(
    {"alt", "arpa", "corp", "example", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain",
     "localhost", "onion", "private", "test"}
)  # fmt: skip


def callable_problem(url: str, *, allow_http: bool) -> str | None:
    """
    Returns why a URL cannot be called at all; None when it can.

    A callable URL is absolute, https (http in development), and has a host, a port that exists, no user-info and no
    control characters. The addresses of its host are checked when it is called.
    """
    parts, host, problem = _parts(url, allow_http=allow_http)
    if problem or parts is None:
        return problem
    if literal(host) is None and not _is_name(host):
        return f"its host {host[:60]!r} is not a host name"
    return None


def public_problem(url: str, *, allow_http: bool = False) -> str | None:
    """
    Returns why a URL would not open from the internet; None when it looks as if it would.

    Judged from the text, without DNS: absolute https with a host that is a public address or a name of at least two
    labels outside the reserved names. With `allow_http` (development) http and local hosts pass.
    """
    problem = callable_problem(url, allow_http=allow_http)
    if problem or allow_http:
        return problem
    host = _host(urlsplit(url))
    address = literal(host)
    if address is not None:
        private = f"its host {host} is a private or reserved address; {_IN_DEVELOPMENT}"
        return None if is_public(address) else private
    labels = host.split(".")
    if len(labels) < 2 or labels[-1] in _RESERVED:
        return f"its host {host[:60]} is not a public name; {_IN_DEVELOPMENT}"
    return None


def without_user_info(url: str) -> str:
    """Returns a URL, which may be malformed, without the user name and password in front of its host."""
    return _USER_INFO.sub(r"\1", url)


def without_query(url: str) -> str:
    """Returns a URL, which may be malformed, without user-info, query and fragment, which may have secrets."""
    return without_user_info(url).partition("?")[0].partition("#")[0]


def _parts(url: str, *, allow_http: bool) -> tuple[SplitResult | None, str, str | None]:
    if re.search(r"[\x00-\x20\x7f\\]", url):
        return None, "", "it has spaces, control characters or backslashes"
    try:
        parts = urlsplit(url)
        host = _host(parts)
        port = parts.port
    except (ValueError, UnicodeError):
        return None, "", "it is not a URL"
    if parts.scheme not in (("https", "http") if allow_http else ("https",)):
        permitted = f"; {_IN_DEVELOPMENT}" if parts.scheme == "http" else ""
        return None, host, f"expected an absolute https URL, not {parts.scheme or 'a path'}{permitted}"
    if not host or port == 0:
        return None, host, "it has no host" if not host else "its port is 0"
    if "@" in parts.netloc:
        return None, host, "it carries a user name"
    return parts, host, None


def _host(parts: SplitResult) -> str:
    """
    Returns the host in lower case and ASCII, without a trailing dot.

    An international name is encoded as the client encodes it when it calls the URL.
    """
    host = parts.hostname or ""
    if not host.isascii():
        host = URL.build(scheme="https", host=host).raw_host or ""
    return host.rstrip(".")


def _is_name(host: str) -> bool:
    return len(host) <= 253 and all(_LABEL.fullmatch(label) for label in host.split("."))
