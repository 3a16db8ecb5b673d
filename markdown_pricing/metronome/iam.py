"""Login to DC/OS. A token is fetched when it is needed, and renewed before it ends and when it is refused."""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from threading import Lock

import httpx
import jwt

from .errors import Final, Transient

LOGIN_PATH = "/acs/api/v1/auth/login"
RENEW_BEFORE_S = 300.0
"""Seconds before its end at which a token is renewed, so that clocks may differ by minutes."""
SERVICE_TOKEN_LIFE_S = 30
"""Seconds for which a signed login is valid."""


@dataclass(frozen=True)
class Password:
    """A local user of the cluster, who logs in with a password."""

    uid: str
    password: str = field(repr=False)

    def login(self, now_s: float) -> dict[str, str]:
        """The body of the login; the time plays no part."""
        return {"uid": self.uid, "password": self.password}


@dataclass(frozen=True)
class ServiceAccount:
    """A service account, which signs its login with an RSA key in PEM."""

    uid: str
    private_key: str = field(repr=False)

    def login(self, now_s: float) -> dict[str, str]:
        """The body of the login, whose token holds for SERVICE_TOKEN_LIFE_S from `now_s` on, in seconds since 1970."""
        claims = {"uid": self.uid, "exp": int(now_s) + SERVICE_TOKEN_LIFE_S}
        return {"uid": self.uid, "token": jwt.encode(claims, self.private_key, algorithm="RS256")}


class DcosAuth(httpx.Auth):
    """Adds the token to every request. Threads whose token is old wait for a single login.

    Raises Final when the account is refused, Transient when the IAM can't be asked.
    """

    requires_response_body = True

    def __init__(
        self, cluster_url: str, account: Password | ServiceAccount, clock: Callable[[], float] = time.time
    ) -> None:
        self._url = cluster_url.rstrip("/") + LOGIN_PATH
        self._account = account
        self._clock = clock
        self._lock = Lock()
        self._token = ""
        self._renew_at_s = 0.0

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = yield from self._current(refused="")
        request.headers["Authorization"] = f"token={token}"
        response = yield request
        if response.status_code == 401:
            # Safe for every call: the Admin Router refuses a token before it passes anything on.
            token = yield from self._current(refused=token)
            request.headers["Authorization"] = f"token={token}"
            yield request

    def _current(self, refused: str) -> Generator[httpx.Request, httpx.Response, str]:
        with self._lock:
            if self._token == refused or self._clock() >= self._renew_at_s:
                login = httpx.Request("POST", self._url, json=self._account.login(self._clock()))
                response = yield login
                response.read()
                self._token = self._read(response)
                self._renew_at_s = _renewal_s(self._token, self._clock())
            return self._token

    def _read(self, response: httpx.Response) -> str:
        if response.status_code in (400, 401, 403):
            raise Final(
                f"The IAM at {self._url} refuses {self._account.uid} ({response.status_code}). "
                "Check the account's password or key, and the clock of this machine."
            )
        try:
            token = response.json()["token"] if response.is_success else None
        except (ValueError, KeyError, TypeError):
            token = None
        if not isinstance(token, str):
            raise Transient(f"The IAM at {self._url} gave no token: {response.status_code}.", may_have_acted=False)
        return token


def _renewal_s(token: str, now_s: float) -> float:
    """When to log in again: RENEW_BEFORE_S before the token's `exp`, or after half of the life of a short one."""
    try:
        ends_s = float(jwt.decode(token, options={"verify_signature": False})["exp"])
    except (jwt.PyJWTError, KeyError):
        return float("inf")  # the token does not say when it ends, so that it is renewed when it is refused
    return max(ends_s - RENEW_BEFORE_S, (now_s + ends_s) / 2)
