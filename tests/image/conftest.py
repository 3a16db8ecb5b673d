"""The image, a lake that it can read, and what its countries cost on this machine without a container."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from markdown_pricing.countries import read_countries
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.process.threads import VARIABLES
from markdown_pricing.sample.deliver import deliver_sample
from markdown_pricing.weeks import parse_week
from tests.image.containers import NotBuilt, built, lacking, writable
from tests.postgres.server import PostgresServer
from tests.real_parts import missing

PROJECT = Path(__file__).parents[2]
NEXT = "9.9.9"
"""What the next release is called that is built of the same sources."""
WEEK = "2026-02-09"
COUNTRIES = ("HUN", "MLT")
LAKE = "/lake"
TESTS = "/tests"
"""Where the models of tests/quick.py are mounted."""
WAIT = "wait"
"""The file in the lake as long as which is there `Patient` is not fitted."""
OF_TESTS = {"MARKDOWN_PRICING_LAKE": LAKE, "MARKDOWN_PRICING_START_WEEK": WEEK, "MARKDOWN_PRICING_LOG": "off"}


@pytest.fixture(scope="session")
def image() -> str:
    return image_of()


def image_of(release: str = "") -> str:
    """The image of this checkout, or of a release that is called so; a test without it is skipped."""
    if why := lacking():
        missing("The image", why)
    try:
        return built(release)
    except NotBuilt as error:
        missing("The image", str(error))


@dataclass(frozen=True)
class Delivered:
    """A folder that a container takes for its lake."""

    folder: Path

    @property
    def volumes(self) -> dict[Path, str]:
        return {self.folder: LAKE, PROJECT / "tests": f"{TESTS}/tests:ro"}

    @contextmanager
    def patience(self) -> Iterator[dict[str, str]]:
        """What a container is told so that it learns nothing, for a minute at most, until this is left."""
        (self.folder / WAIT).touch()
        try:
            yield PATIENT
        finally:
            (self.folder / WAIT).unlink()


PATIENT = {"MARKDOWN_PRICING_MODEL": "tests.quick:Patient", "PYTHONPATH": TESTS, "WAIT_WHILE": f"{LAKE}/{WAIT}"}


@pytest.fixture
def lake(tmp_path: Path) -> Delivered:
    return delivered(tmp_path / "lake")


def delivered(folder: Path) -> Delivered:
    """Two countries of the sample, in a folder that the image's user may write to."""
    known = read_countries()
    deliver_sample(Lake(str(folder)), parse_week(WEEK), [known[code] for code in COUNTRIES], articles=6)
    return Delivered(writable(folder))


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An ERP with the rows of the same round in a process of this machine."""
    return priced_here(tmp_path_factory.mktemp("here"))


def priced_here(folder: Path, **settings: str) -> str:
    """Price the delivered week without a container; the URL of its ERP."""
    erp = f"sqlite:///{folder}/erp.sqlite"
    places = {"MARKDOWN_PRICING_LAKE": str(delivered(folder / "lake").folder), "MARKDOWN_PRICING_ERP": erp}
    # On as many threads as a container, which does not get the limit that these tests set for themselves.
    ours = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environment = {**ours, **OF_TESTS, **places, **settings, "DAGSTER_HOME": str(folder / "dagster")}
    command = [sys.executable, "-m", "markdown_pricing", "run", "--week", WEEK]
    subprocess.run(command, env=environment, check=True, capture_output=True, cwd=PROJECT)
    return erp


def differences(erp: str, expected: str, postgres: PostgresServer | None = None) -> str:
    """What `markdown-pricing shadow` says of two ERPs; empty when every cell of both countries is equal.

    Another number of threads may round the last digit differently, which the tolerance allows.
    """
    account = reader_of(postgres, erp) if postgres else {}
    command = [sys.executable, "-m", "markdown_pricing", "shadow", erp, expected, "--week", WEEK, "--tolerance", "1e-9"]
    told = subprocess.run(command, env={**os.environ, **account}, capture_output=True, text=True, cwd=PROJECT)
    equal = told.returncode == 0 and told.stdout.startswith(f"Equal: {len(COUNTRIES)} countries")
    return "" if equal else told.stdout + told.stderr


def reader_of(postgres: PostgresServer, erp: str) -> dict[str, str]:
    """The settings of an account that may only read this ERP, as `shadow` asks for it."""
    name, password = f"reader_{uuid4().hex}", "may-only-read"
    postgres.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
    postgres.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}", erp)
    return {"MARKDOWN_PRICING_SHADOW_USER": name, "MARKDOWN_PRICING_SHADOW_PASSWORD": password}
