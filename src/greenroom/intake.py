"""The way of an order into Greenroom: the package is found, the vendor is asked, and the order is placed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from typing import Any, Literal

from greenroom.catalog import Catalog
from greenroom.context import Context
from greenroom.errors import BadGateway, Invalid, NotFound, Unavailable
from greenroom.model import enrichment
from greenroom.model.accounts import Account
from greenroom.model.capabilities import Capabilities
from greenroom.model.enrichment import Enrichment
from greenroom.model.events import order_model
from greenroom.model.integrations import Integration
from greenroom.model.order_checks import Decision
from greenroom.model.orders import Candidate, Category, Order, OrderRequest, OrderSource
from greenroom.model.packages import Package
from greenroom.model.results import Result
from greenroom.order_check import OrderCheck
from greenroom.outbound import Outbound
from greenroom.services import order_results, orders, placing


class OrderRefused(Invalid):
    """The vendor refused an order; the message is the vendor's, for the recruiter."""

    code = "OrderRefused"


class Intake:
    """Takes orders from ATSs and from vendors who try things out."""

    def __init__(self, ctx: Context, packages: Catalog, out: Outbound) -> None:
        self._ctx = ctx
        self._check = OrderCheck(ctx, out)
        self.packages = packages

    def on_behalf(self, ctx: Context) -> Intake:
        """Returns the same for the caller of `ctx`, whom the audit log names."""
        intake = copy(self)
        intake._ctx = ctx
        return intake

    async def list_packages(self, account: Account) -> tuple[Package, ...]:
        """
        Returns the packages that a recruiter of this account can order.

        Raises:
            Unavailable: the vendor's list endpoint has no usable answer, and never had one: an ATS shows its recruiter
                an error, and the log has the cause.
        """
        try:
            return (await self.packages.effective(account)).packages
        except BadGateway as error:
            raise Unavailable(error.message) from error

    async def place(
        self,
        account: Account,
        request: OrderRequest,
        integration: Integration,
        package: Package | None,
        ats: Capabilities,
        *,
        source: Literal["ats", "api"] = "ats",
        order_id: str | None = None,
        lacks: str | None = None,
        answer: Callable[[str], Mapping[str, Any]] | None = None,
    ) -> Order:
        """
        Places an order, unless the vendor refuses it.

        A refused order is stored as rejected. Where the ATS shows no message, an alert asks to inform the recruiter.
        `lacks` is the reason for which the integration's orders are not enriched, a key of `enrichment.REASONS`.
        `answer` gives the body of the caller's answer 200 for an order's id; the order's timeline shows the answer.

        Raises:
            OrderRefused: the vendor refused this order, now or when it was first requested.
            Conflict, QueueFull: as `services.placing.place`.
        """
        name = package.name if package else None
        category = integration.partner_category
        if integration.store == "minimal":
            request = request.minimal()
        order_id = order_id or self._ctx.new_id("ord")
        decision = None
        if integration.order_check_url:
            decision = await self._ask(account, request, integration, category, name, source, order_id)
        order = await placing.place(
            self._ctx,
            account,
            request,
            category=category,
            package_name=name,
            source=source,
            order_id=order_id,
            decision=decision,
            shows_refusals=ats.refusal_message,
            store=integration.store,
            keeps_resume=integration.resume == "store",
            enrichment=None if integration.store == "minimal" else self._enrichment(request, ats, source, lacks),
            answer={"status": 200, "body": answer(order_id)} if answer else None,
        )
        if order.was_refused:
            message = order.status_message or "The vendor refused the order."
            raise OrderRefused(message, errors=[message])
        return order

    def _enrichment(
        self, request: OrderRequest, ats: Capabilities, source: OrderSource, lacks: str | None
    ) -> Enrichment | None:
        now, team = self._ctx.now(), (request.job or {}).get("hiring_team")
        if ats.hiring_team == "none":
            return None
        if ats.hiring_team == "inline" or team is not None:
            return enrichment.inline(team, now)
        if lacks:
            return enrichment.missing(lacks, now)
        if source == "api" and request.application_remote_id is None:  # the ATS knows nothing of such an order
            return enrichment.missing(None, now)
        return enrichment.waiting(now)

    async def record_result(
        self,
        account: Account,
        candidate_remote_id: str,
        package_id: str,
        result: Result,
        fingerprint: str,
        ats: Capabilities,
        *,
        received: Any = None,
    ) -> Order:
        """
        Records a result for which the ATS has no order, and queues it for the ATS.

        `received` is the body of the request, as in `services.orders.record_result`.

        Raises:
            Invalid: the account has no such package.
            NotFound: the integration no longer exists.
        """
        try:
            integration, package = await self.packages.find(account, package_id)
        except NotFound as error:
            raise Invalid(error.message, errors=[f"package_id: {error.message}"]) from error
        candidate = Candidate(email="", remote_id=candidate_remote_id)
        request = OrderRequest(package_id=package_id, candidate=candidate, fingerprint=fingerprint)
        order_id = self._ctx.new_id("ord")
        name, category = package.name if package else package_id, integration.partner_category
        order = placing.draft(account, request, category, name, "result", order_id=order_id, now=self._ctx.now())
        order = replace(order, store=integration.store)
        return await order_results.record_without_order(self._ctx, order, result, ats, received=received)

    async def _ask(
        self,
        account: Account,
        request: OrderRequest,
        integration: Integration,
        category: Category,
        name: str | None,
        source: OrderSource,
        order_id: str,
    ) -> Decision | None:
        if await placing.find_repeated(self._ctx, account, request, source=source):
            return None
        order = placing.draft(account, request, category, name, source, order_id=order_id, now=self._ctx.now())
        model = order_model(order, update_url=orders.update_url(self._ctx, order))
        return await self._check.ask(integration, account.id, model)
