"""The résumés that the simulator serves itself, behind signed links."""

from __future__ import annotations

from aiohttp import web

from greenroom_sandbox.greenhouse.simulator import SIMULATOR
from greenroom_sandbox.greenhouse.wire import links, pdf
from greenroom_sandbox.http.incoming import Incoming

routes = web.RouteTableDef()


@routes.get("/resumes/{id:[0-9]{1,15}}.pdf")
async def resume(request: web.Request) -> web.StreamResponse:
    """Serves a résumé as a PDF.

    403 when the link is invalid or expired, 404 when the résumé does not exist.
    """
    world, candidate_id = request.app[SIMULATOR].world, int(request.match_info["id"])
    incoming = await Incoming.read(request, "resume")
    fault_response = await incoming.apply_faults()
    if fault_response is not None:
        return fault_response
    given = request.query.get("expires", ""), request.query.get("signature", "")
    why = links.explain_refusal(candidate_id, *given, world.clock.now(), world.seed)
    if why is not None:
        return incoming.refuse(web.Response(status=403, text=why), why)
    candidate = world.candidates.find(candidate_id)
    if candidate is None or candidate.resume is None:
        return incoming.refuse(web.Response(status=404), "there is no such résumé")
    incoming.exchange.organization_id = candidate.organization_id
    return incoming.answer(web.Response(body=pdf.render_page(candidate.resume), content_type="application/pdf"))
