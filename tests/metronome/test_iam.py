"""A token that is there when it is needed."""

import ssl
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from markdown_pricing.metronome import MetronomeResource
from markdown_pricing.metronome.client import Metronome
from markdown_pricing.metronome.errors import Final
from markdown_pricing.metronome.iam import RENEW_BEFORE_S, DcosAuth, Password
from tests.doubles.dcos import Dcos
from tests.metronome.servers import cluster_settings

LOGIN = "POST /acs/api/v1/auth/login"


@pytest.fixture
def key_file(tmp_path: Path, dcos: Dcos) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM
    dcos.keys["service"] = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    file = tmp_path / "key.pem"
    plain = serialization.NoEncryption()
    file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return file


def test_a_service_account_logs_in_with_its_key(dcos: Dcos, key_file: Path) -> None:
    of_service = {"uid": "service", "private_key_file": str(key_file), "password_env": None}
    cluster = MetronomeResource.model_validate(cluster_settings(dcos) | of_service)

    assert cluster.metronome.version() == (0, 6, 33)
    assert cluster.metronome.queue() == {}
    assert dcos.requests.count(LOGIN) == 1


def test_a_token_is_renewed_before_it_ends(dcos: Dcos) -> None:
    now_s = time.time()
    auth = DcosAuth(dcos.url, Password("robot", "let-me-in"), clock=lambda: now_s)
    metronome = Metronome(dcos.url, auth, ssl.create_default_context(cafile=dcos.ca_file))
    metronome.jobs()
    now_s += dcos.token_life_s - RENEW_BEFORE_S - 1
    metronome.jobs()
    assert dcos.requests.count(LOGIN) == 1

    now_s += 2
    metronome.jobs()
    assert dcos.requests.count(LOGIN) == 2


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ({"password_env": "NOT_SET"}, "NOT_SET is not set"),
        ({"password_env": None}, "needs `password_env` or `private_key_file`"),
        ({"private_key_file": "/nowhere/key.pem"}, "/nowhere/key.pem"),
        ({"ca_file": "/nowhere/ca.crt"}, "/nowhere/ca.crt"),
    ],
)
def test_what_is_missing_is_named(dcos: Dcos, missing: dict[str, str | None], told: str) -> None:
    with pytest.raises(Final, match=told):
        _ = MetronomeResource.model_validate(cluster_settings(dcos) | missing).metronome


@pytest.mark.parametrize("host", ["dcos.example.com", "127.0.0.1.example.com"])
def test_the_login_is_not_sent_in_clear_over_a_network(dcos: Dcos, host: str) -> None:
    """A service account's token is not sent in clear either: with it anybody could start jobs."""
    given = cluster_settings(dcos) | {"url": f"http://{host}"}

    with pytest.raises(Final, match=rf"http://{host} would send the account's login in clear.*https://"):
        _ = MetronomeResource.model_validate(given).metronome
    for safe in ({"url": f"https://{host}"}, {"url": "http://localhost:1"}, {"uid": None}):
        assert MetronomeResource.model_validate(given | safe).metronome


def test_the_password_is_in_no_text_of_the_resource(cluster: MetronomeResource) -> None:
    cluster.metronome.jobs()

    assert "let-me-in" not in repr(cluster) + repr(vars(cluster.metronome)) + repr(cluster.metronome._http.auth)
