"""Pages of people: signing in, roles, invitations, new passwords, API keys, settings, the user's own page."""

from __future__ import annotations

import json
import re

import httpx2
import pytest
import segno

from greenroom.model.people import Client, Role
from greenroom.security import totp
from greenroom.services import audit, members, projects, sessions, users
from greenroom.services import sign_in as sign_in_service
from tests.house import House, Linked
from tests.web.visitors import HTML, Visitor

PASSWORD = "correct horse battery"
NEW_PASSWORD = "staple battery horse"


async def project_of(house: House, name: str) -> str:
    """The id of a project."""
    found = await projects.find_by_name(house.app.state.ctx, name)
    assert found is not None
    return found.id


async def join(house: House, role: Role, email: str = "bob@example.com", project: str = "proctor") -> str:
    """Makes a user with a role, and returns the path of the project."""
    project_id = await project_of(house, project)
    await users.create(
        house.app.state.ctx, email=email, name="Bob", password=PASSWORD, project_ids=[project_id], role=role
    )
    return f"/projects/{project_id}"


async def sign_in(house: House, email: str = "bob@example.com", password: str = PASSWORD) -> httpx2.Response:
    """Submits the sign-in form."""
    house.client.cookies.pop("greenroom_session", None)  # the form is for people without a session
    return await Visitor(house).submit("/sign-in", {"email": email, "password": password}, on="/sign-in")


def path_of(link: str, house: House) -> str:
    """The path of a link."""
    return "/" + link.split("/", 3)[3]


def field(page: str, name: str) -> str:
    """The value of a field on a page."""
    found = re.search(rf'id="{name}"[^>]*value="([^"]*)"', page) or re.search(
        rf'name="{name}"[^>]*value="([^"]*)"', page
    )
    assert found
    return found[1].replace("&amp;", "&")


async def test_a_password_signs_in_and_leads_to_the_page_that_was_asked_for(house: House, proctor: Linked) -> None:
    """A wrong one says so and keeps the address; after signing out the session is over."""
    base = await join(house, "viewer")
    await house.client.get(f"{base}/orders")
    wrong = await sign_in(house, password="not my password")
    right = await sign_in(house)

    assert wrong.status_code == 401
    assert "The e-mail address or the password is wrong." in wrong.text
    assert field(wrong.text, "email") == "bob@example.com"
    assert "not my password" not in wrong.text
    assert (right.status_code, right.headers["location"]) == (303, f"{base}/orders")
    assert (await Visitor(house).get(f"{base}/orders")).status_code == 200
    assert (await house.client.get("/sign-in")).headers["location"] == "/"
    await Visitor(house).submit("/sign-out")
    assert (await house.client.get(base)).headers["location"] == "/sign-in"


async def test_a_foreign_site_cannot_submit_the_sign_in_form(house: House, proctor: Linked) -> None:
    """Its origin is refused, with the right password too."""
    await join(house, "viewer")
    data = {"email": "bob@example.com", "password": PASSWORD}
    answer = await Visitor(house).submit("/sign-in", data, on="/sign-in", origin="https://evil.example")

    assert answer.status_code == 403
    assert "greenroom_session" not in house.client.cookies


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/code", "/sign-in/x", "/invitations/x", "/reset-password/x"])
async def test_a_public_form_needs_the_token_of_this_browser(house: House, path: str) -> None:
    """Without a token, with a forged one, or with one of another browser; then with its own."""
    visitor = Visitor(house)
    assert (await visitor.submit(path, on="/sign-in")).status_code in (401, 404)
    own = dict(house.client.cookies)
    house.client.cookies.clear()
    for data in ({}, {"csrf": "0.0"}):
        assert (await house.client.post(path, data=data, headers=HTML)).status_code == 403
    page = (await visitor.get("/sign-in")).text
    foreign = {"csrf": field(page, "csrf")}
    house.client.cookies.clear()
    house.client.cookies.update(own)
    refused = await house.client.post(path, data=foreign, headers=HTML)
    assert (refused.status_code, "Allow cookies" in refused.text) == (403, True)
    assert (await visitor.submit(path, on="/sign-in")).status_code in (401, 404)


async def test_two_factor_sign_in_is_turned_on_used_and_turned_off(house: House, proctor: Linked) -> None:
    """A password alone opens nothing; a recovery code signs in once."""
    await join(house, "viewer")
    await sign_in(house)
    visitor = Visitor(house)
    started = await visitor.submit("/me/two-factor", on="/me")
    secret, uri = field(started.text, "secret"), field(started.text, "uri")
    drawn = re.search(r'<svg[^>]*class="qr".*?</svg>', started.text)
    assert drawn
    assert f'd="{qr_path(uri)}"' in drawn[0]
    assert not re.search(r"style=|<script|on\w+=", drawn[0])
    wrong = await visitor.submit("/me/two-factor/confirm", {"secret": secret, "uri": uri, "code": "1"}, on="/me")
    assert wrong.status_code == 422
    assert field(wrong.text, "secret") == secret
    code = totp_code(house, secret)
    turned_on = await visitor.submit("/me/two-factor/confirm", {"secret": secret, "uri": uri, "code": code}, on="/me")
    recovery = re.findall(r"\b[a-z2-9]{5}-[a-z2-9]{5}-[a-z2-9]{5}\b", turned_on.text)
    assert len(set(recovery)) == 10
    await visitor.submit("/sign-out", on="/me")

    half = await sign_in(house)
    assert half.headers["location"] == "/sign-in/code"
    assert (await house.client.get("/me")).headers["location"] == "/sign-in"
    assert "Enter your code" in (await visitor.get("/sign-in/code")).text
    refused = await visitor.submit("/sign-in/code", {"code": "000000"}, on="/sign-in/code")
    taken = await visitor.submit("/sign-in/code", {"code": recovery[0]}, on="/sign-in/code")
    assert (refused.status_code, taken.status_code) == (401, 303)
    assert "9 recovery codes" in (await visitor.get("/me")).text

    assert (await visitor.submit("/me/two-factor/off", {"current": "wrong"}, on="/me")).status_code == 422
    assert (await visitor.submit("/me/two-factor/off", {"current": PASSWORD}, on="/me")).status_code == 303
    assert "Two-factor sign-in is off." in (await visitor.get("/me")).text


def qr_path(uri: str) -> str:
    """The dark modules of a QR code, as a path."""
    found = re.search(r'stroke="#000" d="([^"]+)"', segno.make(uri, error="m").svg_inline())
    assert found
    return found[1]


def totp_code(house: House, secret: str) -> str:
    """The code that an app shows now."""
    return totp.code_at(secret, int(house.app.state.ctx.now().timestamp()) // totp.STEP_S)


@pytest.mark.parametrize(
    ("role", "path"),
    [
        ("viewer", "/api-keys/new"),
        ("developer", "/api-keys/new"),
        ("developer", "/api-keys/key_x/revoke"),
        ("viewer", "/settings/retention"),
        ("developer", "/settings/members/invite"),
        ("developer", "/settings/members/usr_x/role"),
        ("developer", "/settings/members/usr_x/remove"),
        ("developer", "/settings/members/usr_x/reset-link"),
        ("developer", "/settings/invitations/inv_x/revoke"),
    ],
)
async def test_a_role_that_is_too_low_is_refused(house: House, proctor: Linked, role: Role, path: str) -> None:
    """With the role that it needs; the pages offer no button for it."""
    base = await join(house, role)
    await sign_in(house)
    answer = await Visitor(house).submit(base + path)

    assert answer.status_code == 403
    assert f"This needs the role owner. Your role in proctor is {role}." in answer.text
    for shown in ("/api-keys", "/settings", "/settings/members"):
        page = (await Visitor(house).get(base + shown)).text
        assert f'action="{base}/settings' not in page
        assert "Create key" not in page
    assert (await Visitor(house).get(f"{base}/settings/audit-log")).status_code == 403


async def test_a_user_sees_only_their_projects(house: House, proctor: Linked) -> None:
    """Another project's pages are as if it did not exist; a removed member sees nothing from the next request on."""
    other = await house.link("other", tenant="other", package_id="pkg_core_sql")
    order = await other.send_test()
    base = await join(house, "owner")
    await sign_in(house)
    visitor = Visitor(house)
    other_base = f"/projects/{await project_of(house, 'other')}"

    assert ">other<" not in (await visitor.get(base)).text
    for path in (other_base, f"{other_base}/settings", f"/orders/{order}", f"{other_base}/orders/{order}"):
        assert (await visitor.get(path)).status_code == 404, path
    assert (await visitor.submit(f"{other_base}/api-keys/new", {"name": "x", "scope": "admin"})).status_code == 404
    assert (await visitor.get(base)).status_code == 200
    user = await users.find_by_email(house.app.state.ctx, "bob@example.com")
    assert user is not None
    await users.create(
        house.app.state.ctx, email="eve@example.com", name="Eve", password=PASSWORD, project_ids=[base[10:]]
    )
    await members.remove(house.app.state.ctx, base[10:], user.id)
    assert (await visitor.get(base)).status_code == 404
    assert "No project yet" in (await visitor.get("/")).text


async def test_an_invitation_is_accepted_by_its_form(house: House, proctor: Linked) -> None:
    """Looking uses up nothing, a refused password keeps the name, and the link works once."""
    project_id = await project_of(house, "proctor")
    owner = await Visitor.sign_in(house)
    base = f"/projects/{project_id}/settings/members"
    refused = await owner.submit(f"{base}/invite", {"email": "nobody", "role": "viewer"})
    made = await owner.submit(f"{base}/invite", {"email": "ann@example.com", "role": "developer"})
    path = path_of(field(made.text, "link"), house)
    assert (refused.status_code, made.status_code) == (422, 201)
    assert field(refused.text, "email") == "nobody"
    assert "ann@example.com" in (await owner.get(base)).text
    house.client.cookies.clear()

    for _ in range(2):
        looked = await house.client.get(path, headers=HTML)
        assert "invites ann@example.com as developer" in looked.text
        assert looked.headers["referrer-policy"] == "no-referrer"
    short = await owner.submit(path, {"name": "Ann", "password": "short"}, on=path)
    assert short.status_code == 422
    assert field(short.text, "name") == "Ann"
    joined = await owner.submit(path, {"name": "Ann", "password": PASSWORD}, on=path, origin="null")
    assert (joined.status_code, joined.headers["location"]) == (303, f"/projects/{project_id}")
    assert "Your role is developer" in (await Visitor(house).get(base)).text
    ended = await house.client.get(path, headers=HTML)
    assert ended.status_code == 404
    assert "This invitation has ended" in ended.text


async def test_a_user_joins_another_project_after_signing_in(house: House, proctor: Linked) -> None:
    """The invitation leads to the sign-in page and back; another user reads whose it is."""
    await house.link("other", tenant="other", package_id="pkg_core_sql")
    await join(house, "viewer")
    await join(house, "viewer", "eve@example.com")
    other = await project_of(house, "other")
    _, link = await members.invite(house.app.state.ctx, other, email="bob@example.com", role="viewer")
    path = path_of(link, house)

    await sign_in(house, "eve@example.com")
    assert "You are signed in as eve@example.com" in (await house.client.get(path)).text
    assert (await Visitor(house).submit(path, on="/sign-in/made-up")).status_code == 403
    await Visitor(house).submit("/sign-out")
    assert "has a user already" in (await house.client.get(path)).text
    assert (await sign_in(house)).headers["location"] == path
    joined = await Visitor(house).submit(path, on=path)
    assert joined.headers["location"] == f"/projects/{other}"
    assert (await Visitor(house).get(f"/projects/{other}")).status_code == 200


async def test_a_reset_link_changes_the_password_once(house: House, proctor: Linked) -> None:
    """An owner makes it; looking uses up nothing; the old password and the sessions end."""
    base = await join(house, "viewer")
    user = await users.find_by_email(house.app.state.ctx, "bob@example.com")
    assert user is not None
    owner = await Visitor.sign_in(house)
    made = await owner.submit(f"{base}/settings/members/{user.id}/reset-link")
    path = path_of(field(made.text, "link"), house)
    house.client.cookies.clear()

    for _ in range(2):
        assert "For bob@example.com" in (await house.client.get(path)).text
    assert (await owner.submit(path, {"password": "short"}, on=path)).status_code == 422
    assert "Password changed" in (await owner.submit(path, {"password": NEW_PASSWORD}, on=path)).text
    assert (await owner.submit(path, {"password": NEW_PASSWORD}, on="/sign-in")).status_code == 404
    assert (await sign_in(house)).status_code == 401
    assert (await sign_in(house, password=NEW_PASSWORD)).status_code == 303


async def test_a_key_is_created_shown_once_and_revoked(house: House, proctor: Linked) -> None:
    """It works until it is revoked; a refused form keeps its values; the audit log names the user."""
    base = await join(house, "owner")
    await sign_in(house)
    visitor = Visitor(house)
    refused = await visitor.submit(f"{base}/api-keys/new", {"name": "", "scope": "read", "lives": "30"})
    made = await visitor.submit(f"{base}/api-keys/new", {"name": "CI <b>", "scope": "read", "lives": "30"})
    key = field(made.text, "key")

    assert refused.status_code == 422
    assert 'value="read" checked' in refused.text
    assert made.status_code == 201
    assert (await house.client.get("/v1/orders", auth=(key, ""))).status_code == 200
    listed = (await visitor.get(f"{base}/api-keys")).text
    assert key not in listed
    assert "CI &lt;b&gt;" in listed
    (key_id,) = re.findall(r"/api-keys/(key_\w+)/revoke\" aria-label=\"Revoke CI", listed)
    path = f"{base}/api-keys/{key_id}/revoke"
    assert "This cannot be undone" in (await visitor.get(path)).text
    assert (await visitor.submit(path)).status_code == 303
    assert (await house.client.get("/v1/orders", auth=(key, ""))).status_code == 401
    assert (await visitor.submit(path)).status_code == 404
    entries = await audit.list_entries(house.app.state.ctx, base[10:])
    assert [(one.action, one.actor.name) for one in entries[:2]] == [
        ("api_key.revoked", "bob@example.com"),
        ("api_key.created", "bob@example.com"),
    ]


async def test_members_change_and_the_last_owner_stays(house: House, proctor: Linked) -> None:
    """A role, a removal, a withdrawn invitation, and leaving."""
    base = await join(house, "owner")
    await join(house, "viewer", "eve@example.com")
    bob, eve = [
        await users.find_by_email(house.app.state.ctx, email) for email in ("bob@example.com", "eve@example.com")
    ]
    assert bob is not None
    assert eve is not None
    await sign_in(house)
    visitor = Visitor(house)
    page = f"{base}/settings/members"

    last = await visitor.submit(f"{page}/{bob.id}/role", {"role": "viewer"})
    assert (last.status_code, "last owner" in last.text) == (409, True)
    stays = await visitor.submit(f"{base}/settings/leave", {"name": "proctor"})
    assert (stays.status_code, "last owner" in stays.text) == (409, True)
    assert (await visitor.submit(f"{page}/{eve.id}/role", {"role": "boss"})).status_code == 422
    assert (await visitor.submit(f"{page}/{eve.id}/role", {"role": "owner"})).status_code == 303
    assert "eve@example.com has the role owner" in (await visitor.get(page)).text
    invitation, _ = await members.invite(house.app.state.ctx, base[10:], email="x@example.com", role="viewer")
    assert (await visitor.submit(f"{base}/settings/invitations/{invitation.id}/revoke")).status_code == 303
    assert "x@example.com" not in (await visitor.get(page)).text
    assert "Remove Bob?" in (await visitor.get(f"{page}/{eve.id}/remove")).text
    assert (await visitor.submit(f"{page}/{eve.id}/remove")).status_code == 303
    assert (await visitor.submit(f"{page}/{eve.id}/remove")).status_code == 404


async def test_a_project_is_renamed(house: House, proctor: Linked) -> None:
    """By an owner; a name that is taken or empty is refused with its value kept."""
    await house.link("other", tenant="other", package_id="pkg_core_sql")
    owner = await Visitor.sign_in(house)
    base = f"/projects/{await project_of(house, 'proctor')}/settings"
    for wrong, status in (("other", 409), ("", 422)):
        answer = await owner.submit(f"{base}/rename", {"name": wrong})
        assert (answer.status_code, field(answer.text, "name")) == (status, wrong)
    assert (await owner.submit(f"{base}/rename", {"name": "Proctor & Sons"})).status_code == 303
    assert "Proctor &amp; Sons" in (await owner.get(base)).text
    entries = await audit.list_entries(house.app.state.ctx, base.split("/")[2])
    assert (entries[0].action, entries[0].detail) == ("project.renamed", {"from": "proctor", "to": "Proctor & Sons"})


async def test_retention_is_saved(house: House, proctor: Linked) -> None:
    """Only whole days; empty means the server's default."""
    owner = await Visitor.sign_in(house)
    base = f"/projects/{await project_of(house, 'proctor')}/settings"
    for wrong in ("0", "x", "-1", "99999", "²"):
        answer = await owner.submit(f"{base}/retention", {"days": wrong})
        assert (answer.status_code, field(answer.text, "days")) == (422, wrong)
    for days in ("7", ""):
        assert (await owner.submit(f"{base}/retention", {"days": days})).status_code == 303
        assert field((await owner.get(base)).text, "days") == days


async def test_the_audit_log_is_filtered_paged_and_exported(house: House, proctor: Linked) -> None:
    """The filters are in the URL, and count for the export, too."""
    owner = await Visitor.sign_in(house)
    project_id = await project_of(house, "proctor")
    base = f"/projects/{project_id}/settings"
    for days in range(1, 31):
        await owner.submit(f"{base}/retention", {"days": str(days)})
    await owner.submit(f"/projects/{project_id}/api-keys/new", {"name": "CI", "scope": "read"})

    first = (await owner.get(f"{base}/audit-log?action=project.retention_changed")).text
    assert first.count("<b>Changed the retention of a project</b>") == 25
    assert "<b>Created an API key</b>" not in first
    older = re.search(r'href="([^"]*before=[^"]*)"', first)
    assert older
    second = (await owner.get(older[1].replace("&amp;", "&"))).text
    assert second.count("<b>Changed the retention of a project</b>") == 5
    assert "No entry matches" in (await owner.get(f"{base}/audit-log?q=nothing")).text
    export = await owner.get(f"{base}/audit-log/export?action=api_key.created&by=sign_in_link")
    lines = [json.loads(line) for line in export.text.splitlines()]
    assert [(one["action"], one["detail"]["name"]) for one in lines] == [("api_key.created", "CI")]
    assert "attachment" in export.headers["content-disposition"]


async def test_own_sessions_are_listed_and_ended(house: House, proctor: Linked) -> None:
    """Another browser's one by one or together; a new password ends the others."""
    await join(house, "viewer")
    await sign_in(house)
    visitor, ctx = Visitor(house), house.app.state.ctx
    user = await users.find_by_email(ctx, "bob@example.com")
    assert user is not None
    other = await _other_session(house)
    page = (await visitor.get("/me")).text
    assert "Other browser" in page
    (session_id,) = re.findall(r"/me/sessions/(\w+)/end\"", page)
    assert (await visitor.submit(f"/me/sessions/{session_id}/end", on="/me")).status_code == 303
    assert await sessions.identify(ctx, other) is None
    other = await _other_session(house)
    assert (await visitor.submit("/me/sessions/end-others", on="/me")).status_code == 303
    assert await sessions.identify(ctx, other) is None
    wrong = await visitor.submit("/me/password", {"old": "wrong", "password": NEW_PASSWORD}, on="/me")
    assert (wrong.status_code, "current password is wrong" in wrong.text) == (422, True)
    assert (await visitor.submit("/me/password", {"old": PASSWORD, "password": NEW_PASSWORD}, on="/me")).is_redirect
    assert (await visitor.get("/me")).status_code == 200


async def _other_session(house: House) -> str:
    client = Client("192.0.2.7", "Other browser")
    return (await sign_in_service.with_password(house.app.state.ctx, "bob@example.com", PASSWORD, client)).token


async def test_the_first_owner_creates_their_user(house: House, proctor: Linked) -> None:
    """Who came by a sign-in link becomes a user, an owner of every project."""
    owner = await Visitor.sign_in(house)
    refused = await owner.submit("/me/user", {"email": "ada@example.com", "name": "Ada", "password": "x"}, on="/me")
    made = await owner.submit("/me/user", {"email": "ada@example.com", "name": "Ada", "password": PASSWORD}, on="/me")
    assert (refused.status_code, field(refused.text, "name"), made.status_code) == (422, "Ada", 303)
    house.client.cookies.clear()
    await sign_in(house, "ada@example.com")
    assert (await owner.get(f"/projects/{await project_of(house, 'proctor')}/settings/audit-log")).status_code == 200


async def test_an_owner_erases_a_candidate_and_gets_a_certificate(house: House, proctor: Linked) -> None:
    """The address is typed twice; a developer may not."""
    base = await join(house, "owner")
    order = await proctor.send_test()
    await sign_in(house)
    visitor, path = Visitor(house), f"{base}/settings/erase"
    twice = {"email": "ADA@example.test", "again": "ADA@example.test"}
    other = await visitor.submit(path, {**twice, "again": "eve@example.test"})
    wrong = await visitor.submit(path, {"email": "ada", "again": "ada"})
    kept = (await proctor.order(order))["erased_at"]
    done = await visitor.submit(path, twice)

    assert (other.status_code, wrong.status_code, kept) == (422, 422, None)
    assert (done.status_code, order in done.text) == (200, True)
    assert "Certificate of erasure" in done.text
    assert (await proctor.order(order))["erased_at"] is not None
    project = await project_of(house, "proctor")
    bob = (await members.list_members(house.app.state.ctx, project))[0].user
    await join(house, "owner", "eve@example.com")
    await members.change_role(house.app.state.ctx, project, bob.id, "developer")
    assert (await visitor.get(path)).status_code == 403


async def test_retention_of_orders_is_saved(house: House, proctor: Linked) -> None:
    """Beside the retention of events; a bad value stays in its field."""
    base = await join(house, "owner")
    await sign_in(house)
    visitor = Visitor(house)
    bad = await visitor.submit(f"{base}/settings/retention", {"days": "", "order_days": "0"}, on=f"{base}/settings")
    await visitor.submit(f"{base}/settings/retention", {"days": "30", "order_days": "400"}, on=f"{base}/settings")
    page = await visitor.get(f"{base}/settings")

    assert (bad.status_code, field(bad.text, "order_days")) == (422, "0")
    assert (field(page.text, "days"), field(page.text, "order_days")) == ("30", "400")
