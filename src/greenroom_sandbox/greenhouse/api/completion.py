"""The completion call-back, Greenhouse's own endpoint for partners."""

from __future__ import annotations

from aiohttp import web

from greenroom_sandbox.greenhouse.model.take_home import TakeHome
from greenroom_sandbox.greenhouse.services import results
from greenroom_sandbox.greenhouse.simulator import SIMULATOR, Simulator
from greenroom_sandbox.http.incoming import Incoming

routes = web.RouteTableDef()


@routes.patch("/integrations/testing_partners/take_home_tests/{id}")
async def complete(request: web.Request) -> web.StreamResponse:
    """Answers with a status and an empty body.

    Source: Greenhouse Assessment API, completed test call-back.
    """
    world = request.app[SIMULATOR].world
    text = request.match_info["id"]
    take_home_id = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
    test = world.take_homes.find(take_home_id)
    about = {"partner_id": test.partner_id, "organization_id": test.organization_id} if test else {}
    incoming = await Incoming.read(request, "completion", take_home_id=take_home_id or None, **about)
    fault_response = await incoming.apply_faults()
    if fault_response is not None:
        return fault_response
    given = request.headers.get("authorization")
    partner = results.find_completing_partner(world, given, test)
    if partner is None:
        headers = {"www-authenticate": 'Basic realm="Greenhouse"'}
        return incoming.refuse(web.Response(status=401, headers=headers), "the credentials are not accepted")
    incoming.exchange.partner_id = partner.id
    test = results.find_completable(world, take_home_id, partner)
    if test is None:
        return incoming.refuse(web.Response(status=404), "there is no such test for this partner")
    if incoming.exchange.request_body:
        incoming.exchange.remarks.append("the call-back takes no body")
    return await _accept(request, request.app[SIMULATOR], test, incoming)


async def _accept(request: web.Request, simulator: Simulator, test: TakeHome, incoming: Incoming) -> web.StreamResponse:
    await results.handle_completion(simulator, test, answered=False)
    response = incoming.answer(web.Response(status=simulator.world.settings.completion_status))
    if simulator.world.settings.status_check == "after_answer":
        await response.prepare(request)
        await response.write_eof()
        await results.handle_completion(simulator, simulator.world.take_homes.get(test.id), answered=True)
    return response
