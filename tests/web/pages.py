"""The pages that every check of pages visits; add yours."""

from __future__ import annotations

#: `{order}` is an order of the project, `{project}` the project's address; a page may be reached by a redirect
PAGES = (
    "/projects/{project}",
    "/projects/{project}/orders",
    "/projects/{project}/orders?q=nobody@example.test",
    "/projects/{project}/orders/{order}",
    "/projects/{project}/setup",
    "/components",
    "/search",
    "/search?q=nothing",
    "/nowhere",
)
