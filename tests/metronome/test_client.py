"""An answer of the cluster is read into a value, or into what is known about whether it has acted."""

import httpx
import pytest

from markdown_pricing.metronome.client import read
from markdown_pricing.metronome.errors import Transient

HTML, JSON = "text/html", "application/json"


@pytest.mark.parametrize(
    ("status", "kind", "text"),
    [
        (200, HTML, "<html>Welcome</html>"),
        (201, "text/plain", "pong"),
        (202, JSON, ""),
        (204, "", ""),
        (206, JSON, '{"id": "a'),
        (200, JSON, "null"),
        (200, JSON, "[]"),
        (200, JSON, '"a"'),
        (200, JSON, '{"message": "fine"}'),
        (201, JSON, "\udcff"),
    ],
)
def test_a_success_without_the_json_that_is_wanted_may_have_acted(status: int, kind: str, text: str) -> None:
    content = text.encode("utf-8", "surrogateescape")
    answer = httpx.Response(status, headers={"content-type": kind}, content=content)

    with pytest.raises(Transient, match=f"answered {status}.*Is `url` the cluster's") as error:
        read("POST /v1/jobs/a/runs", answer, keys=("id",))
    assert error.value.may_have_acted


@pytest.mark.parametrize(
    ("status", "may_have_acted"),
    [(302, False), (400, False), (404, False), (429, False), (503, False), (408, True), (500, True), (502, True)],
)
def test_a_router_that_answers_in_place_of_metronome_has_acted_or_not(status: int, may_have_acted: bool) -> None:
    answer = httpx.Response(status, headers={"content-type": HTML}, content=b"<html></html>")

    with pytest.raises(Transient) as error:
        read("POST /v1/jobs/a/runs", answer)
    assert error.value.may_have_acted is may_have_acted


def test_each_entry_of_a_list_is_looked_at() -> None:
    good = httpx.Response(200, json=[{"id": "a"}, {"id": "b"}])
    bad = httpx.Response(200, json=[{"id": "a"}, {"message": "b"}])

    assert read("GET /v1/jobs", good, keys=("id",), many=True) == [{"id": "a"}, {"id": "b"}]
    with pytest.raises(Transient, match="with id"):
        read("GET /v1/jobs", bad, keys=("id",), many=True)
