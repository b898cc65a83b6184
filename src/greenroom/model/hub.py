"""
A project's hub: allowed origins and branding.

Pure functions: which page may embed the hub, and which accent colours can be read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

SessionType = Literal["production", "test"]

#: hosts of a developer's machine, for which http is accepted
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
#: accent of a project that has set none; `text_contrast` of it is above the minimum
DEFAULT_ACCENT = "#1f6f54"
#: colour of text on the accent, and of the page that has text in the accent
ON_ACCENT = "#ffffff"
#: contrast of text that WCAG 2.2 AA asks for
LEAST_CONTRAST = 4.5
#: limits of the settings
MOST_ORIGINS = 50
LONGEST_NAME = 60

_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\]")
_COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True)
class Branding:
    """The look of a project's hub; None takes the default: Greenroom's accent, no logo, the project's name."""

    accent: str | None = None
    logo_url: str | None = None
    product_name: str | None = None


@dataclass(frozen=True)
class HubSettings:
    """A project's hub: the origins of the pages that may embed it, and its look."""

    allowed_origins: tuple[str, ...] = ()
    branding: Branding = field(default_factory=Branding)
    updated_at: datetime | None = None


def check_origin(text: str) -> str:
    """
    Returns an origin as browsers write it: lower case, without the scheme's own port.

    Raises:
        ValueError: the text is not an exact https origin, or an http one of this machine.
    """
    expected = "expected an exact origin such as https://app.example.com, without a path or a wildcard"
    try:
        parts = urlsplit(text.strip().lower())
        port = parts.port
    except ValueError:
        raise ValueError(expected) from None
    netloc = parts.netloc
    host = netloc.rpartition(":")[0] if port is not None else netloc
    if (
        parts.scheme not in ("http", "https")
        or parts.path
        or parts.query
        or parts.fragment
        or text.rstrip()[-1:] in "?#"
    ):
        raise ValueError(expected)
    if not _HOST.fullmatch(host) or port == 0:
        raise ValueError(expected)
    if parts.scheme == "http" and host not in LOCAL_HOSTS:
        raise ValueError("expected https: http is accepted for localhost only")
    usual = 443 if parts.scheme == "https" else 80
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, usual) else "")


def is_origin_allowed(settings: HubSettings, origin: str, *, session_type: SessionType) -> bool:
    """
    Returns whether a page of this origin may embed a project's hub and call its API.

    A session of type `test` is also allowed on every port of localhost.
    """
    try:
        known = check_origin(origin)
    except ValueError:
        return False
    parts = urlsplit(known)
    is_local = parts.scheme == "http" and parts.hostname == "localhost"
    return known in settings.allowed_origins or (session_type == "test" and is_local)


def check_accent(text: str) -> str:
    """
    Returns an accent colour in lower case.

    Raises:
        ValueError: the text is not a colour, or white text on it has a contrast under 4.5:1; names the nearest colour
            that passes.
    """
    colour = text.strip().lower()
    if not _COLOUR.fullmatch(colour):
        raise ValueError("expected a colour such as #1f6f54")
    contrast = get_contrast(colour, ON_ACCENT)
    if contrast < LEAST_CONTRAST:
        # rounded down: 4.496 must not be shown as 4.5
        shown = int(contrast * 100) / 100
        raise ValueError(
            f"white text on {colour} has a contrast of {shown}:1, and {LEAST_CONTRAST}:1 is needed to be readable. The "
            f"nearest colour that passes is {find_readable(colour)}"
        )
    return colour


def check_logo(text: str) -> str:
    """
    Returns the URL of a logo.

    Raises:
        ValueError: the text is no absolute https URL, or has characters that the pages' policy cannot have.
    """
    try:
        parts = urlsplit(text)
        is_fine = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        is_fine = False
    # the URL is part of a policy header, in which these characters end a source
    if not is_fine or any(character in text for character in " ;,'\"\\<>"):
        raise ValueError("expected an absolute https URL without a user name")
    return text


def find_readable(colour: str) -> str:
    """Returns the lightest shade of a colour on which white text can be read: the colour itself if that passes."""
    channels = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    for percent in range(1000, -1, -1):
        shade = "#" + "".join(f"{channel * percent // 1000:02x}" for channel in channels)
        if get_contrast(shade, ON_ACCENT) >= LEAST_CONTRAST:
            return shade
    return "#000000"


def get_contrast(one: str, other: str) -> float:
    """Returns the contrast of two colours, from 1 to 21. Source: WCAG 2.2, contrast ratio."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[start : start + 2], 16) / 255) for start in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
