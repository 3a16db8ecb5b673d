"""A real pgbouncer in transaction mode, with one connection to the server that all its clients share in turn."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

from tests.postgres.server import PostgresServer
from tests.processes import answers, free_port, wait_until

_SETTINGS = """[databases]
* = host={host} port={port} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
auth_type = any
pool_mode = transaction
default_pool_size = 1
unix_socket_dir =
"""


class PgbouncerMissing(Exception):
    """This machine has no pgbouncer."""


@contextmanager
def pgbouncer(server: PostgresServer) -> Iterator[int]:
    """Start it before the server, on the port that is given, and end it afterwards.

    raises PgbouncerMissing
    """
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise PgbouncerMissing("no pgbouncer found (Debian: apt-get install pgbouncer)")
    behind, own = make_url(server.url), free_port()
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as folder:
        settings = Path(folder) / "pgbouncer.ini"
        settings.write_text(_SETTINGS.format(host=behind.host, port=behind.port, user=server.user, own=own))
        Path(folder).chmod(0o755)
        owner = ["-u", "postgres"] if os.geteuid() == 0 else []  # it refuses to run as root
        with subprocess.Popen([program, *owner, settings], stderr=subprocess.DEVNULL) as running:
            try:
                wait_until("pgbouncer listens", lambda: answers(own) or None, 10, lambda: running.poll(), every_s=0.02)
                yield own
            finally:
                running.kill()
