"""The hub's script and pages over HTTP: sizes, headers, texts, hosted links."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest

import greenroom.hub
from greenroom.connectors import discover
from greenroom.errors import Unavailable
from greenroom.hub import assets
from tests.house import Linked, webhook
from tests.hub.customers import ORIGIN, OWNER, allow

STATIC = Path(greenroom.hub.__file__).parent / "static"
#: limit of the script for vendors' pages, and of all scripts of the hub's page before compression, in bytes
SCRIPT_LIMIT = 5_000
PAGE_LIMIT = 48_000


async def test_the_script_is_small_ascii_and_always_there(proctor: Linked) -> None:
    """Whatever version is asked for: a script that fails to load calls nobody back."""
    client, script = proctor.house.client, assets.load_script()
    for path in ("/hub/v1/connect.js", script.path, "/hub/v1/connect.0123456789ab.js"):
        answer = await client.get(path)
        assert (answer.status_code, answer.content) == (200, script.content), path
        assert answer.headers["content-type"] == "application/javascript; charset=utf-8"
        assert answer.headers["access-control-allow-origin"] == "*"
        is_this_version = path == script.path
        assert ("immutable" in answer.headers["cache-control"]) == is_this_version, path
        assert ("max-age=300" in answer.headers["cache-control"]) != is_this_version, path
    assert len(script.content) <= SCRIPT_LIMIT
    assert script.content.isascii()
    assert script.integrity == "sha384-" + base64.b64encode(hashlib.sha384(script.content).digest()).decode()


def test_the_scripts_of_the_page_are_small() -> None:
    """All modules together, uncompressed."""
    assert sum(len(path.read_bytes()) for path in STATIC.glob("*.js")) <= PAGE_LIMIT


async def test_the_page_may_be_embedded_by_allowed_origins_alone(proctor: Linked) -> None:
    """The policy names them; there is no cookie, no X-Frame-Options, and no cache."""
    await allow(proctor, ORIGIN, "https://other.example:8443", logo_url="https://cdn.vendor.example/logo.svg")
    path = f"/hub/embed/{await project_of(proctor)}"
    answer = await proctor.house.client.get(path, params={"origin": ORIGIN})
    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200
    assert policy.endswith(f"frame-ancestors 'self' {ORIGIN} https://other.example:8443")
    assert "script-src 'self';" in policy
    assert "img-src 'self' data: https://cdn.vendor.example;" in policy
    assert "form-action 'none';" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert not {"x-frame-options", "set-cookie"} & set(answer.headers)
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", answer.text)


async def test_a_wrong_origin_is_named_with_what_to_do(proctor: Linked) -> None:
    """The page has no function, so that every site may embed it; it names the origin as text."""
    await allow(proctor, ORIGIN)
    path = f"/hub/embed/{await project_of(proctor)}"
    for origin in ("https://evil.example", "https://app.vendor.example.evil.example", "null", "https://<b>x"):
        answer = await proctor.house.client.get(path, params={"origin": origin})
        assert answer.status_code == 403, origin
        assert "Allowed origins" in answer.text
        assert answer.headers["content-security-policy"].endswith("frame-ancestors *")
        assert "hub.js" not in answer.text
        assert "<b>x" not in answer.text
    assert (
        "opened from https://evil.example,"
        in (await proctor.house.client.get(path, params={"origin": "https://evil.example"})).text
    )
    unlisted = await proctor.house.client.get(path, params={"origin": "http://localhost:5173"})
    assert unlisted.status_code == 200  # a test session may come; the API refuses others
    unknown = await proctor.house.client.get("/hub/embed/nope", params={"origin": ORIGIN})
    assert unknown.status_code == 404
    assert "This session is not valid" in unknown.text


@pytest.mark.parametrize("language", list(assets.load_texts()))
def test_every_language_has_the_same_texts(language: str) -> None:
    """The same keys with the same placeholders; the scripts and templates use each, and no other."""
    catalogue = assets.load_texts()
    assert {key: placeholders(text) for key, text in catalogue[language].items()} == {
        key: placeholders(text) for key, text in catalogue["en"].items()
    }
    for connector in discover().values():
        guide = connector.manifest.guide
        assert [step.done for step in guide[language]] == [step.done for step in guide["en"]]
        assert [bool(step.copy_text) for step in guide[language]] == [bool(step.copy_text) for step in guide["en"]]
        assert set(connector.manifest.form[language]) == {one.name for one in connector.credential_fields}


def test_the_catalogue_has_the_texts_that_are_used() -> None:
    """A missing key would show its name to a customer."""
    folder = STATIC.parent
    source = "".join(
        path.read_text()
        for path in [*folder.glob("static/*.js"), *folder.glob("templates/*.html"), folder / "pages.py"]
    )
    known = set(assets.load_texts()["en"])
    literal = set(re.findall(r'"([a-z_]+)"', source)) | set(re.findall(r"\bt\(\"([a-z_]+)\"", source))
    built = {f"over_{kind}_{part}" for kind in ("used", "expired", "closed", "invalid") for part in ("title", "text")}
    built |= {f"consent_{status}" for status in ("error", "cancelled", "expired")}
    built |= {
        f"{kind}_{part}"
        for kind in ("origin", "problem", "link_used", "link_closed", "link_expired", "link_unknown")
        for part in ("title", "text")
    }
    assert set(re.findall(r"\bt\(\"([a-z_]+)\"", source)) <= known
    assert known - literal - built == set()


def placeholders(text: str) -> list[str]:
    """Returns the placeholders of a text in alphabetical order."""
    return sorted(re.findall(r"\{\w+\}", text))


async def project_of(linked: Linked) -> str:
    """Returns the id of the project, as a session names it."""
    return str((await opened(linked))[0]["project_id"])


async def opened(linked: Linked, **more: Any) -> tuple[dict[str, Any], str]:
    """Opens a session; returns it with the path of its link."""
    made = (await linked.api("POST", "/connect_sessions", json={**OWNER, **more})).json()
    return made, "/link/" + made["auth_link_url"].rpartition("/")[2]


async def test_a_link_is_opened_by_its_button_alone(proctor: Linked) -> None:
    """Looking changes nothing; the button opens the hub with a token of its own, again and again."""
    await webhook(proctor, ["account.created"])
    made, path = await opened(proctor, origin_owner_name="Acme <b>")
    client = proctor.house.client
    looked = await client.get(path)
    assert (await client.head(path)).status_code == 200
    assert (looked.status_code, "Connect Greenhouse to proctor" in looked.text) == (200, True)
    assert "Acme &lt;b&gt;" in looked.text
    assert "data-token" not in looked.text
    tokens = [re.search(r'data-token="([^"]+)"', (await client.post(path)).text) for _ in range(2)]
    assert tokens[0]
    assert tokens[1]
    assert len({tokens[0][1], tokens[1][1], made["token"]}) == 3
    assert (await proctor.api("GET", f"/accounts/{made['account_id']}")).json()["status"] == "inactive"
    for headers in (looked.headers, (await client.post(path)).headers):
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"].endswith("frame-ancestors 'none'")
        assert "set-cookie" not in headers

    answer = await client.get("/hub/session", headers={"x-hub-session-token": tokens[1][1]})
    assert answer.json()["account"]["id"] == made["account_id"]


async def test_a_link_that_cannot_be_used_says_why(proctor: Linked) -> None:
    """Unknown, expired, withdrawn, or used more than ten minutes ago; in the browser's language."""
    client, store = proctor.house.client, proctor.house.app.state.ctx.store
    for method in ("GET", "POST"):
        answer = await client.request(method, "/link/nope")
        assert (answer.status_code, "There is no such link" in answer.text) == (404, True)
    for change, said in (
        ("expires_at = now_ms()", "This link has expired"),
        ("closed_at = now_ms()", "This link was withdrawn"),
        ("linked_at = now_ms() - 700000", "This link has been used"),
    ):
        made, path = await opened(proctor)
        sql = f"UPDATE connect_sessions SET {change} WHERE id = $1"
        await store.write(lambda tx, sql=sql, made=made: tx.run(sql, made["id"]))
        for method in ("GET", "POST"):
            answer = await client.request(method, path)
            assert (answer.status_code, said in answer.text) == (410, True), said
    german = await client.get("/link/nope", headers={"accept-language": "de-AT,de;q=0.9,en;q=0.5"})
    assert '<html lang="de">' in german.text
    assert "Diesen Link gibt es nicht" in german.text


async def test_a_database_that_does_not_answer_makes_a_page(proctor: Linked, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person who opens a link sees a page and not the API's JSON; the link works afterwards."""
    _, path = await opened(proctor)
    with monkeypatch.context() as patch:
        patch.setattr("greenroom.hub.pages.connect_sessions.describe_link", fail)
        answer = await proctor.house.client.get(path)
        assert (answer.status_code, "This did not work" in answer.text) == (503, True)
        assert answer.headers["retry-after"]
    assert (await proctor.house.client.get(path)).status_code == 200


async def fail(*_: object, **__: object) -> None:
    """Fails as a service does without a database."""
    raise Unavailable
