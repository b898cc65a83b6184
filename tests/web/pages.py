"""The pages that every check of pages visits; add yours."""

from __future__ import annotations

#: `{order}`, `{webhook}`, `{account}` and `{request}` are ids of the project's objects, `{project}` is the project's
#: address; a page may be reached by a redirect
PAGES = (
    "/projects/{project}",
    "/projects/{project}/orders",
    "/projects/{project}/orders?q=nobody@example.test",
    "/projects/{project}/orders/{order}",
    "/projects/{project}/orders/{order}?side=ats",
    "/projects/{project}/orders/{order}/result",
    "/projects/{project}/orders/{order}/erase",
    "/projects/{project}/deliveries",
    "/projects/{project}/deliveries?state=dead",
    "/projects/{project}/replays",
    "/projects/{project}/replays?webhook=whk_none",
    "/projects/{project}/replays/new",
    "/projects/{project}/setup",
    "/projects/{project}/webhooks",
    "/projects/{project}/webhooks/new",
    "/projects/{project}/webhooks/{webhook}",
    "/projects/{project}/webhooks/{webhook}/events",
    "/projects/{project}/webhooks/{webhook}/health",
    "/projects/{project}/webhooks/{webhook}/edit",
    "/projects/{project}/webhooks/{webhook}/delete",
    "/projects/{project}/accounts",
    "/projects/{project}/accounts?q=nobody",
    "/projects/{project}/accounts/auth-link",
    "/projects/{project}/accounts/{account}",
    "/projects/{project}/accounts/{account}/delete",
    "/projects/{project}/logs",
    "/projects/{project}/logs?answer=500&q=/nowhere",
    "/projects/{project}/logs/{request}",
    "/components",
    "/search",
    "/search?q=nothing",
    "/nowhere",
)
