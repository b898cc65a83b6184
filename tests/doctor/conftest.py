"""One gateway for all scenarios of a worker, a project of its own for each, and the confusion matrix at the end."""

from __future__ import annotations

import pytest

from tests.doctor.scenarios import Patient
from tests.house import House


@pytest.fixture
async def patient(house: House) -> Patient:
    """A healthy project with an integration, a linked account and a webhook."""
    return await Patient.healthy(house)
