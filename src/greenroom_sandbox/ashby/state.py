"""Ashby's state: its tables in the simulator's kernel."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web

from greenroom_sandbox.ashby.model import (
    ApiKey,
    Application,
    Assessment,
    Candidate,
    Connection,
    Job,
    Organization,
    Partner,
    User,
)
from greenroom_sandbox.ashby.rules import RULES
from greenroom_sandbox.kernel import Kernel
from greenroom_sandbox.outbound import Outbound
from greenroom_sandbox.wire.calls import HttpClient


class Ashby:
    """Ashby's tables, and its way out to partners.

    ``base`` is the simulator's own address, set once it listens.
    """

    def __init__(self, kernel: Kernel, client: HttpClient) -> None:
        self.kernel = kernel
        kernel.rules |= RULES
        self.outbound = Outbound(kernel, client, "ashby")
        self.base = "http://127.0.0.1"
        self.organizations = kernel.add_table(Organization, "Ashby organization", 1)
        self.users = kernel.add_table(User, "Ashby user", 1)
        self.jobs = kernel.add_table(Job, "Ashby job", 1)
        self.candidates = kernel.add_table(Candidate, "Ashby candidate", 1)
        self.applications = kernel.add_table(Application, "Ashby application", 1)
        self.partners = kernel.add_table(Partner, "Ashby partner", 1)
        self.connections = kernel.add_table(Connection, "Ashby integration", 1)
        self.api_keys = kernel.add_table(ApiKey, "Ashby API key", 1)
        self.assessments = kernel.add_table(Assessment, "Ashby assessment", 1)

    @property
    def public_url(self) -> str:
        """The base of the URLs that Ashby hands out."""
        return f"{self.kernel.settings.public_url or self.base}/ashby"

    def now(self) -> datetime:
        """Returns the virtual time."""
        return self.kernel.clock.now()

    def find_connection(self, organization_id: int, partner_id: int) -> Connection | None:
        """Returns a customer's integration with a partner, or None."""
        for connection in self.connections.all():
            if (connection.organization_id, connection.partner_id) == (organization_id, partner_id):
                return connection
        return None

    def find_assessment(self, connection: Connection, partner_assessment_id: str) -> Assessment | None:
        """Returns the assessment that a partner means, among those of one customer."""
        ours = connection.organization_id, connection.partner_id
        for assessment in self.assessments.all():
            theirs = assessment.organization_id, assessment.partner_id
            if theirs == ours and assessment.partner_assessment_id == partner_assessment_id:
                return assessment
        return None


#: key of Ashby in the aiohttp application
ASHBY = web.AppKey("ashby", Ashby)
