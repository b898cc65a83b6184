"""The fields of a Greenhouse integration."""

from __future__ import annotations

from greenroom.connectors.contract import Field

#: where Greenhouse itself takes results
CALLBACK_HOSTS = ("app.greenhouse.io", "*.greenhouse.io")


def _user_name(value: str) -> str:
    if ":" in value:
        raise ValueError("has a colon, with which HTTP Basic ends the user name")
    return value


FIELDS = (
    Field(
        "authentication_type",
        "Authentication type",
        "public_partner adds the hiring team to events; partner does not.",
        type="choice",
        options={"public": "Public", "partner": "Partner", "public_partner": "Public + Partner"},
        default="partner",
    ),
    Field(
        "partner_username", "Partner user name", "Issued by Greenhouse; for the result push.", check=_user_name
    ),
    Field("partner_password", "Partner password", "Issued by Greenhouse; for the result push.", secret=True),
    Field(
        "callback_auth",
        "Credentials of the result push",
        "Which credentials the result push carries.",
        type="choice",
        options={"partner": "The partner's user name and password", "account_key": "The account's token"},
        default="partner",
    ),
    Field(
        "callback_hosts",
        "Callback hosts",
        "Hosts that a result may be pushed to, `*.` allowed in front; Greenhouse's own by default.",
        type="hosts",
        default=CALLBACK_HOSTS,
    ),
    Field("harvest_client_id", "Harvest client id", "Of the Harvest v3 OAuth client, for the hiring team."),
    Field(
        "harvest_client_secret", "Harvest client secret", "Of the Harvest v3 OAuth client, for the hiring team.",
        secret=True,
    ),
)  # fmt: skip
