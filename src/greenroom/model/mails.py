"""An e-mail that Greenroom sends. No I/O."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mail:
    """
    A mail to one recipient, with the same content as plain text and as HTML.

    `key` names the mail: one that is sent again has the same. `about` are the keys of mails that it continues; a mail
    client shows it beside them.
    """

    to: str
    subject: str
    text: str
    html: str
    key: str
    about: tuple[str, ...] = ()
