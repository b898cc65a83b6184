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
        "Public + Partner adds the job, the application, the requester and the hiring team to each order's event: they "
        "are read from Greenhouse's Harvest API v3, for which each customer authorises you. With Partner API the event "
        "has what Greenhouse sends with the order and no more.",
        type="choice",
        options={"public": "Public", "partner": "Partner", "public_partner": "Public + Partner"},
        default="partner",
    ),
    Field(
        "partner_username",
        "Partner user name",
        "Issued by Greenhouse; for the result push.",
        check=_user_name,
        pushes_if={"callback_auth": ("partner",)},
    ),
    Field(
        "partner_password",
        "Partner password",
        "Issued by Greenhouse; for the result push.",
        secret=True,
        pushes_if={"callback_auth": ("partner",)},
    ),
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
    Field(
        "harvest_client_id",
        "Harvest client id",
        "Issued by Greenhouse Partner Support for Public + Partner. Give them the redirect URI "
        "{PUBLIC_URL}/connect/oauth2/callback. Customers can have a client of their own instead.",
    ),
    Field(
        "harvest_client_secret",
        "Harvest client secret",
        "Issued by Greenhouse Partner Support with the client id.",
        secret=True,
    ),
    Field(
        "recruiting_webhook_secret",
        "Secret of recruiting webhooks",
        "The secret that the customer's administrator gave Greenhouse's webhooks to "
        "/external-trigger/greenhouse/TENANT_ID/webhooks. They report hired, rejected, deleted and merged candidates.",
        secret=True,
    ),
    Field(
        "enrichment_ttl_seconds",
        "Hiring team is kept for",
        "Seconds for which a job's hiring team is kept before it is read again; 0 reads it for each order.",
        type="seconds",
        default=600,
    ),
)

_HARVEST = {"authentication_type": ("public_partner",)}

CREDENTIALS = (
    Field(
        "harvest_client_id",
        "Harvest client id",
        "Of a Harvest v3 client that the customer's administrator made in Greenhouse's Dev Center. Leave it out when "
        "the customer authorises your partner client.",
        used_if=_HARVEST,
    ),
    Field(
        "harvest_client_secret", "Harvest client secret", "Of the same client.", secret=True, used_if=_HARVEST
    ),
    Field(
        "harvest_user_id",
        "Greenhouse user id",
        "The id of the Site Admin for whom the client reads; without it, the client's service account.",
        used_if=_HARVEST,
    ),
)  # fmt: skip
