"""Resumes of orders: a signed link by the API, and the download that the link leads to."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from greenroom.api.callers import Caller, Ctx, KeyedRoute
from greenroom.api.faults import documented
from greenroom.api.shapes import Plain
from greenroom.model.events import stamp
from greenroom.model.resumes import ENDINGS
from greenroom.services import resumes

router = APIRouter(prefix="/v1/orders", tags=["Orders"], route_class=KeyedRoute)
downloads = APIRouter(prefix="/resumes", include_in_schema=False)
OrderId = Annotated[Plain, Path(alias="order_id", description="The order's id.")]


class ResumeOut(BaseModel):
    """A link to the resume, which works without a key until it expires."""

    url: str = Field(description="A link to the file.")
    expires_at: str = Field(description="When the link ends.")
    media_type: str = Field(description="The file's media type.")
    size: int = Field(description="Its size in bytes.")


@router.get("/{order_id}/resume", operation_id="get_order_resume", responses=documented(400, 401, 404))
async def get(ctx: Ctx, project: Caller, order_id: OrderId) -> ResumeOut:
    """Show a link to the candidate's resume; it works for five minutes."""
    link = await resumes.make_link(ctx, project.id, order_id)
    return ResumeOut(url=link.url, expires_at=stamp(link.expires_at), media_type=link.media_type, size=link.size)


@downloads.get("/{order_id}")
async def download(
    ctx: Ctx, order_id: OrderId, expires: Annotated[str, Query()] = "", signature: Annotated[str, Query()] = ""
) -> Response:
    """Sends the file of a link, always as a download."""
    content, media_type = await resumes.open_link(ctx, order_id, expires, signature)
    headers = {
        "content-disposition": f'attachment; filename="resume.{ENDINGS[media_type]}"',
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
        "content-security-policy": "sandbox",
    }
    return Response(content, headers=headers, media_type=media_type)
