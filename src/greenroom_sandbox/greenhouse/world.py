"""Greenhouse's state: its tables beside those of the kernel."""

from __future__ import annotations

from greenroom_sandbox.greenhouse.model.harvest import Client, Grant
from greenroom_sandbox.greenhouse.model.hiring import Application, Candidate, Job, Organization, Stage, User
from greenroom_sandbox.greenhouse.model.hook import Hook, HookDelivery
from greenroom_sandbox.greenhouse.model.partner import Connection, Partner
from greenroom_sandbox.greenhouse.model.take_home import TakeHome
from greenroom_sandbox.greenhouse.wire.rules import RULES
from greenroom_sandbox.journal import Journal
from greenroom_sandbox.kernel import Kernel


class World(Kernel):
    """The kernel with Greenhouse's tables."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self.rules |= RULES
        self.organizations = self.add_table(Organization, "organization", 101)
        self.users = self.add_table(User, "user", 901)
        self.jobs = self.add_table(Job, "job", 4001)
        self.stages = self.add_table(Stage, "stage", 5001)
        self.candidates = self.add_table(Candidate, "candidate", 17681501)
        self.applications = self.add_table(Application, "application", 26234701)
        self.partners = self.add_table(Partner, "partner", 1)
        self.connections = self.add_table(Connection, "connection", 1)
        self.take_homes = self.add_table(TakeHome, "take-home", 900001)
        self.clients = self.add_table(Client, "Harvest client", 1)
        self.grants = self.add_table(Grant, "grant", 1)
        self.hooks = self.add_table(Hook, "webhook", 1)
        self.deliveries = self.add_table(HookDelivery, "webhook delivery", 1)

    def find_connection(self, organization_id: int, partner_id: int) -> Connection | None:
        """Returns a customer's connection with a partner, or None."""
        for connection in self.connections.all():
            if (connection.organization_id, connection.partner_id) == (organization_id, partner_id):
                return connection
        return None

    def get_plan(self, job_id: int) -> list[Stage]:
        """Returns a job's stages in order."""
        return sorted(
            (stage for stage in self.stages.all() if stage.job_id == job_id), key=lambda stage: stage.position
        )

    def get_take_homes(self, application_id: int) -> list[TakeHome]:
        """Returns an application's take-homes, oldest first."""
        return [test for test in self.take_homes.all() if test.application_id == application_id]
