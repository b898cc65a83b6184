"""What each API key may do: the scope that a request needs, by method and route."""

from __future__ import annotations

from fastapi import Request

from greenroom.errors import Forbidden
from greenroom.model.projects import Project, Scope, has_scope

#: requests that change nothing
READING = frozenset({"preview_result"})
#: configuration, secrets and final deletions
ADMINISTERING = frozenset(
    {
        "put_integration",
        "put_hub",
        "put_alerts",
        "create_webhook",
        "change_webhook",
        "delete_webhook",
        "rotate_webhook_secret",
        "rotate_signing_secret",
        "rotate_token",
        "stackone_delete_account",
        "expunge_order",
        "erase_candidate",
        "change_project",
        "list_audit_log",
    }
)
#: spellings of `reveal=true`; any other value than those of false is treated alike
HIDDEN = frozenset({None, "", "0", "false", "off", "f", "no", "n"})


def needed_scope(method: str, operation_id: str | None, *, reveals: bool = False) -> Scope:
    """Returns the scope that a request needs: read for reads, write for changes, admin for those listed here."""
    if reveals or operation_id in ADMINISTERING:
        return "admin"
    return "read" if method in ("GET", "HEAD") or operation_id in READING else "write"


def check_scope(request: Request, project: Project) -> None:
    """
    Raises unless the API key of a request has the scope that it needs; a request that no route takes needs none.

    Raises:
        Forbidden: names the scope that is needed.
    """
    route = request.scope.get("route")
    if route is None:
        return
    reveals = any(value.lower() not in HIDDEN for value in request.query_params.getlist("reveal"))
    needed = needed_scope(request.method, getattr(route, "operation_id", None), reveals=reveals)
    if not has_scope(project.scope, needed):
        raise Forbidden(
            f"This API key has the scope {project.scope}, and this request needs {needed}. Use a key with that scope, "
            f"or create one: greenroom keys create --scope {needed}.",
            code="ScopeMissing",
        )
