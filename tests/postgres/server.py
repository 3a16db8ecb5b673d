"""A real PostgreSQL of Debian's programs, for as long as it is needed."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from sqlalchemy import make_url

from tests.processes import free_port

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
    # Far from UTC, so that a time written without its zone shows.
    "timezone": "America/New_York",
}
WITHOUT_TLS = {"sslmode": "disable"}
"""For a storage of Dagster's there: the server has no certificate, and no network lies between it and its tests."""
# Roles that a test makes need their password; the owner does not.
_LOGINS = "host all {owner} 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


class PostgresMissing(Exception):
    """This machine has no PostgreSQL programs."""


@dataclass(frozen=True)
class PostgresServer:
    """A running server; `url` is its first database, without password."""

    url: str
    user: str
    password: str | None = None

    def fresh_database(self, template: str = "template1") -> str:
        """The URL of a new database: empty, or a copy of the one of that name, to which nobody is connected."""
        name = f"test_{uuid4().hex}"
        self.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return self.database(name)

    def database(self, name: str) -> str:
        """The URL of the database of that name."""
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def execute(self, statement: sql.SQL | sql.Composed | str, database: str | None = None) -> None:
        """Run one statement as the owner, in the database of that URL."""
        query = sql.SQL(statement) if isinstance(statement, str) else statement
        with psycopg.connect(
            database or self.url, user=self.user, password=self.password, autocommit=True
        ) as connection:
            connection.execute(query)

    def dump(self, database: str) -> str:
        """Everything in the database of that name, as text."""
        command = [str(_programs() / "pg_dump"), "--inserts", make_conninfo(self.url, dbname=database, user=self.user)]
        environment = {**os.environ, "PGPASSWORD": self.password or ""}
        return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


@contextmanager
def postgres_server(
    data_dir: Path | None = None, certificate: tuple[Path, Path] | None = None
) -> Iterator[PostgresServer]:
    """Start a server on a free port of 127.0.0.1, about two seconds, and stop it at the end.

    data_dir     where its files go; by default a temporary folder, as root one that its own user can reach
    certificate  the files of a certificate and of its key, with which the server speaks TLS
    With ERP_TEST_URL (and DB_USER, DB_PASSWORD) set, that server is used; its user must be able to create databases.
    raises PostgresMissing
    """
    if (url := os.environ.get("ERP_TEST_URL")) and certificate is None:
        yield PostgresServer(url, os.environ.get("DB_USER", "postgres"), os.environ.get("DB_PASSWORD"))
        return
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="postgres-")) if data_dir is None else data_dir
    owner = "postgres" if os.geteuid() == 0 else None
    if owner:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.chown(folder, owner)
    user = owner or pwd.getpwuid(os.geteuid()).pw_name
    try:
        initdb, data = str(programs / "initdb"), str(folder / "data")
        _run([initdb, "-D", data, "-U", user, "-A", "trust", "-E", "UTF8", "--no-sync"], owner)
        (folder / "data" / "pg_hba.conf").write_text(_LOGINS.format(owner=user))
        port = free_port()
        settings = {**_SETTINGS, "port": port, **(_tls(certificate, folder / "data", owner) if certificate else {})}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        control = [str(programs / "pg_ctl"), "-D", data, "-w"]
        try:
            _run([*control, "-l", str(folder / "log"), "-o", f"{options} -k {folder}", "start"], owner)
            query = urlencode(WITHOUT_TLS)
            yield PostgresServer(f"postgresql://{user}@127.0.0.1:{port}/postgres?{query}", user)
        finally:
            _run([*control, "-m", "immediate", "stop"], owner)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tls(certificate: tuple[Path, Path], folder: Path, owner: str | None) -> dict[str, str]:
    """The settings for TLS; PostgreSQL takes a key that its own user alone can read."""
    mine = [Path(shutil.copy(file, folder)) for file in certificate]
    for file in mine:
        file.chmod(0o600)
        if owner:
            shutil.chown(file, owner)
    return {"ssl": "on", "ssl_cert_file": str(mine[0]), "ssl_key_file": str(mine[1])}


def _programs() -> Path:
    """The folder of initdb and pg_ctl."""
    candidates = []
    if config := shutil.which("pg_config"):
        candidates.append(Path(subprocess.check_output([config, "--bindir"], text=True).strip()))
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    candidates += [Path(found).parent for found in [shutil.which("initdb")] if found]
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    raise PostgresMissing("no initdb and pg_ctl found (Debian: apt-get install postgresql)")


def _run(command: list[str], owner: str | None) -> None:
    """PostgreSQL refuses to run as root."""
    # A file, not a pipe: the server inherits it and would keep a pipe open.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, user=owner, group=owner, cwd="/"
        )
        output.seek(0)
        if done.returncode:
            raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{output.read()}")
