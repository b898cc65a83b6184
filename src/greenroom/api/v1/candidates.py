"""`/v1/candidates`: erasure of all orders of a candidate."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from greenroom.api.callers import Caller, Ctx, KeyedRoute
from greenroom.api.faults import documented
from greenroom.api.shapes import Plain
from greenroom.model.events import stamp
from greenroom.services import erasure

router = APIRouter(prefix="/v1/candidates", tags=["Orders"], route_class=KeyedRoute)


class CertificateOut(BaseModel):
    """The certificate of an erasure. `counts` has the number of changed records of each kind."""

    candidate: str = Field(description="A keyed hash of the e-mail address, as in the audit log; not the address.")
    erased_at: str = Field(description="When it was erased.")
    order_ids: list[str] = Field(description="The orders whose content was erased by this call.")
    counts: dict[str, int] = Field(
        examples=[dict.fromkeys(erasure.COUNTED, 1)], description="How many rows of each kind were erased."
    )
    complete: bool = Field(description="False if the candidate has more orders: repeat the call.")


@router.delete("", operation_id="erase_candidate", responses=documented(400, 401, 409, 422))
async def erase(
    ctx: Ctx,
    project: Caller,
    email: Annotated[Plain, Query(description="The candidate's e-mail address, in any case.")],
) -> CertificateOut:
    """
    Erase the content of all orders of a candidate, for good; answers with a certificate.

    Each order is erased as by `DELETE /v1/orders/{order_id}/content`. Refused while an attempt is in flight. Orders
    whose content was erased before are not in the certificate.
    """
    return shown(await erasure.erase_candidate(ctx, project.id, email))


def shown(certificate: erasure.Certificate) -> CertificateOut:
    """Returns a certificate as the API shows it."""
    return CertificateOut(
        candidate=certificate.candidate,
        erased_at=stamp(certificate.erased_at),
        order_ids=list(certificate.order_ids),
        counts=certificate.counts,
        complete=certificate.is_complete,
    )
