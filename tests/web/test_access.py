"""Every page as a viewer, as a member of another project, and while the database is away."""

from __future__ import annotations

import re
from typing import Any

import pytest

from greenroom.errors import Unavailable
from tests.house import House, Linked
from tests.web.test_people import join, sign_in
from tests.web.test_rules import paths
from tests.web.visitors import HTML, Visitor

#: pages that need more than the role of a viewer
CLOSED = re.compile(
    r"/(result|erase|new|edit|delete|disable|invite|auth-link)$|/settings/(audit-log|delete)|/greenhouse/configuration$"
)


@pytest.fixture
async def visited(house: House, proctor: Linked) -> list[str]:
    """The address of each page of the project."""
    return await paths(await Visitor.sign_in(house), proctor)


async def test_a_viewer_sees_each_page_or_reads_why_not(house: House, proctor: Linked, visited: list[str]) -> None:
    """A refused page names the role; no page offers what a viewer may not do."""
    await join(house, "viewer")
    await sign_in(house)
    visitor = Visitor(house)
    refused = []
    for path in visited:
        answer = await visitor.get(path)
        assert answer.status_code in (200, 403, 404), path
        if answer.status_code == 403:
            assert re.search(r"This needs the role (developer|owner). Your role in proctor is viewer", answer.text), (
                path
            )
            refused.append(path)
        actions = re.findall(r'<form[^>]*method="post"[^>]*action="([^"]+)"', answer.text)
        allowed = re.compile(r"/(sign-out|theme)$|^/me/|/settings/leave$|^#$")  # the last: examples of components
        assert [one for one in actions if not allowed.search(one)] == [], path
    assert refused
    assert {path for path in refused if not CLOSED.search(path.partition("?")[0])} == set()


async def test_a_member_of_another_project_finds_nothing(house: House, proctor: Linked, visited: list[str]) -> None:
    """Each page of the project is 404, as if it did not exist."""
    await house.link("other", tenant="other", package_id="pkg_core_sql")
    await join(house, "owner", project="other")
    await sign_in(house)
    for path in visited:
        if path.startswith("/projects/"):
            answer = await Visitor(house).get(path)
            assert (answer.status_code, "proctor" in answer.text) == (404, False), path


@pytest.mark.parametrize("reads", [0, 1])
async def test_each_page_says_that_the_database_is_away(
    house: House, proctor: Linked, visited: list[str], monkeypatch: pytest.MonkeyPatch, reads: int
) -> None:
    """503 with the time to retry, whether it is away from the first query on or after the session's; then it is back."""
    store = house.app.state.ctx.store
    read, left = store.read, 0

    async def away(work: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise Unavailable("The database does not answer.")
        return await read(work)

    plain = {path: (await Visitor(house).get(path)).status_code for path in visited}
    with monkeypatch.context() as patched:
        patched.setattr(store, "read", away)
        for path in visited:
            left = reads
            answer = await house.client.get(path, headers=HTML)
            if answer.status_code in (302, 303):
                continue
            if answer.status_code != 503:  # the page needs no further query
                assert reads == 1 or path == "/docs/causes", path
                assert answer.status_code == plain[path], path
                continue
            assert "retry-after" in answer.headers, path
            assert "<h1>" in answer.text, path
            assert "database" in answer.text, path
    assert {path: (await Visitor(house).get(path)).status_code for path in visited} == plain
