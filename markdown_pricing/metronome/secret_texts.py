"""Find secrets that stand as text where everybody can read them, whatever their spelling, in lists and URLs, too.

A launcher's configuration goes into every job twice: as the container's environment, and in the arguments that tell the
worker where its storage is. So a secret may be named there, as `{env: NAME}` or by its path in the secret store, but
never be written.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from urllib.parse import unquote

_PARTS = ("password", "passwd", "passphrase", "secret", "credential", "connectionstring", "privatekey", "apikey")
"""A name that contains one of these, written in one word, names a secret: PGPASSWORD, clientSecret, Api-Key."""
_WORDS = {"pass", "pwd", "pw", "authorization"}
_LAST_WORDS = ("token", "key")
"""What a name ends with that names a secret: GITHUB_TOKEN, STORAGE_KEY. A lone `key` is the key of anything."""
_PLACES = {"env", "file", "path", "name", "ref"}
"""What a name ends with that says where a secret is: `password_env`, `private_key_file`."""
_LISTS_OF_NAMES = {"secrets", "envsecrets", "imagepullsecrets"}
"""Keys below which secrets are named: variable -> path in the store, or the names of Kubernetes' Secrets."""
_NO_SECRETS = {"topologykey"}
"""Kubernetes calls the label of a node so."""

Names = Callable[[str], bool]

# Behind a port, an @ in the path or in the options ends no password.
_IN_URL = re.compile(r"://[^:/?#@\s]*:(?!\d{1,5}[/?])([^@\s]+)@")
_ASSIGNED = re.compile(r"""(?:^|[?&;,\s"'])-*([\w.-]+)\s*=\s*([^\s&;,"']+)""")
_PEM_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")


def names_a_secret(name: str) -> bool:
    """Whether a variable or key of this name holds a secret, whatever its case.

    >>> [names_a_secret(name) for name in ("DB_PASSWORD", "apiToken", "Aws-Secret-Access-Key", "password_env", "key")]
    [True, True, True, False, False]
    """
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]
    joined = "".join(words)
    if not words or words[-1] in _PLACES or joined in _NO_SECRETS | _LISTS_OF_NAMES:
        return False
    return (
        any(part in joined for part in _PARTS)
        or not _WORDS.isdisjoint(words)
        or joined.endswith("token")
        or (len(words) > 1 and words[-1] in _LAST_WORDS)
    )


def secrets_in(text: str) -> Iterator[str]:
    """The secrets inside a text: in a URL, in its query, in `NAME=value`, and a private key.

    >>> list(secrets_in("postgresql://erp/prices?user=a&Password=hush"))
    ['hush']
    """
    yield from _IN_URL.findall(text)
    yield from (value for name, value in _ASSIGNED.findall(text) if names_a_secret(unquote(name)))
    if _PEM_KEY.search(text):
        yield text


def secrets_as_text(config: object, known: Collection[str] = ()) -> Iterator[str]:
    """Where a configuration holds a secret as text: `run_launcher.config.env.DB_PASSWORD`. Values are never told.

    known : further names, in capitals, whose values are secrets
    """
    return _below(config, "", lambda name: names_a_secret(name) or name.upper() in known)


def _below(value: object, place: str, is_secret: Names) -> Iterator[str]:
    if isinstance(value, str):
        if any(secrets_in(value)):
            yield place
    elif isinstance(value, Mapping):
        name = value.get("name", value.get("key"))
        if "value" in value and isinstance(name, str):
            value = {**value, name: value["value"]}  # as Kubernetes and Docker write a variable
        for key, inner in value.items():
            if not (key == "secret" and "containerPath" in value):  # the name of a secret that becomes a file
                yield from _entry(str(key), inner, f"{place}.{key}".lstrip("."), is_secret)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _below(inner, f"{place}[{number}]", is_secret)


def _entry(key: str, value: object, place: str, is_secret: Names) -> Iterator[str]:
    if _joined(key) in _LISTS_OF_NAMES:
        yield from _below(value, place, lambda name: False)
    elif is_secret(key) and _is_text(value):
        yield place
    elif key == "env" and isinstance(value, Mapping):
        # A reference is resolved here by the launcher: in the job it is text.
        resolved = {str(name): inner["env"] for name, inner in value.items() if _is_reference(inner)}
        yield from (f"{place}.{name}" for name, variable in resolved.items() if is_secret(name) or is_secret(variable))
        yield from _below({name: inner for name, inner in value.items() if name not in resolved}, place, is_secret)
    elif key == "env_vars" and isinstance(value, list):
        # dagster-k8s takes the value of a lone name from its own environment, and writes it into the job.
        yield from (f"{place}[{number}]" for number, name in enumerate(value) if is_secret(str(name).partition("=")[0]))
        yield from _below(value, place, lambda name: False)
    else:
        yield from _below(value, place, is_secret)


def _is_text(value: object) -> bool:
    """A number is a PIN; a switch such as automountServiceAccountToken is no secret."""
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""


def _is_reference(value: object) -> bool:
    return isinstance(value, Mapping) and set(value) == {"env"}


def _joined(name: str) -> str:
    return "".join(re.findall("[a-z]", name.lower()))
