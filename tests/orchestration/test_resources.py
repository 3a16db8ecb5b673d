"""What Dagster's page says of the resources, and what whoever starts a run there may change."""

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap, ResourceSnap

from markdown_pricing.definitions import build
from markdown_pricing.installation.settings import Settings

SECRET = "hunter2"
SETTINGS = Settings.from_env(
    {"MARKDOWN_PRICING_ERP": "postgresql://erp/prices", "DB_USER": "pricing", "DB_PASSWORD": SECRET}
)


def shown() -> dict[str, ResourceSnap]:
    repository = build(SETTINGS).get_repository_def()
    return {resource.name: resource for resource in RepositorySnap.from_def(repository).resources or []}


SHOWN = shown()


@pytest.mark.parametrize("name", SHOWN)
def test_each_resource_has_a_type_and_a_description(name: str) -> None:
    """Each of its fields has a description, too."""
    resource = SHOWN[name]

    assert resource.resource_type.startswith("markdown_pricing.")
    assert "lambda" not in resource.resource_type
    assert resource.resource_snapshot.description
    assert all(field.description for field in resource.config_field_snaps)


def test_a_run_may_change_how_it_learns_but_not_where_it_reads_and_writes() -> None:
    """Whoever reaches the page could else send the ERP's account to a server of his own."""
    changeable = {name for name, resource in SHOWN.items() if resource.config_field_snaps}

    assert changeable == {"demand_training", "shared_learning"}


def test_the_page_holds_no_password() -> None:
    assert SECRET not in dg.serialize_value(RepositorySnap.from_def(build(SETTINGS).get_repository_def()))
