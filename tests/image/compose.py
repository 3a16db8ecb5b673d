"""docker/compose.yaml by its parts: each of its three servers as a container, without the images that nobody can pull.

What is other than there, because this machine has no image registry and no Docker:
- PostgreSQL is Debian's own on this machine, so that its host and port are others;
- the lake is a folder that is mounted, in place of an HDFS;
- the containers share this machine's network, so that code server and page listen on free ports;
- the root file system is read-only and no capability is left, as on Kubernetes, which compose does not ask for.
"""

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import yaml  # type: ignore[import-untyped]
from sqlalchemy import make_url

from tests.image.conftest import LAKE, PROJECT, WEEK, Delivered, delivered
from tests.image.containers import HOME, USER, Container, started, writable
from tests.postgres.server import PostgresServer
from tests.processes import free_port, wait_until

FILE = PROJECT / "docker" / "compose.yaml"
CODE_SERVER, PAGE = 4000, 3000
"""The ports of code server and page in compose."""


@dataclass(frozen=True)
class Site:
    """An installation of compose's; `extra` is what its containers have in their environment beside it."""

    image: str
    folder: Path
    lake: Delivered
    erp: str
    storage: str
    postgres: PostgresServer
    extra: Mapping[str, str] = field(default_factory=dict)
    ports: dict[int, int] = field(default_factory=lambda: {CODE_SERVER: free_port(), PAGE: free_port()})

    @contextmanager
    def server(self, name: str) -> Iterator[Container]:
        """The service of that name, once it is healthy by the check that compose or the image has for it."""
        service = yaml.safe_load(FILE.read_text())["services"][name]
        command = list(service["command"])
        options = ["--stop-signal", service.get("stop_signal", "SIGTERM")]
        if name == "web-server":
            command += ["--port", str(self.ports[PAGE])]
        if check := service.get("healthcheck"):
            # As a line for the shell: podman 4.3 splits a list at its spaces.
            line = shlex.join(check["test"][1:]).replace(f"localhost/{PAGE}", f"localhost/{self.ports[PAGE]}")
            options += ["--health-cmd", line]
        how: dict[str, Any] = {"environment": self._environment(service), "volumes": self._volumes()}
        with started(self.image, *command, **how, options=options) as container:
            wait_until(f"{name} is healthy", container.is_healthy, 240, container.logs, every_s=1)
            yield container

    def instance(self) -> dg.DagsterInstance:
        """Dagster as the servers see it."""
        os.environ["DAGSTER_PG_PASSWORD"] = self._password
        return dg.DagsterInstance.from_config(str(self.folder))

    @property
    def _password(self) -> str:
        return self.postgres.password or "not asked for"

    def _environment(self, service: Mapping[str, Any]) -> dict[str, str]:
        """compose's own, with the places of this machine."""
        storage = make_url(self.storage)
        other = {
            "MARKDOWN_PRICING_LAKE": LAKE,
            "MARKDOWN_PRICING_ERP": _without_account(self.erp),
            "MARKDOWN_PRICING_START_WEEK": WEEK,
            "MARKDOWN_PRICING_CODE_SERVER": "127.0.0.1",
            "MARKDOWN_PRICING_CODE_SERVER_PORT": str(self.ports[CODE_SERVER]),
            "DAGSTER_PG_HOST": str(storage.host),
            "DAGSTER_PG_USER": self.postgres.user,
            "DAGSTER_PG_DB": str(storage.database),
            "DB_USER": self.postgres.user,
        }
        secrets = {"DB_PASSWORD": self._password, "DAGSTER_PG_PASSWORD": self._password}
        given = {name: str(value) for name, value in service["environment"].items()}
        assert set(other) - {"MARKDOWN_PRICING_CODE_SERVER_PORT", "DB_USER"} <= set(given)
        return {**given, **other, **{name: secrets[name] for name in secrets if name in given}, **self.extra}

    def _volumes(self) -> dict[Path, str]:
        files = {self.folder / "dagster.yaml": f"{HOME}/dagster.yaml:ro", self.folder / "workers": f"{HOME}/workers"}
        return {**self.lake.volumes, **files}


def settled(image: str, folder: Path, postgres: PostgresServer, **extra: str) -> Site:
    """Databases, compose's dagster.yaml with this PostgreSQL's port, and a delivered week; nothing runs yet."""
    site = Site(
        *(image, folder, delivered(folder / "lake"), postgres.fresh_database(), postgres.fresh_database(), postgres),
        extra,
    )
    storage = make_url(site.storage)
    config = yaml.safe_load((PROJECT / "docker" / "dagster.yaml").read_text())
    to_storage = config["storage"]["custom"]["config"]["postgres_db"]
    to_storage |= {"port": storage.port, "hostname": str(storage.host), "db_name": storage.database}
    to_storage["username"] = postgres.user
    (folder / "dagster.yaml").write_text(yaml.safe_dump(config))
    (folder / "dagster.yaml").chmod(0o644)
    writable(folder / "workers")
    os.chown(folder / "workers", USER, USER)
    return site


def _without_account(erp: str) -> str:
    url = make_url(erp).update_query_dict({"sslmode": "disable"}).set(username=None, password=None)
    return url.render_as_string()
