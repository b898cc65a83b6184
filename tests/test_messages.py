"""Messages about failed calls: complete sentences that a person can read by themselves."""

from __future__ import annotations

import errno
import json
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from greenroom import list_answers, outbound
from greenroom.connectors.contract import Push
from greenroom.connectors.greenhouse import push
from greenroom.errors import LocalFault, RemoteError
from greenroom.model.integrations import Integration
from greenroom.model.orders import Candidate, Order, OrderRequest
from greenroom.model.packages import InvalidPackageList, read_page
from greenroom.model.results import decimal_text
from greenroom.outbound import Answer, callable_problem, judge_push, judge_webhook, public_problem
from greenroom.outbound.client import NotHttp, Origin

NOW = datetime(2026, 11, 3, tzinfo=UTC)
ORIGIN = Origin("vendor.example.com", 443, True)
INTEGRATION = Integration(
    "int_1",
    "prj_1",
    "greenhouse",
    NOW,
    NOW,
    signing_secret="whsec_x",
    settings={"callback_hosts": ("app.greenhouse.io",), "callback_auth": "partner"},
)
REQUEST = OrderRequest(package_id="pkg_core_sql", candidate=Candidate(email="ada@example.test"))
ORDER = Order("ord_1", "prj_1", "acc_1", "greenhouse", "assessments", "ats", REQUEST, None, NOW, NOW)
REDIRECT = "https://u:canary@moved.example.com/hook?token=canary#canary"


def get_message(act: Callable[[], object]) -> str:
    """Returns the message of a failing function."""
    with pytest.raises((RemoteError, InvalidPackageList, ValueError)) as caught:
        act()
    return str(caught.value)


def answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    return Answer(status, headers, body, False, None, 1.0)


def connection_messages() -> Iterator[str]:
    """Yields the messages of `outbound` about URL, look-up, connection, TLS and answer."""
    for url in (
        "http://10.0.0.1/",
        "ftp://x.example.com",
        "https://u:canary@x.example.com",
        "https://",
        "https://a b",
        "/x",
    ):
        yield get_message(lambda url=url: outbound._vetted(url, (), False))
    yield get_message(lambda: outbound._vetted("https://10.0.0.1/", (), False))
    mismatch = ssl.SSLCertVerificationError(1, "canary")
    mismatch.verify_message = "Hostname mismatch, certificate is not valid for 'vendor.example.com'."
    handshake = ssl.SSLError(1, "canary")
    handshake.reason = "WRONG_VERSION_NUMBER"
    errors: list[Exception] = [
        socket.gaierror(socket.EAI_NONAME, "x"), socket.gaierror(socket.EAI_AGAIN, "x"), mismatch, handshake, ssl.SSLError(),
        ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)"), ConnectionResetError(),
        OSError("Multiple exceptions: canary"), OSError(errno.EMFILE, "canary"), OSError(errno.EADDRNOTAVAIL, "canary"),
        NotHttp("canary"),
    ]  # fmt: skip
    for error in errors:
        for connected in (False, True):
            yield str(outbound._fault(error, ORIGIN, connected=connected))


def status_messages() -> Iterator[str]:
    """Yields the messages about every status of a webhook, an ATS, Greenhouse or a list endpoint."""
    for status in range(300, 600):
        for judge in (judge_webhook, judge_push, push.judge):
            yield get_message(lambda judge=judge, status=status: judge(answer(status, location=REDIRECT)))
        yield get_message(
            lambda status=status: list_answers.read_answer(answer(status, location=REDIRECT), INTEGRATION)
        )
    yield get_message(lambda: judge_webhook(answer(302)))


def list_messages() -> Iterator[str]:
    """Yields the messages about invalid lists of packages."""
    key = "packages-key-of-ours"
    bodies: list[object] = [
        500, None, True, 1.5, "text", [], {}, {"data": 500}, {"data": [], "next": 5}, {"data": [5]}, {"data": [{}]},
        {"data": [{"id": True}]}, {"data": [{"id": "1", "name": []}]}, {"data": [{"id": "1", "name": "n", "description": {}}]},
        {"data": [{"id": "1", "name": "n", "tests": 5}]}, {"data": [{"id": "1", "name": "n", "tests": [None]}]}, key,
    ]  # fmt: skip
    integration = replace(INTEGRATION, partner_category="background_checks", packages_api_key=key)
    for body in bodies:
        yield get_message(lambda body=body: read_page(body, "background_checks"))
        yield get_message(
            lambda body=body: list_answers.read_answer(answer(200, json.dumps(body).encode()), integration)
        )
    for text in (b"<html>", key.encode(), b"[" * 100_000):
        yield get_message(lambda text=text: list_answers.read_answer(answer(200, text), integration))
    long = Answer(200, {}, b"x" * list_answers.PAGE_BYTES, True, None, 1.0)
    yield get_message(lambda: list_answers.read_answer(long, integration))
    yield get_message(lambda: list_answers.read_answer(replace(long, body=b"x"), integration))
    for error in (InvalidPackageList("$", "JSON", "x"), LocalFault("Greenroom has no socket.", kind="no_resources")):
        configured = replace(INTEGRATION, packages_url="https://vendor.example.com/packages")
        yield str(list_answers.to_gateway_error(configured, error, [answer(200)]))


def push_messages() -> Iterator[str]:
    """Yields the messages about results that are not pushed."""
    for url in ("http://app.greenhouse.io/x", "x", "https://u:canary@app.greenhouse.io/x", "https://evil.example.com/x",
                "https://[x", "https://app.greenhouse.io/x"):  # fmt: skip
        asked = replace(ORDER, request=replace(REQUEST, callback_url=url))
        yield get_message(lambda asked=asked: push.push_request(Push(asked, INTEGRATION, None)))
    keyed = replace(INTEGRATION, settings={**INTEGRATION.settings, "callback_auth": "account_key"})
    yield get_message(lambda: push.push_request(Push(asked, keyed, None)))


SENTENCES = [*connection_messages(), *status_messages(), *list_messages(), *push_messages()]
#: parts of sentences, which are shown after a field's name
PARTS = [
    *(str(callable_problem(url, allow_http=False)) for url in ("http://x.example.com/", "x", "https://", "https://-x-/", "https://x:0/")),
    *(str(public_problem(url)) for url in ("http://x.example.com/", "https://10.0.0.1/", "https://intranet/", "https://x.local/")),
    *(get_message(lambda value=value: decimal_text(value)) for value in (None, True, "85%", [], "nan")),
]  # fmt: skip


def test_every_message_can_be_read() -> None:
    """A message ends with one full stop and contains no Python type and no secret."""
    for text in SENTENCES:
        assert text.endswith("."), text
        assert text[0].isupper() or text.startswith(("$", "vendor.example.com", "10.0.0.1")), text
    for text in PARTS:
        assert not text.endswith("."), text
    for text in (*SENTENCES, *PARTS):
        assert not re.search(
            r"(?<!\.)\.\.(?!\.)|[,;:]\.|\b(int|str|float|bool|dict|list|NoneType) ['\"{\[]|\bNone\b|canary", text
        ), text
        assert len(text) < 400, text


def test_a_status_has_its_name() -> None:
    """A message names the status and the expected one."""
    assert "The endpoint answered 500 Internal Server Error; a 2xx status was expected." in SENTENCES
    assert "The ATS answered 503 Service Unavailable; a 2xx status was expected." in SENTENCES
    assert "The endpoint answered 599; a 2xx status was expected." in SENTENCES
    listed = "The endpoint answered 404 Not Found; 200 with a list of packages (check packages_url) was expected."
    assert listed in SENTENCES


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        (REDIRECT, " to https://moved.example.com/hook"),
        ("//u:canary@moved.example.com/x?canary", " to //moved.example.com/x"),
        ("/hook/?canary", " to /hook/"),
        ("https:\\\\u:canary@moved.example.com/", " to https:moved.example.com/"),
        ("https://x.example.com/é\r\n\x1b[31m", " to https://x.example.com/????[31m"),
        ("https://x.example.com/" + "a" * 5000, " to https://x.example.com/" + "a" * 178 + "…"),
        ("", ""),
        ("?canary", ""),
    ],
)
def test_a_redirect_shows_its_target(location: str, shown: str) -> None:
    """The message has the target without user name, password and query, cut to a maximum length."""
    expected = f"The endpoint answered 308 Permanent Redirect, a redirect{shown}. Redirects are not followed."
    assert get_message(lambda: judge_webhook(answer(308, location=location))) == expected


def test_a_refusal_names_the_setting_for_development() -> None:
    """A refusal of plain http or of a private address names the setting that allows it."""
    http = [text for text in (*SENTENCES, *PARTS) if re.search(r"(not|is) http\b", text)]
    private = [text for text in SENTENCES if "private or reserved" in text]
    assert len(http) >= 4
    assert private
    assert all("GREENROOM_ALLOW_HTTP" in text for text in http)
    assert all("GREENROOM_ALLOW_PRIVATE_NETWORKS" in text for text in private)
    local = [text for text in PARTS if re.search(r"private or reserved|not a public name", text)]
    assert len(local) == 3
    assert all("GREENROOM_ALLOW_HTTP" in text for text in local)
    assert (
        outbound.Outbound(allowed_networks=[ip_network("10.0.0.0/8")])._get_callee("https://10.0.0.1/").host
        == "10.0.0.1"
    )
