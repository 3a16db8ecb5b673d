"""The dashboard's saved objects hang together; each picture asks for fields that the template names and rounds fill.

There is no Kibana here. What a picture asks is asked of a real Elasticsearch instead, which answers from real lines.
"""

import json
from datetime import date
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.elastic.conftest import ELASTIC
from tests.elastic.node import Elasticsearch
from tests.elastic.rounds import Round, moved_to_its_monday

OBJECTS = [json.loads(line) for line in (ELASTIC / "dashboard.ndjson").read_text().splitlines()]
PICTURES = [one for one in OBJECTS if one["type"] == "visualization"]
TEMPLATE = json.loads((ELASTIC / "index_template.json").read_text())
INDEX = "markdown-pricing-dashboard"

Known = dict[str, Any]


def fields_of(properties: Known, before: str = "") -> dict[str, str]:
    """Field -> type of a mapping."""
    found: dict[str, str] = {}
    for name, mapping in properties.items():
        inner = mapping.get("properties")
        found |= fields_of(inner, f"{before}{name}.") if inner else {before + name: mapping["type"]}
    return found


FIELDS = fields_of(TEMPLATE["template"]["mappings"]["properties"])


def state(picture: Known) -> Known:
    return dict(json.loads(picture["attributes"]["visState"]))


def query(picture: Known) -> str:
    source = json.loads(picture["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
    assert source["indexRefName"] in {reference["name"] for reference in picture["references"]}
    return str(source["query"]["query"])


def asked(picture: Known) -> Known:
    """The aggregations that Kibana asks for, buckets inside buckets and the metrics innermost."""
    aggregations = state(picture)["aggs"]
    inner: Known = {
        one["id"]: _metric(one) for one in aggregations if one["schema"] == "metric" and one["type"] != "count"
    }
    for one in reversed([one for one in aggregations if one["schema"] != "metric"]):
        inner = {one["id"]: {"terms": {"field": one["params"]["field"], "size": one["params"]["size"]}, "aggs": inner}}
    return inner


def _metric(asked_for: Known) -> Known:
    params = asked_for["params"]
    if asked_for["type"] == "top_hits":
        newest = {"size": params["size"], "sort": [{params["sortField"]: params["sortOrder"]}]}
        return {"top_hits": {**newest, "docvalue_fields": [params["field"]], "_source": False}}
    return {asked_for["type"]: {"field": params["field"]}}


def test_every_reference_leads_to_an_object() -> None:
    known = {(one["type"], one["id"]) for one in OBJECTS}
    assert len(known) == len(OBJECTS)
    for one in OBJECTS:
        assert {(to["type"], to["id"]) for to in one["references"]} <= known


def test_the_dashboard_shows_every_picture_once_and_none_covers_another() -> None:
    [dashboard] = [one for one in OBJECTS if one["type"] == "dashboard"]
    panels = json.loads(dashboard["attributes"]["panelsJSON"])
    names = {f"{panel['panelIndex']}:{panel['panelRefName']}" for panel in panels}
    cells = [
        (panel["gridData"]["x"] + dx, panel["gridData"]["y"] + dy)
        for panel in panels
        for dx in range(panel["gridData"]["w"])
        for dy in range(panel["gridData"]["h"])
    ]

    assert names == {reference["name"] for reference in dashboard["references"]}
    assert sorted(to["id"] for to in dashboard["references"]) == sorted(picture["id"] for picture in PICTURES)
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 48  # Kibana's grid


def test_its_data_view_is_the_templates_index() -> None:
    [view] = [one for one in OBJECTS if one["type"] == "index-pattern"]

    assert [view["attributes"]["title"]] == TEMPLATE["index_patterns"]
    assert FIELDS[view["attributes"]["timeFieldName"]] == "date"


def test_filebeat_writes_to_the_templates_index_and_takes_our_lines_alone() -> None:
    filebeat = yaml.safe_load((ELASTIC / "filebeat.yml").read_text())
    [source] = filebeat["filebeat.inputs"]
    [drop] = source["processors"]

    assert filebeat["output.elasticsearch"]["index"].startswith(TEMPLATE["index_patterns"][0].rstrip("*"))
    assert drop["drop_event"]["when.not.equals"] == {"service.name": "markdown-pricing"}
    assert source["parsers"][0] == {"container": {"stream": "stdout"}}


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture["id"])
def test_a_picture_asks_for_known_fields_and_gets_an_answer(
    picture: Known, kept: Elasticsearch, good: Round, bad: Round
) -> None:
    words = [clause.split(":")[0].strip(" ()") for clause in query(picture).replace(" or ", " and ").split(" and ")]
    aggregated = [one["params"]["field"] for one in state(picture)["aggs"] if "field" in one["params"]]
    body = {"size": 0, "query": {"query_string": {"query": _lucene(query(picture))}}, "aggs": asked(picture)}

    answer = kept.ask("POST", f"{INDEX}/_search", body)

    assert set(words + aggregated) <= FIELDS.keys()
    assert all(FIELDS[name] != "match_only_text" for name in aggregated)
    assert answer["hits"]["total"]["value"] > 0
    [outermost] = answer["aggregations"].values()
    names = {bucket.get("key_as_string", bucket["key"]) for bucket in outermost["buckets"]}
    assert names <= {"DEU", "AUT", "POL"} or {date.fromisoformat(name) for name in names} <= {good.week, bad.week}
    assert all(
        bucket[metric]["value"] is not None for bucket in outermost["buckets"] for metric in _metrics(picture, bucket)
    )


def test_a_country_that_is_priced_twice_in_a_week_counts_once_with_what_was_priced_last(
    kept: Elasticsearch, good: Round
) -> None:
    [picture] = [one for one in PICTURES if one["id"] == "markdown-pricing-stake"]
    lines = [line for line in moved_to_its_monday(good) if line["event"]["action"] == "markdown_predictions"]
    of_the_first = lines[0]["markdown"] | {"stake_eur": 12.5}
    again = {**lines[0], "@timestamp": f"{good.week}T23:00:00.000Z", "markdown": of_the_first}
    index = f"{INDEX}-twice"
    kept.keep(index, [*lines, again])
    body = {"size": 0, "query": {"query_string": {"query": _lucene(query(picture))}}, "aggs": asked(picture)}

    [weeks] = kept.ask("POST", f"{index}/_search", body)["aggregations"].values()
    [week] = weeks["buckets"]
    of_countries = {
        bucket["key"]: [hit["fields"]["markdown.stake_eur"][0] for hit in bucket["1"]["hits"]["hits"]]
        for bucket in week["3"]["buckets"]
    }

    stakes = {line["markdown"]["country"]: [line["markdown"]["stake_eur"]] for line in lines}
    assert of_countries == stakes | {of_the_first["country"]: [12.5]}


@pytest.fixture(scope="module")
def kept(elastic: Elasticsearch, good: Round, bad: Round) -> Elasticsearch:
    for one in (good, bad):
        elastic.keep(INDEX, moved_to_its_monday(one))
    return elastic


def _metrics(picture: Known, bucket: Known) -> list[str]:
    """Those of the outermost bucket; one that has buckets of its own has its metrics inside."""
    metrics = [one["id"] for one in state(picture)["aggs"] if one["schema"] == "metric"]
    return [metric for metric in metrics if metric in bucket]


def _lucene(kuery: str) -> str:
    return kuery.replace(" and ", " AND ").replace(" or ", " OR ").replace(" : ", ":")
