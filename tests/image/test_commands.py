"""The image's commands in a container that may write to nothing but its volumes."""

import json
from pathlib import Path

import pytest
from sqlalchemy import make_url

from markdown_pricing import __version__
from tests.image.conftest import COUNTRIES, NEXT, OF_TESTS, WEEK, Delivered, differences, image_of
from tests.image.containers import Container, buildah, built, nobody_builds, podman, run, started, writable
from tests.postgres.server import PostgresServer
from tests.processes import wait_until

# The first on a machine waits until the image is built.
pytestmark = pytest.mark.timeout(2700)


def test_it_says_what_it_can_do(image: str) -> None:
    told = run(image, "markdown-pricing", "--help")

    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("Usage: markdown-pricing")


def test_it_has_at_most_900_mb(image: str) -> None:
    """On a base of 200 MB, of which the official one has two thirds."""
    assert int(podman("inspect", "--format", "{{.Size}}", image).stdout) < 900e6


def test_nothing_that_the_product_imports_is_left_out_of_it(image: str) -> None:
    """Wherever a line imports it; what is not there belongs to extras that the image is built without."""
    told = run(image, "python", "-c", IMPORT_ALL)

    assert told.returncode == 0, told.stderr
    assert set(told.stdout.split()) == OTHER_EXTRAS


OTHER_EXTRAS = {"mlflow", "pyspark"}
IMPORT_ALL = """
import ast, importlib, pathlib, markdown_pricing
trees = [ast.parse(file.read_text()) for file in pathlib.Path(markdown_pricing.__file__).parent.rglob("*.py")]
nodes = [node for tree in trees for node in ast.walk(tree)]
names = {each.name for node in nodes if isinstance(node, ast.Import) for each in node.names}
names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
for name in sorted(names):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        print(error.name)
"""
"""Imports each module that a line of the package names, and prints the name of each that is not there."""


def test_its_process_is_nobody_and_may_nothing(image: str) -> None:
    told = run(image, "sh", "-c", "id -u; grep CapEff /proc/self/status; touch /opt/planted /home/pricing/planted")

    assert told.stdout.split() == ["10001", "CapEff:", "0000000000000000"]
    assert told.stderr.count("Read-only file system") == 2


def test_nothing_of_the_machine_that_built_it_lies_in_it(image: str) -> None:
    """Certificates and settings of pip came as mounts, of which the names may stay."""
    told = run(image, "sh", "-c", "cat /etc/pip.conf /run/host/certificates.crt")

    assert told.stdout == ""


def test_a_build_leaves_no_container_behind(image: str) -> None:
    """Neither its own nor that of a build which was killed, as here one that somebody has begun and not ended."""
    with nobody_builds():
        buildah("from", image)

    built()

    with nobody_builds():
        assert buildah("containers", "--quiet") == ""


def test_a_group_of_countries_goes_into_sqlite(image: str, lake: Delivered, tmp_path: Path, expected: str) -> None:
    erp = writable(tmp_path / "erp")
    places = {"MARKDOWN_PRICING_ERP": "sqlite:////erp/erp.sqlite", "COUNTRY_GROUP": ",".join(COUNTRIES)}

    done = run(
        *(image, "markdown-pricing", "run", "--week", WEEK, "--workers", "2"),
        environment={**OF_TESTS, **places},
        volumes={**lake.volumes, erp: "/erp"},
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert differences(f"sqlite:///{erp}/erp.sqlite", expected) == ""


def test_a_group_of_countries_goes_into_postgresql(
    image: str, lake: Delivered, postgres: PostgresServer, expected: str
) -> None:
    erp = postgres.fresh_database()

    done = run(
        *(image, "markdown-pricing", "run", "--week", WEEK),
        environment={**OF_TESTS, "COUNTRY_GROUP": ",".join(COUNTRIES), **on(postgres, erp)},
        volumes=lake.volumes,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert differences(erp, expected, postgres) == ""


def on(postgres: PostgresServer, erp: str) -> dict[str, str]:
    """The settings of an ERP that has no certificate."""
    url = make_url(erp).update_query_dict({"sslmode": "disable"}).set(username=None, password=None)
    password = postgres.password or "not asked for"
    return {"MARKDOWN_PRICING_ERP": url.render_as_string(), "DB_USER": postgres.user, "DB_PASSWORD": password}


def test_a_stop_cancels_what_is_under_way_and_the_next_container_goes_on(
    image: str, lake: Delivered, tmp_path: Path
) -> None:
    """SIGTERM reaches the command by tini, long before the ten seconds after which Docker kills."""
    erp, home = writable(tmp_path / "erp"), writable(tmp_path / "home")
    places = {"MARKDOWN_PRICING_ERP": "sqlite:////erp/erp.sqlite", "MARKDOWN_PRICING_LOG": "stderr"}
    volumes = {**lake.volumes, erp: "/erp", home: "/home/pricing/dagster"}
    command = (image, "markdown-pricing", "run", "--week", WEEK)
    with lake.patience() as patient:
        how = {"environment": {**OF_TESTS, **places, **patient}, "volumes": volumes}
        with started(*command, **how) as container:
            wait_until("a country learns", lambda: learns(container), 120, container.logs)
            code = container.stop(within_s=60)
            said = container.logs()

    assert code == 1, said
    assert "Interrupted: 0 of 2 countries are done and in the ERP. `markdown-pricing run` goes on." in said
    assert "Traceback" not in said
    ended = run(*command, "--json", **how)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert {each["status"] for each in json.loads(ended.stdout)["countries"]} == {"refreshed"}


def learns(container: Container) -> bool:
    return '"demand_model"' in container.logs()


@pytest.fixture(scope="module")
def next_image(image: str) -> str:
    return image_of(NEXT)


def test_a_release_changes_two_small_layers(image: str, next_image: str) -> None:
    """The package and the bill of materials; what they need is pulled once."""
    this, that = layers(image), layers(next_image)

    assert len(this) == len(that)
    changed = [place for place, (one, other) in enumerate(zip(this, that, strict=True)) if one != other]
    assert changed == [len(this) - 2, len(this) - 1]
    # As podman counts them, oldest first.
    sizes = [int(size) for size in history(next_image) if int(size)]
    assert sum(sizes[-2:]) < 10e6


def layers(image: str) -> list[str]:
    found: list[str] = json.loads(podman("inspect", "--format", "{{json .RootFS.Layers}}", image).stdout)
    return found


def history(image: str) -> list[str]:
    """The size of each step, bytes; oldest first."""
    told = podman("history", "--format", "json", image).stdout
    return [str(step["size"]) for step in reversed(json.loads(told))]


def test_its_bill_of_materials_is_of_its_release(image: str, next_image: str) -> None:
    for name, release in ((image, __version__), (next_image, NEXT)):
        bill = json.loads(run(name, "cat", "/opt/sbom.cdx.json").stdout)
        [ours] = [part["version"] for part in bill["components"] if part["name"] == "markdown-pricing"]
        assert ours == release


def test_the_next_release_prices_again_what_this_one_has_priced(
    image: str, next_image: str, lake: Delivered, tmp_path: Path, expected: str
) -> None:
    """On the same lake, ERP and Dagster: it says which version it is, and its code is other code."""
    erp, home = writable(tmp_path / "erp"), writable(tmp_path / "home")
    how = {
        "environment": {**OF_TESTS, "MARKDOWN_PRICING_ERP": "sqlite:////erp/erp.sqlite"},
        "volumes": {**lake.volumes, erp: "/erp", home: "/home/pricing/dagster"},
    }
    command = ("markdown-pricing", "run", "--week", WEEK, "--json")

    told = [json.loads(run(name, *command, **how).stdout) for name in (image, image, next_image)]

    earlier = [{each["earlier"] for each in done["countries"]} for done in told]
    assert earlier == [{False}, {True}, {False}]
    assert NEXT in run(next_image, "markdown-pricing", "--version").stdout
    assert differences(f"sqlite:///{erp}/erp.sqlite", expected) == ""
