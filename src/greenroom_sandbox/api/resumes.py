"""The résumés that the simulator keeps itself, behind signed links that end after a week."""

from __future__ import annotations

from aiohttp import web

from greenroom_sandbox.api.incoming import Incoming
from greenroom_sandbox.api.reading import SIMULATOR
from greenroom_sandbox.wire import links, pdf

routes = web.RouteTableDef()


@routes.get("/resumes/{id:[0-9]{1,15}}.pdf")
async def resume(request: web.Request) -> web.StreamResponse:
    """The PDF; 403 when the link is not good (any more), 404 when the résumé is gone."""
    world, candidate_id = request.app[SIMULATOR].world, int(request.match_info["id"])
    incoming = await Incoming.read(request, "resume")
    spoiled = await incoming.spoiled()
    if spoiled is not None:
        return spoiled
    given = request.query.get("expires", ""), request.query.get("signature", "")
    why = links.why_refused(candidate_id, *given, world.clock.now(), world.seed)
    if why is not None:
        return incoming.refuse(web.Response(status=403, text=why), why)
    candidate = world.candidates.find(candidate_id)
    if candidate is None or candidate.resume is None:
        return incoming.refuse(web.Response(status=404), "there is no such résumé")
    incoming.exchange.organization_id = candidate.organization_id
    return incoming.answer(web.Response(body=pdf.page(candidate.resume), content_type="application/pdf"))
