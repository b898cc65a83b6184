"""Deletion of a project from the dashboard, on both databases."""

from __future__ import annotations

import pytest

from greenroom.services import audit, project_deletion, projects
from greenroom.store.schema import metadata
from tests.house import Linked, webhook
from tests.web.visitors import Visitor


async def project_of(linked: Linked) -> str:
    """The id of the project."""
    found = await projects.find_by_name(linked.house.app.state.ctx, "proctor")
    assert found is not None
    return found.id


async def test_a_project_is_deleted_with_everything_of_it(
    on_each_database: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Access ends at once; rows go in batches; another project keeps its own; the name is free again."""
    linked = on_each_database
    house, ctx = linked.house, linked.house.app.state.ctx
    await webhook(linked)
    other = await house.link("other", tenant="other", package_id="pkg_core_sql")
    kept = await other.send_test(1)
    for number in range(3):
        await linked.give_result(await linked.send_test(number))
    name = "proctor"
    project_id = await project_of(linked)
    owner = await Visitor.sign_in(house)
    page = f"/projects/{project_id}/settings/delete"
    monkeypatch.setattr(project_deletion, "BATCH", 2)
    monkeypatch.setattr(project_deletion, "EVENTS", 2)

    assert (await owner.submit(page, {"confirm": "no"})).status_code == 422
    assert (await owner.submit(page, {"confirm": name})).status_code == 303
    assert (await owner.get(page)).status_code == 404
    assert (await linked.api("GET", "/v1/orders")).status_code == 401
    assert (await linked.call("list_tests")).status_code == 401
    after: str | None = ""
    for _ in range(200):
        if (after := await project_deletion.delete_next(ctx, after=after or "")) is None:
            break
    assert after is None
    for table in metadata.sorted_tables:
        if "project_id" in table.columns and table.name != "audit_log":
            query = f"SELECT count(*) AS n FROM {table.name} WHERE project_id = $1"
            row = await ctx.store.read(lambda tx, query=query: tx.one(query, project_id))
            assert row["n"] == 0, table.name
    assert (await other.order(kept))["id"] == kept
    assert (await projects.ensure(ctx, name)).id != project_id
    entries = await audit.list_entries(ctx, None)
    assert [one.object_id for one in entries if one.action == "project.deleted"] == [project_id]
