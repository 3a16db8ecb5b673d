"""The cluster as Dagster's configuration names it: the launcher's in dagster.yaml begins with these fields."""

import os
import ssl
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import dagster as dg
from dagster._config import process_config
from dagster._serdes import ConfigurableClassData
from pydantic import Field

from .client import Metronome
from .errors import Final
from .health import Patience
from .iam import DcosAuth, Password, ServiceAccount
from .loopback import is_loopback


class MetronomeResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where the cluster is, which account asks it, and how long to wait. It names where secrets are, and holds none."""

    url: str = Field(description="The cluster's address, without /service/metronome: https://dcos.example.com")
    job_prefix: str = Field(
        default="dagster",
        description="The text with which the ids of our jobs begin. Each installation on a cluster needs its own.",
    )
    ca_file: str | None = Field(default=None, description="The cluster's CA in PEM; without it the system's.")
    uid: str | None = Field(default=None, description="The account in the cluster's IAM; without it there is no login.")
    password_env: str | None = Field(default=None, description="The variable that holds the account's password.")
    private_key_file: str | None = Field(default=None, description="The file of a service account's key, in PEM.")
    timeout_s: float = Field(default=30.0, description="Seconds that one call may take.")
    retry_s: float = Field(default=30.0, description="Seconds that one call and its repetitions may take.")
    queue_timeout_s: float = Field(
        default=Patience.queue_s, description="Seconds that a run may wait for the cluster to answer, and for room."
    )
    unseen_timeout_s: float = Field(default=Patience.unseen_s, description="Seconds after which an unseen run is lost.")
    exit_timeout_s: float = Field(
        default=Patience.exit_s, description="Seconds for a worker to exit when its run is over."
    )

    @cached_property
    def metronome(self) -> Metronome:
        """The client, which all threads share. Raises Final when a file or a variable is missing."""
        return Metronome(self.url, self._auth(), self._verify(), timeout_s=self.timeout_s, retry_s=self.retry_s)

    @property
    def patience(self) -> Patience:
        """For how long each thing that may last is waited for."""
        return Patience(self.queue_timeout_s, self.unseen_timeout_s, self.exit_timeout_s)

    def _auth(self) -> DcosAuth | None:
        if self.uid is None:
            return None
        if self.url.startswith("http://") and not is_loopback(urlsplit(self.url).hostname or ""):
            raise Final(f"`url` {self.url} would send the account's login in clear over the network: give https://.")
        if self.private_key_file is not None:
            return DcosAuth(self.url, ServiceAccount(self.uid, _text(self.private_key_file, "private_key_file")))
        if self.password_env is None:
            raise Final(f"`uid` {self.uid} needs `password_env` or `private_key_file`.")
        # dagster.yaml names the variable, so that the password itself stands in no configuration that Dagster keeps.
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


def cluster_of(launcher: ConfigurableClassData | None) -> MetronomeResource | None:
    """The cluster that `run_launcher` of dagster.yaml names; None where runs go to no Metronome.

    Its fields alone are read, so that who asks needs none of the variables that describe the containers. Raises Final
    when one of its own is missing or wrong.
    """
    fields = MetronomeResource.to_fields_dict()
    given = {name: value for name, value in launcher.config_dict.items() if name in fields} if launcher else {}
    if "url" not in given:
        return None
    result = process_config(fields, given)
    if not result.success:
        faults = "".join(f"\n  - {error.message}" for error in result.errors or [])
        raise Final(f"dagster.yaml, run_launcher: the cluster can't be read from this process:{faults}")
    return MetronomeResource.model_validate(result.value)


def _text(path: str, name: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Final(f"`{name}` can't be read: {error}.") from None
