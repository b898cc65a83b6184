"""The customer's access to Harvest v3 by OAuth."""

from __future__ import annotations

from greenroom.connectors.contract import OAuth

#: the name of Harvest's address
HARVEST = "greenhouse.harvest"
#: the lists that Greenroom reads
LISTS = ("applications", "candidates", "jobs", "job_hiring_managers", "job_owners", "users")


def get_scope(name: str) -> str:
    """Returns the scope that a list needs."""
    return f"harvest:{name}:list"


#: Source: Harvest v3, authentication; no PKCE, which Greenhouse's authorization server does not know
ACCESS = OAuth(
    api="Harvest",
    address="greenhouse.auth",
    authorize_path="/authorize",
    token_path="/token",  # noqa: S106 - a path
    scopes=tuple(get_scope(name) for name in LISTS),
    client_id="harvest_client_id",
    client_secret="harvest_client_secret",  # noqa: S106 - the name of a field
    subject="harvest_user_id",
    used_if={"authentication_type": ("public_partner",)},
    unused=(
        "hiring_team.partner_only",
        "The integration's authentication type is not Public + Partner API, so the hiring team is not read. Choose "
        "Public + Partner in the configuration of the integration.",
    ),
)
