"""Checks G20 and G21: the Harvest API, version 3, for partners and custom clients."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.sandbox.conftest import Greenhouse, simulator

BACK = "https://vendor.example/back?tenant=acme"
STAMPS = {"id", "created_at", "updated_at"}
#: the documented fields of each list
FIELDS: dict[str, set[str]] = {
    "applications": STAMPS
    | {
        "agency_note_id", "candidate_id", "coordinator_id", "job_id", "job_post_id", "recruiter_id", "referrer_id",
        "source_id", "stage_id", "job_interview_stage_id", "stage_name", "status", "needs_decision", "prospect",
        "rejected_at", "last_activity_at", "location_address", "answers", "prospective_job_ids", "custom_fields",
    },
    "candidates": STAMPS
    | {
        "first_name", "last_name", "preferred_name", "company", "title", "last_activity_at", "private", "can_email",
        "time_zone", "tags", "linked_user_ids", "phone_numbers", "addresses", "email_addresses", "website_addresses",
        "social_media_addresses", "custom_fields",
    },
    "jobs": STAMPS
    | {
        "name", "requisition_id", "notes", "confidential", "status", "opened_at", "closed_at", "is_template",
        "copied_from_id", "department_id", "office_ids", "custom_fields",
    },
    "job_hiring_managers": STAMPS | {"user_id", "job_id"},
    "job_owners": STAMPS | {"user_id", "job_id", "type", "responsible"},
    "users": STAMPS
    | {
        "first_name", "last_name", "name", "primary_email", "emails", "job_title", "employee_id", "agency_id",
        "deactivated", "site_admin", "linked_candidate_ids", "office_ids", "department_ids", "interviewer_tags",
        "custom_fields",
    },
}  # fmt: skip


class Program:
    """A client of the Harvest API."""

    def __init__(self, greenhouse: Greenhouse, client: dict[str, Any]) -> None:
        self.greenhouse, self.client = greenhouse, client
        self.token = ""
        self.refresh = ""

    async def request_tokens(self, **form: str) -> httpx2.Response:
        auth = (self.client["client_id"], self.client["client_secret"])
        answer = await self.greenhouse.client.post("/token", data=form, auth=auth)
        if answer.is_success:
            self.token, self.refresh = answer.json()["access_token"], answer.json().get("refresh_token", "")
        return answer

    async def get(self, path: str, **query: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self.token}"}
        return await self.greenhouse.client.get(path, params=query or None, headers=headers)

    async def rows(self, collection: str, **query: Any) -> list[dict[str, Any]]:
        answer = await self.get(f"/v3/{collection}", **query)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()
        return rows

    async def consent(self, user_id: int = 901, **query: str) -> str:
        """Agrees as a user and returns the code."""
        form = {"client_id": self.client["client_id"], "redirect_uri": BACK, "response_type": "code"}
        form = {**form, "user_id": str(user_id), **query}
        answer = await self.greenhouse.client.post("/authorize", data=form)
        assert answer.status_code == 303, answer.text
        where = parse_qs(urlsplit(answer.headers["location"]).query)
        assert where["tenant"] == ["acme"]
        return where["code"][0]


async def create_custom_client(greenhouse: Greenhouse, **client: Any) -> Program:
    """Creates a customer's own client."""
    values = {"name": "Own", "kind": "custom", "organization_id": 101, **client}
    return Program(greenhouse, await greenhouse.call("POST", "/harvest/clients", values, status=201))


@pytest.fixture
async def own(greenhouse: Greenhouse) -> Program:
    """A customer's own client with a token of the service account."""
    program = await create_custom_client(greenhouse)
    assert (await program.request_tokens(grant_type="client_credentials")).status_code == 200
    return program


@pytest.fixture
async def partner(greenhouse: Greenhouse) -> Program:
    """A partner's client without a consent."""
    values = {"name": "Codely", "kind": "partner", "redirect_uri": BACK}
    return Program(greenhouse, await greenhouse.call("POST", "/harvest/clients", values, status=201))


async def test_the_six_lists_have_the_documented_fields(own: Program) -> None:
    """Each list is a bare array of the customer's own rows, newest id first."""
    for collection, fields in FIELDS.items():
        rows = await own.rows(collection)
        assert rows, collection
        assert all(set(row) == fields for row in rows), collection
        assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    assert {row["id"] for row in await own.rows("jobs")} == {4001, 4002}
    assert 904 not in {row["id"] for row in await own.rows("users")}
    (user,) = await own.rows("users", ids=901)
    assert re.fullmatch(r"2026-11-24T10:00:00\.000Z", user["created_at"])


async def test_the_reads_for_one_order(own: Program) -> None:
    """An application leads to its candidate, job, hiring managers, owners and users."""
    (application,) = await own.rows("applications", ids=26234702)
    (candidate,) = await own.rows("candidates", ids=application["candidate_id"])
    (job,) = await own.rows("jobs", ids=application["job_id"])
    managers = await own.rows("job_hiring_managers", job_ids=job["id"])
    owners = await own.rows("job_owners", job_ids=job["id"])
    users = await own.rows("users", ids=",".join(str(one["user_id"]) for one in managers + owners))

    assert (application["status"], application["stage_name"]) == ("in_process", "Application Review")
    assert (application["recruiter_id"], application["job_interview_stage_id"]) == (901, 5001)
    assert candidate["email_addresses"] == [{"value": "zoe.n@example.test", "type": "personal"}]
    assert job["name"] == "Data Engineer"
    assert [(one["type"], one["responsible"]) for one in owners] == [("recruiter", True)]
    assert {user["primary_email"] for user in users} == {
        "rina.recruiter@hemlock.example",
        "hugo.hiring@hemlock.example",
    }


async def test_filters(own: Program, greenhouse: Greenhouse) -> None:
    """Lists are filtered by ids, parents, status and time, and reduced to some fields."""
    await greenhouse.call("POST", "/applications/26234703/reject")
    await greenhouse.call("POST", "/applications/26234704/hire")
    await greenhouse.call("POST", "/clock/advance", {"minutes": 5})
    await greenhouse.call("PATCH", "/candidates/17681503", {"first_name": "Matteo"})

    async def ids(collection: str, **query: Any) -> list[int]:
        return [row["id"] for row in await own.rows(collection, **query)]

    assert await ids("applications", job_ids="4002") == [26234706, 26234705]
    assert await ids("applications", candidate_ids="17681501,17681506") == [26234706, 26234701]
    assert await ids("applications", status="active", job_ids=4001) == [26234702, 26234701]
    assert await ids("applications", status="hired") == [26234704]
    (rejected,) = await own.rows("applications", status="rejected")
    assert (rejected["status"], rejected["stage_id"]) == ("rejected", None)
    assert await ids("candidates", updated_at="gte|2026-11-24T10:05:00Z") == [17681503]
    assert await ids("candidates", created_at="gte|2026-11-24T10:05:00Z") == []
    assert len(await ids("candidates", updated_at="gt|2026-11-24T09:00:00Z|lt|2026-11-24T10:05:00Z")) == 5
    assert await own.rows("candidates", ids=17681503, fields="first_name,id") == [
        {"id": 17681503, "first_name": "Matteo"}
    ]


@pytest.mark.parametrize(
    "query",
    [
        {"per_page": 0},
        {"per_page": 501},
        {"per_page": "x"},
        {"ids": ",".join(map(str, range(1, 52)))},
        {"ids": "1,x"},
        {"ids": ""},
        {"status": "in_process"},
        {"created_at": "2026-11-24"},
        {"created_at": "gte|yesterday"},
        {"created_at": "about|2026-11-24T00:00:00Z"},
        {"fields": "id,secret"},
        {"page": 2},
        {"cursor": "x"},
        {"cursor": "bm9ub25vbm9ub25vbm9ub25vbm9u"},
        {"cursor": "é"},
    ],
)
async def test_invalid_parameters_are_refused(own: Program, query: dict[str, Any]) -> None:
    """An invalid parameter is answered 422 with a message."""
    answer = await own.get("/v3/applications", **query)
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 1


async def test_pages_follow_the_cursor(own: Program, greenhouse: Greenhouse) -> None:
    """A cursor contains the filters and is stable when rows are added."""
    await greenhouse.call("POST", "/candidates/generate", {"job_id": 4001, "count": 25})
    answer = await own.get("/v3/applications", job_ids=4001, per_page=10)
    seen = [row["id"] for row in answer.json()]
    pages = 1
    while answer.links.get("next"):
        if pages == 1:
            await greenhouse.call("POST", "/candidates/generate", {"job_id": 4001, "count": 3})
        url = answer.links["next"]["url"]
        mixed = await own.get(f"{url}&per_page=10")
        assert mixed.status_code == 422
        assert mixed.json() == {"errors": ["When passing a cursor, do not include other query params."]}
        answer = await own.get(url)
        seen += [row["id"] for row in answer.json()]
        pages += 1
    assert (pages, len(seen), len(set(seen))) == (3, 29, 29)
    assert seen == sorted(seen, reverse=True)

    first = await own.get("/v3/applications", per_page=10)
    url = first.links["next"]["url"]
    assert (await own.get(url.replace("/v3/applications", "/v3/candidates"))).status_code == 422
    await greenhouse.call("POST", "/clock/advance", {"minutes": 59})
    assert (await own.get(url)).status_code == 200
    await greenhouse.call("POST", "/clock/advance", {"minutes": 1})
    await own.request_tokens(grant_type="client_credentials")
    assert (await own.get(url)).status_code == 422


async def test_a_partner_reads_what_a_site_admin_agreed_to(partner: Program, greenhouse: Greenhouse) -> None:
    """A code gives tokens, access lasts an hour, and a refresh token works once."""
    code = await partner.consent()
    answer = await partner.request_tokens(grant_type="authorization_code", code=code, redirect_uri=BACK)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert set(answer.json()) == {"token_type", "access_token", "refresh_token", "expires_at"}
    assert answer.json()["expires_at"] == "2026-11-24T11:00:00+00:00"
    assert len(await partner.rows("applications")) == 6

    again = await partner.request_tokens(grant_type="authorization_code", code=code, redirect_uri=BACK)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    await greenhouse.call("POST", "/clock/advance", {"hours": 1})
    assert (await partner.get("/v3/jobs")).status_code == 401
    used = partner.refresh
    renewed = await partner.request_tokens(grant_type="refresh_token", refresh_token=used)
    assert renewed.status_code == 200
    assert partner.refresh != used
    assert len(await partner.rows("jobs")) == 2
    reused = await partner.request_tokens(grant_type="refresh_token", refresh_token=used)
    assert (reused.status_code, reused.json()["error"]) == (400, "invalid_grant")
    await greenhouse.call("POST", "/clock/advance", {"hours": 24})
    late = await partner.request_tokens(grant_type="refresh_token", refresh_token=partner.refresh)
    assert (late.status_code, late.json()["error"]) == (400, "invalid_grant")


async def test_one_refresh_token_used_concurrently_works_once(partner: Program) -> None:
    """Of concurrent uses of a refresh token exactly one works."""
    code = await partner.consent()
    await partner.request_tokens(grant_type="authorization_code", code=code, redirect_uri=BACK)
    form = {"grant_type": "refresh_token", "refresh_token": partner.refresh}
    answers = await asyncio.gather(*(partner.request_tokens(**form) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7


async def test_codes_last_a_minute_and_belong_to_their_client(partner: Program, greenhouse: Greenhouse) -> None:
    """A code expires, and another client or redirect URI cannot use it."""
    code = await partner.consent()
    other = Program(greenhouse, await greenhouse.call("POST", "/harvest/clients", {"name": "Other", "kind": "partner", "redirect_uri": BACK}))  # fmt: skip
    for program, redirect in ((other, BACK), (partner, "https://evil.example/")):
        answer = await program.request_tokens(grant_type="authorization_code", code=code, redirect_uri=redirect)
        assert answer.json()["error"] == "invalid_grant"
    code = await partner.consent()
    await greenhouse.call("POST", "/clock/advance", {"minutes": 1})
    answer = await partner.request_tokens(grant_type="authorization_code", code=code, redirect_uri=BACK)
    assert answer.json()["error"] == "invalid_grant"


async def test_lists_are_for_site_admins_and_need_their_scope(partner: Program, greenhouse: Greenhouse) -> None:
    """A token without the scope or the Site Admin is answered 403 with the reason."""
    code = await partner.consent(user_id=902, scope="harvest:jobs:list")
    await partner.request_tokens(grant_type="authorization_code", code=code, redirect_uri=BACK)
    refused = await partner.get("/v3/jobs")
    assert (refused.status_code, "Site Admin" in refused.text) == (403, True)
    await greenhouse.call("PATCH", "/users/902", {"site_admin": True})
    assert len(await partner.rows("jobs")) == 2
    refused = await partner.get("/v3/users")
    assert (refused.status_code, "harvest:users:list" in refused.text) == (403, True)
    await greenhouse.call("POST", f"/harvest/clients/{partner.client['id']}/revoke")
    assert (await partner.get("/v3/jobs")).status_code == 401


@pytest.mark.parametrize(
    ("kind", "form", "error"),
    [
        ("partner", {"grant_type": "client_credentials"}, "unauthorized_client"),
        ("custom", {"grant_type": "authorization_code", "code": "x"}, "unauthorized_client"),
        ("custom", {"grant_type": "refresh_token", "refresh_token": "x"}, "unauthorized_client"),
        ("custom", {"grant_type": "password"}, "unsupported_grant_type"),
        ("custom", {}, "unsupported_grant_type"),
        ("custom", {"grant_type": "client_credentials", "scope": "harvest:offers:list"}, "invalid_scope"),
        ("custom", {"grant_type": "client_credentials", "sub": "904"}, "invalid_request"),
        ("custom", {"grant_type": "client_credentials", "sub": "nobody"}, "invalid_request"),
        ("partner", {"grant_type": "authorization_code"}, "invalid_grant"),
        ("partner", {"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant"),
    ],
)
async def test_invalid_token_requests_are_refused(
    greenhouse: Greenhouse, partner: Program, kind: str, form: dict[str, str], error: str
) -> None:
    """An invalid request is answered 400 with RFC 6749's error."""
    program = partner if kind == "partner" else await create_custom_client(greenhouse)
    answer = await program.request_tokens(**form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_wrong_client_credentials(own: Program, greenhouse: Greenhouse) -> None:
    """Wrong credentials are answered 401, and so is the secret in the body."""
    form = {"grant_type": "client_credentials", "client_id": own.client["client_id"], "client_secret": own.client["client_secret"]}  # fmt: skip
    for auth in (None, ("x", "y"), (own.client["client_id"], "wrong")):
        answer = await greenhouse.client.post("/token", data=form, auth=auth)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_sub_selects_the_user_of_a_token(own: Program) -> None:
    """Site Admins and the service account read lists; a grader does not."""
    for sub, status in (("901", 200), ("903", 403)):
        await own.request_tokens(grant_type="client_credentials", sub=sub)
        assert (await own.get("/v3/users")).status_code == status


async def test_requests_are_rate_limited(own: Program, greenhouse: Greenhouse) -> None:
    """The headers count down; requests work again after the wait in Retry-After."""
    await greenhouse.call("PATCH", "/settings", {"harvest_rate_limit": 3})
    await greenhouse.call("POST", "/clock/advance", {"seconds": 12})
    answers = [await own.get("/v3/jobs") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert {answer.headers["x-ratelimit-limit"] for answer in answers} == {"3"}
    assert {answer.headers["x-ratelimit-reset"] for answer in answers} == {"1795514430"}
    assert answers[3].headers["retry-after"] == "18"
    assert "retry-after" not in answers[2].headers
    await greenhouse.call("POST", "/clock/advance", {"seconds": 18})
    assert (await own.get("/v3/jobs")).status_code == 200
    await greenhouse.call("POST", "/clock/advance", {"seconds": 30})
    await greenhouse.call("PATCH", "/settings", {"token_rate_limit": 2})
    statuses = [(await own.request_tokens(grant_type="client_credentials")).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


async def test_deleted_candidates_are_not_listed(own: Program, greenhouse: Greenhouse) -> None:
    """Deleted and merged candidates are missing; an anonymised one has no name."""
    await greenhouse.call("POST", "/candidates/17681501/delete")
    await greenhouse.call("POST", "/candidates/17681503/merge", {"into": 17681504})
    await greenhouse.call("POST", "/candidates/17681502/anonymize")
    people = {row["id"]: row for row in await own.rows("candidates")}
    assert set(people) == {17681502, 17681504, 17681505, 17681506}
    assert (people[17681502]["first_name"], people[17681502]["email_addresses"]) == ("Anonymized", [])
    assert {row["id"] for row in await own.rows("applications")} == {26234702, 26234704, 26234705, 26234706}


async def test_consent_in_a_browser(partner: Program, greenhouse: Greenhouse) -> None:
    """The page lists the scopes, and both answers redirect to the partner."""
    client_id = partner.client["client_id"]
    query = {"response_type": "code", "client_id": client_id, "redirect_uri": BACK, "state": "s<1>", "scope": "harvest:jobs:list"}  # fmt: skip
    page = await greenhouse.client.get("/authorize", params=query)
    assert "<h1>Authorize Codely</h1>" in page.text
    assert "harvest:jobs:list" in page.text
    assert "harvest:users:list" not in page.text
    assert "form-action 'self' https://vendor.example;" in page.headers["content-security-policy"]
    denied = await greenhouse.client.post("/authorize", data={**query, "decision": "deny", "user_id": "901"})
    where = parse_qs(urlsplit(denied.headers["location"]).query)
    assert where == {"tenant": ["acme"], "error": ["access_denied"], "state": ["s<1>"]}
    for changes, error in (
        ({"scope": "harvest:offers:list"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ):
        for answer in (
            await greenhouse.client.get("/authorize", params={**query, **changes}),
            await greenhouse.client.post("/authorize", data={**query, **changes}),
        ):
            assert parse_qs(urlsplit(answer.headers["location"]).query)["error"] == [error]
    for changes in ({"client_id": "x"}, {"redirect_uri": "https://evil.example/"}):
        answer = await greenhouse.client.get("/authorize", params={**query, **changes})
        assert (answer.status_code, "location" in answer.headers) == (422, False)


async def test_the_log_has_no_secrets(partner: Program, greenhouse: Greenhouse) -> None:
    """Codes, tokens and client secrets are masked in headers and bodies."""
    code = await partner.consent()
    await partner.request_tokens(grant_type="authorization_code", code=code, redirect_uri=BACK)
    old = partner.refresh
    await partner.request_tokens(grant_type="refresh_token", refresh_token=old)
    await partner.rows("jobs")
    log = await greenhouse.client.get("/api/traffic/export")
    assert [one["call"] for one in log.json()["data"]] == ["token", "token", "harvest"]
    for secret in (code, old, partner.refresh, partner.token, partner.client["client_secret"]):
        assert secret not in log.text
    (answer,) = [one for one in log.json()["data"] if one["call"] == "harvest"]
    assert '"Data Engineer"' in answer["reply_body"]
    listed = await greenhouse.client.get("/api/harvest/clients")
    assert partner.client["client_secret"] not in listed.text


async def test_faults_of_the_harvest_api(own: Program, greenhouse: Greenhouse) -> None:
    """Errors, broken bodies and resets hit the lists, which work again afterwards."""
    await greenhouse.inject("status", target="harvest", status=503)
    assert (await own.get("/v3/jobs")).status_code == 503
    await greenhouse.inject("malformed", target="harvest")
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        (await own.get("/v3/jobs")).json()
    await greenhouse.inject("malformed", target="harvest", variant="array")
    assert isinstance((await own.get("/v3/jobs")).json()[0], list)
    await greenhouse.inject("reset", target="token")
    with pytest.raises(httpx2.TransportError):
        await own.request_tokens(grant_type="client_credentials")
    fault = {"kind": "malformed", "target": "harvest", "variant": "null_email"}
    assert (await greenhouse.call("POST", "/faults", fault, status=422))["error"]["field"] == "variant"
    assert len(await own.rows("jobs")) == 2
    assert (await own.request_tokens(grant_type="client_credentials")).status_code == 200


async def test_g21_the_first_two_versions_have_ended(greenhouse: Greenhouse) -> None:
    """Every request to versions 1 and 2 is answered 410."""
    for path in ("/v1/candidates", "/v1/applications/1", "/v2/users"):
        answer = await greenhouse.client.get(path, auth=("key", ""))
        assert (answer.status_code, "v3" in answer.json()["errors"][0]) == (410, True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "custom"}, "name"),
        ({"name": "x", "kind": "custom"}, "organization_id"),
        ({"name": "x", "kind": "partner"}, "redirect_uri"),
        ({"name": "x", "kind": "partner", "redirect_uri": "http://far.example/"}, "redirect_uri"),
        ({"name": "x", "kind": "custom", "organization_id": 101, "scopes": ["all"]}, "scopes"),
        ({"name": "x", "kind": "other"}, "kind"),
    ],
)
async def test_invalid_clients_are_refused(greenhouse: Greenhouse, body: dict[str, Any], field: str) -> None:
    """An invalid client is refused with the name of the field."""
    assert (await greenhouse.call("POST", "/harvest/clients", body, status=422))["error"]["field"] == field


async def test_credentials_and_tokens_survive_a_restart(tmp_path: Path) -> None:
    """With a data directory old tokens stay valid, and new ones differ from them."""
    ids = []
    token = ""
    for attempt in range(2):
        async with simulator("--data", str(tmp_path)) as url, httpx2.AsyncClient(base_url=url) as client:
            body = {"name": "Own", "kind": "custom", "organization_id": 101}
            made = (await client.post("/api/harvest/clients", json=body)).json()
            ids.append(made["client_id"])
            if attempt == 0:
                form, auth = {"grant_type": "client_credentials"}, (made["client_id"], made["client_secret"])
                token = (await client.post("/token", data=form, auth=auth)).json()["access_token"]
            answer = await client.get("/v3/jobs", headers={"authorization": f"Bearer {token}"})
            assert len(answer.json()) == 2
    assert ids[0] != ids[1]


async def test_the_same_seed_issues_the_same_credentials(greenhouse: Greenhouse) -> None:
    """Credentials of partners and clients and tokens depend on the seed alone."""

    async def issued(seed: int) -> list[str]:
        await greenhouse.call("POST", "/reset", {"seed": seed, "now": "2026-11-24T10:00:00Z"})
        await greenhouse.connect()
        program = await create_custom_client(greenhouse)
        await program.request_tokens(grant_type="client_credentials")
        return [greenhouse.username, greenhouse.password, program.client["client_secret"], program.token]

    first = await issued(5)
    assert len(set(first)) == 4
    assert await issued(5) == first
    assert not set(await issued(6)) & set(first)
