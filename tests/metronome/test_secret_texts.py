"""No secret stands as text where everybody can read it, however it is spelt."""

from typing import Any

import pytest

from markdown_pricing.metronome.secret_texts import names_a_secret, secrets_as_text, secrets_in

SECRET_NAMES = [
    *("DB_PASSWORD", "db_password", "Db-Password", "dbPassWord", "PGPASSWORD", "DB_PASS", "DB_PWD", "passphrase"),
    *("API_TOKEN", "apiToken", "authtoken", "AWS_SECRET_ACCESS_KEY", "aws_session_token", "CLIENTSECRET", "API_KEY"),
    *("private_key", "Authorization", "credentials", "AZURE_STORAGE_CONNECTION_STRING", "storage_account_key"),
]
OTHER_NAMES = [
    *("password_env", "private_key_file", "secret_name", "secretKeyRef", "key", "topologyKey", "AWS_ACCESS_KEY_ID"),
    *("DB_USER", "MARKDOWN_PRICING_LAKE", "TOKENIZERS_PARALLELISM", "compass", "partition", ""),
]
SECRET_TEXTS = [
    *("postgresql://pricing:hunter2@erp/prices", "https://:hunter2@mlflow", "s3://key:hunter2@bucket/lake"),
    *("postgresql://erp/prices?password=hunter2", "postgresql://erp/prices?sslmode=require&sslPassword=hunter2"),
    *(
        "host=erp password=hunter2",
        "DB_PASSWORD=hunter2",
        "--api-token=hunter2",
        "https://files/a?access_token=hunter2",
    ),
]
OTHER_TEXTS = [
    *("postgresql://pricing@erp:5432/prices", "hdfs://namenode:8020/data/production", "-c timezone=utc"),
    *("postgresql://erp/prices?sslmode=verify-full&passfile=/etc/pgpass", "a.b@example.com", ""),
]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_name_says_that_it_is_a_secret_whatever_its_case(name: str) -> None:
    assert all(names_a_secret(spelt) for spelt in (name, name.upper(), name.lower()))


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_where_a_secret_is_and_what_it_is_called_is_no_secret(name: str) -> None:
    assert not names_a_secret(name)


@pytest.mark.parametrize("text", SECRET_TEXTS)
def test_a_password_is_found_inside_a_text(text: str) -> None:
    assert list(secrets_in(text)) == ["hunter2"]


@pytest.mark.parametrize("text", OTHER_TEXTS)
def test_a_text_without_one_is_taken(text: str) -> None:
    assert not list(secrets_in(text))


def test_a_private_key_is_a_secret_whatever_it_is_called() -> None:
    assert list(secrets_as_text({"note": "-----BEGIN RSA PRIVATE KEY-----\nMIIE"})) == ["note"]


@pytest.mark.parametrize("name", SECRET_NAMES)
@pytest.mark.parametrize(
    ("place", "config"),
    [
        ("env.{name}", lambda name: {"env": {name: "hunter2"}}),
        ("env.{name}", lambda name: {"env": {name: {"env": "INNOCENT"}}}),
        ("env.INNOCENT", lambda name: {"env": {"INNOCENT": {"env": name}}}),
        ("env_vars[1]", lambda name: {"env_vars": ["DB_USER", name]}),
        ("env_vars[0]", lambda name: {"env_vars": [f"{name}=hunter2"]}),
        ("volumes[0].{name}", lambda name: {"volumes": [{name: "hunter2"}]}),
        ("a.b[0].env[0].{name}", lambda name: {"a": {"b": [{"env": [{"name": name, "value": "hunter2"}]}]}}),
        ("parameters[0].env", lambda name: {"parameters": [{"key": "env", "value": f"{name}=hunter2"}]}),
        ("deep.{name}", lambda name: {"deep": {name: 4711}}),
    ],
)
def test_a_secret_is_found_wherever_it_stands(name: str, place: str, config: Any) -> None:
    assert place.format(name=name) in set(secrets_as_text(config(name)))


@pytest.mark.parametrize("text", SECRET_TEXTS)
@pytest.mark.parametrize(
    ("place", "config"),
    [
        ("env.PLACE", lambda text: {"env": {"PLACE": text}}),
        ("args[1]", lambda text: {"args": ["run", text]}),
        ("artifacts[0].uri", lambda text: {"artifacts": [{"uri": text}]}),
        ("secrets.PLACE", lambda text: {"secrets": {"PLACE": text}}),
    ],
)
def test_a_url_with_a_password_is_found_wherever_it_stands(text: str, place: str, config: Any) -> None:
    assert list(secrets_as_text(config(text))) == [place]


@pytest.mark.parametrize(
    "config",
    [
        {"password": {"env": "DAGSTER_PG_PASSWORD"}, "password_env": "METRONOME_PASSWORD"},
        {"secrets": {"DB_PASSWORD": "markdown-pricing/erp-password"}, "env_secrets": ["markdown-pricing"]},
        {"image_pull_secrets": [{"name": "registry"}], "automount_service_account_token": False},
        {"volumes": [{"containerPath": "key.pem", "secret": "service-key"}, {"secret": {"secret_name": "tls"}}]},
        {"env": [{"name": "DB_PASSWORD", "value_from": {"secret_key_ref": {"name": "erp", "key": "password"}}}]},
        {"tag_concurrency_limits": [{"key": "markdown/country", "value": "DEU", "limit": 1}], "password": ""},
    ],
)
def test_a_secret_that_is_only_named_is_taken(config: dict[str, Any]) -> None:
    assert not list(secrets_as_text(config))


def test_names_that_an_installation_knows_are_found_too() -> None:
    assert list(secrets_as_text({"env": {"alerts": "slack://a/b/c"}}, known={"ALERTS"})) == ["env.alerts"]
