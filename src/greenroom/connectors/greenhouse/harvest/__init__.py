"""Greenhouse's Harvest API, version 3: the customer's access, and reads for the hiring team."""

from greenroom.connectors.greenhouse.harvest.access import ACCESS
from greenroom.connectors.greenhouse.harvest.client import Harvest, Page

__all__ = ["ACCESS", "Harvest", "Page"]
