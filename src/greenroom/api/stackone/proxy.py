"""`/unified/proxy`: a vendor's own request to the ATS, made with the account's credentials."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from greenroom.api.callers import KeyedRoute, Linked
from greenroom.api.faults import documented
from greenroom.api.shapes import Line, example
from greenroom.api.v1.integrations import get_connector
from greenroom.errors import NotSupported

router = APIRouter(prefix="/unified/proxy", tags=["Proxy"], route_class=KeyedRoute)


class ProxyIn(BaseModel):
    """The request to pass through."""

    model_config = example(method="get", path="/v1/candidates")

    url: Line | None = Field(None, description="Accepted.")
    method: Literal["get", "post", "put", "delete", "patch"] | None = Field("get", description="Accepted.")
    path: Line | None = Field(None, description="Accepted.")
    headers: dict[str, Any] | None = Field(None, description="Accepted.")
    body: dict[str, Any] | None = Field(None, description="Accepted.")


class ProxyOut(BaseModel):
    """The ATS's answer."""

    status: int = Field(description="The answer's status.")
    headers: dict[str, Any] | None = Field(None, description="The answer's headers.")
    data: Any = Field(None, description="The answer's body.")


@router.post("", operation_id="stackone_proxy_request", responses=documented(400, 401, 404, 412, 422, 501))
async def proxy(account: Linked, body: ProxyIn) -> ProxyOut:
    """
    Pass a request through to the ATS.

    Answers 501 with the reason if the ATS has no API that a vendor may call.
    """
    raise NotSupported(get_connector(account.provider).manifest.no_proxy)
