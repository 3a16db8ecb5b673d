"""The cluster as a Dagster resource; the launcher's configuration begins with the same fields."""

import os
import ssl
from functools import cached_property
from pathlib import Path

import dagster as dg
from pydantic import Field

from .client import Metronome
from .errors import Final
from .health import Limits
from .iam import DcosAuth, Password, ServiceAccount


class MetronomeResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where the cluster is, who asks, and how long to wait for it. Holds no secret, only where one is found."""

    url: str = Field(description="of the cluster, before /service/metronome: https://dcos.example.com")
    job_prefix: str = Field(
        default="dagster", description="of the ids of our jobs; no other installation on this cluster has the same"
    )
    ca_file: str | None = Field(default=None, description="CA of the cluster, in PEM; without it the system's CAs")
    uid: str | None = Field(default=None, description="account in the cluster's IAM; without it nobody logs in")
    password_env: str | None = Field(default=None, description="variable of the environment that holds its password")
    private_key_file: str | None = Field(default=None, description="or the file of a service account's key, in PEM")
    timeout_s: float = Field(default=30.0, description="for one call")
    retry_s: float = Field(default=30.0, description="for one call with its repetitions")
    queue_timeout_s: float = Field(default=Limits.queue_s, description="longest wait for room in the cluster")
    unseen_timeout_s: float = Field(default=Limits.unseen_s, description="after it a run that is nowhere is lost")
    exit_timeout_s: float = Field(default=Limits.exit_s, description="for a worker to exit when its run is over")

    @cached_property
    def metronome(self) -> Metronome:
        """The client, one for all threads. Raises Final when a file or a variable is missing."""
        return Metronome(self.url, self._auth(), self._verify(), timeout_s=self.timeout_s, retry_s=self.retry_s)

    @property
    def limits(self) -> Limits:
        return Limits(self.queue_timeout_s, self.unseen_timeout_s, self.exit_timeout_s)

    def _auth(self) -> DcosAuth | None:
        if self.uid is None:
            return None
        if self.private_key_file is not None:
            return DcosAuth(self.url, ServiceAccount(self.uid, _text(self.private_key_file, "private_key_file")))
        if self.password_env is None:
            raise Final(f"`uid` {self.uid} needs `password_env` or `private_key_file`.")
        if not (password := os.environ.get(self.password_env)):
            raise Final(f"`password_env`: the variable {self.password_env} is not set in the environment.")
        return DcosAuth(self.url, Password(self.uid, password))

    def _verify(self) -> ssl.SSLContext:
        if self.ca_file is None:
            return ssl.create_default_context()
        try:
            return ssl.create_default_context(cadata=_text(self.ca_file, "ca_file"))
        except ssl.SSLError as error:
            raise Final(f"`ca_file` {self.ca_file} is no certificate in PEM ({error}).") from None


def _text(path: str, name: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Final(f"`{name}` can't be read: {error}.") from None
