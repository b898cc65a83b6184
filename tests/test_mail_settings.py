"""The settings of the mail server: the reading of a URL, and refusals without its password."""

from __future__ import annotations

import pytest

from greenroom.mail_settings import MailServer, read_mail_server, read_sender
from greenroom.settings import Settings, SettingsError

SECRET = "p4ss:w@rd"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.com", MailServer("mail.example.com", 587, "starttls")),
        (
            "smtp://ada%40example.com:p%40ss%3Aw%2Frd@mail.example.com:2525",
            MailServer("mail.example.com", 2525, "starttls", "ada@example.com", "p@ss:w/rd"),
        ),
        ("smtps://u:p@mail.example.com", MailServer("mail.example.com", 465, "tls", "u", "p")),
        ("smtp://mail.internal:25?starttls=off", MailServer("mail.internal", 25, "none")),
        ("smtp://127.0.0.1:1025", MailServer("127.0.0.1", 1025, "none")),
        ("smtp://[::1]:1025", MailServer("::1", 1025, "none")),
        ("smtp://localhost", MailServer("localhost", 587, "none")),
        ("smtp://localhost?starttls=required", MailServer("localhost", 587, "starttls")),
    ],
)
def test_a_mail_server(url: str, expected: MailServer) -> None:
    """Encrypted unless it is this machine or the operator says otherwise."""
    assert read_mail_server(url) == expected
    assert "p@ss" not in repr(read_mail_server(url))


@pytest.mark.parametrize(
    "url",
    [
        f"http://u:{SECRET}@mail.example.com",
        f"smtp://u:{SECRET}/x@mail.example.com",
        f"smtp://u:{SECRET}#x@mail.example.com",
        f"smtp://u:{SECRET}?x@mail.example.com",
        f"smtp://u:{SECRET}@mail.example.com:port",
        f"smtp://u:{SECRET}@mail.example.com:99999",
        f"smtp://u:{SECRET}@",
        f"smtp://:{SECRET}@mail.example.com",
        f"smtp://u:{SECRET}@mail example.com",
        f"smtp://u:{SECRET}@mail.example.com?verify={SECRET}",
        f"smtps://u:{SECRET}@mail.example.com?starttls=off",
        "smtp://u@mail.example.com",
        SECRET,
    ],
)
def test_an_unreadable_url_is_refused_without_its_password(url: str) -> None:
    """The message names the setting and the form that is expected."""
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment({"GREENROOM_SMTP_URL": url, "GREENROOM_MAIL_FROM": "a@example.com"})
    assert str(raised.value).startswith("GREENROOM_SMTP_URL: ")
    assert not [part for part in ("p4ss", "w@rd", "rd/x") if part in str(raised.value)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Greenroom <greenroom@Example.com>", ("Greenroom", "greenroom@example.com")),
        ('"Green, room" <g@example.com>', ("Green, room", "g@example.com")),
        ("g@example.com", ("", "g@example.com")),
    ],
)
def test_a_sender(text: str, expected: tuple[str, str]) -> None:
    """With a name or without one."""
    assert read_sender(text) == expected


@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({"MAIL_FROM": ""}, "GREENROOM_MAIL_FROM: required with GREENROOM_SMTP_URL"),
        ({"MAIL_FROM": "Greenroom"}, "GREENROOM_MAIL_FROM: expected an e-mail address"),
        ({"MAIL_FROM": "Greenroom <g@example.com"}, "GREENROOM_MAIL_FROM: expected an address such as"),
        ({"MAIL_FROM": "Green\r\nBcc: x <g@example.com>"}, "GREENROOM_MAIL_FROM: the name before the address"),
        ({"ALERT_EMAILS": "ada@example.com, <bob@example.com>"}, "GREENROOM_ALERT_EMAILS: expected an e-mail address"),
        ({"ALERT_EMAILS": " ".join(f"a{n}@example.com" for n in range(11))}, "GREENROOM_ALERT_EMAILS: "),
        ({"ALERT_EMAILS": "ada@example.com", "SMTP_URL": ""}, "GREENROOM_ALERT_EMAILS: needs GREENROOM_SMTP_URL"),
    ],
)
def test_what_belongs_together(changed: dict[str, str], refused: str) -> None:
    """A sender, and a server for the addresses of the installation."""
    good = {"SMTP_URL": "smtp://mail.example.com", "MAIL_FROM": "g@example.com", "ALERT_EMAILS": "Ada@example.com"}
    settings = Settings.from_environment({f"GREENROOM_{name}": value for name, value in good.items()})
    assert settings.alert_emails == ("ada@example.com",)
    assert "mail.example.com" not in repr(settings)
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment({f"GREENROOM_{name}": value for name, value in (good | changed).items()})
    assert refused in str(raised.value)
