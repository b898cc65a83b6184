"""Checks of the results that a vendor's client sends."""

from __future__ import annotations

from greenroom.check.model import Suite
from greenroom.check.results import client, content, shown
from greenroom.check.results.subject import ResultsSubject

RESULTS: Suite[ResultsSubject] = Suite("results", [*client.SUITE.checks, *content.SUITE.checks, *shown.SUITE.checks])
