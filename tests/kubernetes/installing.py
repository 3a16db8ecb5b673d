"""deploy/kubernetes installed on a node of its own, as docs/kubernetes.md says it, with a delivered week."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
import hdfs_native
import yaml  # type: ignore[import-untyped]
from sqlalchemy import make_url

from markdown_pricing import DATA
from markdown_pricing.countries import read_countries
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.sample.deliver import deliver_sample
from markdown_pricing.weeks import parse_week
from tests.hdfs.cluster import mini_hdfs
from tests.image.containers import writable
from tests.kubernetes.adapted import HADOOP_USER, SERVICES, WEEK, adapted, dagster_yaml, volume_of_the_tests
from tests.kubernetes.cluster import documents
from tests.kubernetes.conftest import MANIFESTS, NAMESPACE, ORDER, PROJECT
from tests.kubernetes.installation import IMAGE, Installation
from tests.kubernetes.network import ADDRESS
from tests.kubernetes.node import Node, node
from tests.postgres.proxy import proxy_of
from tests.postgres.server import WITHOUT_TLS, PostgresServer, postgres_server

NEXT_IMAGE = "registry.example.com/markdown-pricing:next"
COUNTRIES = ("HUN", "MLT")
_LAKE = "/data/production"
"""As settings.yaml has it."""
_PASSWORDS = {"dagster": "of-the-storage", "pricing": "of-the-erp", "pricing_reader": "of-the-erp-to-read"}
_SECRETS = {
    "markdown-pricing": {"DB_PASSWORD": "pricing", "DAGSTER_PG_PASSWORD": "dagster"},
    "markdown-pricing-reader": {"DB_PASSWORD": "pricing_reader"},
    "dagster": {"DAGSTER_PG_PASSWORD": "dagster"},
}


@contextmanager
def installation(folder: Path, image: str) -> Iterator[Installation]:
    """Install deploy/kubernetes on a node of its own and deliver a week, before its sensors look for the first time."""
    names = {f"{name}.{NAMESPACE}.svc.cluster.local": address for name, address in SERVICES.items()}
    names |= {"postgres.example.com": ADDRESS, "erp.example.com": ADDRESS, "namenode.example.com": ADDRESS}
    with ExitStack() as stack:
        server = stack.enter_context(postgres_server())
        here = stack.enter_context(node({IMAGE: image, NEXT_IMAGE: image}, names))
        stack.enter_context(proxy_of(int(make_url(server.url).port or 0), (ADDRESS, 5432)))
        _accounts(server)
        lake = stack.enter_context(_lake(folder / "hdfs"))
        of_tests = _of_the_tests(folder / "of-the-tests")
        instance = stack.enter_context(_dagster(folder, server))
        _apply(here, of_tests)
        site = Installation(here, of_tests, lake, server, instance)
        site.wait_for_servers()
        yield site


def _accounts(server: PostgresServer) -> None:
    for name, password in _PASSWORDS.items():
        server.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
    for database, owner in (("dagster", "dagster"), ("prices", "pricing")):
        server.execute(f"CREATE DATABASE {database} OWNER {owner}")
    may_read = "ALTER DEFAULT PRIVILEGES FOR ROLE pricing GRANT SELECT ON TABLES TO pricing_reader"
    server.execute(may_read, server.database("prices"))


@contextmanager
def _lake(folder: Path) -> Iterator[Lake]:
    """A delivered week on an HDFS whose data nodes pods reach as this machine does; its name node by a proxy."""
    with mini_hdfs(folder, address=ADDRESS) as hdfs, proxy_of(hdfs.ports[0], (ADDRESS, 8020)):
        administrator = hdfs_native.Client(hdfs.url)
        administrator.mkdirs(_LAKE, 0o755, True)
        administrator.set_owner(_LAKE, HADOOP_USER, HADOOP_USER)
        with patch.dict("os.environ", HADOOP_USER_NAME=HADOOP_USER):
            lake, known = Lake(hdfs.url + _LAKE), read_countries()
            deliver_sample(lake, parse_week(WEEK), [known[code] for code in COUNTRIES], articles=6)
        yield lake


def _of_the_tests(folder: Path) -> Path:
    (folder / "code" / "tests").mkdir(parents=True)
    shutil.copy(PROJECT / "tests" / "quick.py", folder / "code" / "tests")
    return writable(folder)


@contextmanager
def _dagster(folder: Path, server: PostgresServer) -> Iterator[dg.DagsterInstance]:
    """Its storage, of which the tests read."""
    home = folder / "dagster"
    home.mkdir()
    config = yaml.safe_load((DATA / "dagster.kubernetes.yaml").read_text())
    storage = config["storage"]["custom"]["config"]["postgres_db"]
    storage |= {"hostname": "127.0.0.1", "port": make_url(server.url).port, "username": "dagster", "db_name": "dagster"}
    storage["params"] |= WITHOUT_TLS
    (home / "dagster.yaml").write_text(yaml.safe_dump({"storage": config["storage"], "telemetry": {"enabled": False}}))
    os.environ["DAGSTER_PG_PASSWORD"] = _PASSWORDS["dagster"]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def _apply(here: Node, folder: Path) -> None:
    """What docs/kubernetes.md says, in its order; `DIFFERENCES` of adapted.py says what is other."""
    manifests = {file: [adapted(each) for each in documents(MANIFESTS / file)] for file in ORDER}
    _apply_all(here, manifests.pop("access.yaml"))
    _apply_all(here, volume_of_the_tests(folder))
    made = here.kubectl(*_made("configmap", "dagster"), f"--from-literal=dagster.yaml={dagster_yaml()}")
    here.kubectl("apply", "-f", "-", stdin=made)
    for name, content in _SECRETS.items():
        given = [f"--from-literal={variable}={_PASSWORDS[account]}" for variable, account in content.items()]
        here.kubectl("apply", "-f", "-", stdin=here.kubectl(*_made("secret", name), *given))
    for file in ("settings.yaml", "network.yaml", "servers.yaml"):
        _apply_all(here, manifests[file])


def _made(kind: str, name: str) -> list[str]:
    kinds = [kind] if kind == "configmap" else [kind, "generic"]
    return ["-n", NAMESPACE, "create", *kinds, name, "--dry-run=client", "-o", "json"]


def _apply_all(here: Node, manifests: list[dict[str, Any]]) -> None:
    here.kubectl("apply", "--validate=strict", "-f", "-", stdin=yaml.safe_dump_all(manifests))
