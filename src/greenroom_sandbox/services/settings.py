"""The wire settings, changed field by field or by a profile."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from greenroom_sandbox.errors import Refused
from greenroom_sandbox.kernel import Kernel
from greenroom_sandbox.model.wire import WireSettings
from greenroom_sandbox.wire.address import check_base_url

OLD_PARTNER = {
    "integer_test_ids": True,
    "send_ids": False,
    "send_preferred_name": False,
    "send_sent_by": False,
    "callback_url": "none",
}


def change(kernel: Kernel, changes: dict[str, Any]) -> WireSettings:
    """Changes the given settings.

    Raises: `Refused` when one is invalid; then none is changed.
    """
    if changes.get("public_url"):
        changes = {**changes, "public_url": check_base_url("public_url", changes["public_url"])}
    try:
        kernel.save_settings(WireSettings.model_validate({**kernel.settings.model_dump(), **changes}))
    except ValidationError as error:
        fault = error.errors()[0]
        raise Refused(fault["msg"], str(fault["loc"][0])) from None
    return kernel.settings


def use_profile(kernel: Kernel, old_partner: bool) -> WireSettings:
    """Sets the fields in which an integration from before October 2019 differs."""
    today = {name: WireSettings.model_fields[name].default for name in OLD_PARTNER}
    return change(kernel, OLD_PARTNER if old_partner else today)
