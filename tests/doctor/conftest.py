"""One gateway for all scenarios of a worker, a project of its own for each, and the confusion matrix at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.doctor import matrix
from tests.doctor.scenarios import Patient
from tests.house import House


@pytest.fixture(autouse=True)
def recorded(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Adds the expected and found codes of each scenario to its report."""
    matrix.take()
    yield
    record_property(matrix.PROPERTY, matrix.take())


@pytest.fixture
async def patient(house: House) -> Patient:
    """A healthy project with an integration, a linked account and a webhook."""
    return await Patient.healthy(house)
