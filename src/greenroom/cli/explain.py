"""`greenroom explain` and `greenroom bundle`."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from greenroom.cli.keys import with_context
from greenroom.context import Context
from greenroom.doctor import bundles, explanations
from greenroom.doctor.explanations import Explanation
from greenroom.model.events import stamp

OrderId = Annotated[str, typer.Argument(metavar="ORDER", help="The order's id.")]
Data = Annotated[Path | None, typer.Option(help="Data directory (GREENROOM_DATA_DIR).")]


def explain(order: OrderId, data: Data = None) -> None:
    """Say in one sentence where an order stands. What to do, what the doctor finds, and the timeline follow."""
    found = with_context(data, lambda ctx: explanations.explain(ctx, order))
    standing = found.standing
    print(standing.sentence)
    for label, text in (("", standing.more), ("Why:  ", standing.cause), ("Next: ", standing.next_step)):
        if text:
            print(f"{label}{text}")
    for one in found.findings:
        print(f"\n{one.severity.upper()}  {one.title}  [{one.code}]\n  Next:  {one.next_step}")
    print()
    for entry in found.flight.entries:
        print(f"{stamp(entry.at)}  {entry.kind:<14}  {entry.message}")


def bundle(
    order: OrderId,
    output: Annotated[
        Path | None, typer.Option(help="The HTML file; the JSON is written beside it. Left out: ORDER.html here.")
    ] = None,
    personal: Annotated[
        bool, typer.Option("--personal", help="Include the candidate, the result, and all requests and answers.")
    ] = False,
    data: Data = None,
) -> None:
    """Write a support bundle about an order, as HTML and JSON. Without --personal it has no personal data."""

    async def run(ctx: Context) -> tuple[Explanation, str]:
        return await explanations.explain(ctx, order), stamp(ctx.now())

    explained, made_at = with_context(data, run)
    built = bundles.build(explained, version=version("greenroom"), made_at=made_at, personal=personal)
    page = (output or Path(f"{explained.flight.order.id}.html")).with_suffix(".html")
    page.write_text(bundles.render(built), encoding="utf-8")
    page.with_suffix(".json").write_text(json.dumps(built, ensure_ascii=False, indent=2), encoding="utf-8")
    print(f"Written: {page} and {page.with_suffix('.json')}, {'with' if personal else 'without'} personal data.")
