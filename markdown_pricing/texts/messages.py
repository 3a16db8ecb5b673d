"""Send messages to people by mail, Slack, Teams and many more services, each named by a URL.

https://appriseit.com/services lists them. A server that is down, slow or full delays its caller by at most WITHIN_S:
the attempt is left to a thread of its own, and while that hangs nothing more is sent to the same server.
"""

from functools import cache
from threading import Thread
from typing import Any

from markdown_pricing.errors import UsageError
from markdown_pricing.metronome.loopback import is_loopback
from markdown_pricing.texts.words import install

WITHIN_S = 10.0
"""Seconds that one message may take; the sensor that sends them looks every minute."""

_hanging: dict[str, Thread] = {}


class BadMessageUrl(UsageError):
    """The URL is none that apprise knows. The message never holds the URL, because there may be a password in it."""

    def __init__(self) -> None:
        super().__init__(
            "MARKDOWN_PRICING_ALERTS has a URL that apprise does not know. Examples: "
            "mailto://mail.example.com?from=a@example.com&to=b@example.com, slack://…, msteams://…; see "
            "https://appriseit.com/services."
        )


class UnsafeMessageUrl(UsageError):
    """The password in the URL would be sent in clear. The message never holds the URL."""

    def __init__(self, service: str, host: str) -> None:
        super().__init__(
            f"MARKDOWN_PRICING_ALERTS would send a password in clear to {host} ({service}): give the URL of the kind "
            "that is encrypted, such as jsons:// in place of json://, and mailtos:// in place of mailto://."
        )


class AppriseMissing(UsageError):
    def __init__(self) -> None:
        super().__init__(f"MARKDOWN_PRICING_ALERTS needs apprise. Run in the checkout: {install('alerts')}")


def send(url: str, title: str, body: str, within_s: float = WITHIN_S) -> str:
    """Send a message. Returns why it did not arrive in that time, or an empty text when it did.

    Raises BadMessageUrl, UnsafeMessageUrl and AppriseMissing.
    """
    service = _service(url)
    name = str(service.service_name)  # the kind of service, without its address
    if url in _hanging and _hanging[url].is_alive():
        return f"{name} still does not answer"
    said = [f"{name} does not answer"]

    def attempt() -> None:
        try:
            said[0] = (
                "" if service.notify(body=body, title=title, body_format="text") else f"{name} did not take the message"
            )
        except Exception as error:
            said[0] = f"{name} did not take the message: {type(error).__name__}"

    _hanging[url] = thread = Thread(target=attempt, daemon=True, name="message")
    thread.start()
    thread.join(within_s)
    return said[0]


@cache
def _service(url: str) -> Any:
    try:
        from apprise import Apprise
    except ImportError as error:
        raise AppriseMissing() from error
    service = Apprise.instantiate(url, suppress_exceptions=True)
    if service is None:
        raise BadMessageUrl()
    # A kind of service with one scheme alone, which is then `secure_protocol`, is always encrypted.
    in_clear = bool(service.protocol) and not service.secure
    if service.password and in_clear and not is_loopback(service.host or ""):
        raise UnsafeMessageUrl(str(service.service_name), str(service.host))
    return service
