"""Say what is wrong with a value that does not fit its declared field, in plain words for whoever wrote it."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError

PLAIN = {
    "int_type": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "finite_number": "should be a number",
    "date_type": "should be a date like 2026-12-21",
    "date_from_datetime_parsing": "should be a date like 2026-12-21",
    "tuple_type": "should be a list",
    "frozen_set_type": "should be a list",
    "string_type": "should be a text",
    "too_short": "should have at least {min_length} of them",
    "greater_than": "should be above {gt:g}",
    "greater_than_equal": "should be at least {ge:g}",
    "less_than": "should be below {lt:g}",
    "less_than_equal": "should be at most {le:g}",
}
"""Pydantic's kinds of error in plain words. For any other kind Pydantic's own words stay."""


def faults_of(
    error: ValidationError,
    given: Mapping[str, Any],
    known: Collection[str],
    called: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """A line for each field of `given` that is wrong, by the field's name.

    known  : the declared fields, which are listed when `given` has another one
    called : for fields that the reader knows by another name, that name
    """
    faults: dict[str, str] = {}
    for name in given:
        own = [detail for detail in error.errors() if detail["loc"][:1] == (name,)]
        # Pydantic says of a list with a bad entry that it is too short, too; the entries' own faults say it better.
        entries = [detail for detail in own if len(detail["loc"]) > 1]
        if name not in known:
            faults[name] = f"{name} is unknown; known are {', '.join(known)}"
        elif own:
            said = "; ".join(
                f"{as_written(detail['input']) if entries else 'it'} {_predicate(detail)}" for detail in entries or own
            )
            faults[name] = f"{(called or {}).get(name, name)} = {as_written(given[name])}: {said}"
    return faults


def as_written(value: object) -> str:
    """A value as it would be written in a file, and not as Python would print it."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _predicate(detail: Mapping[str, Any]) -> str:
    context = detail.get("ctx", {})
    if detail["type"] == "value_error":
        return str(context["error"])
    if detail["type"] in PLAIN:
        return PLAIN[detail["type"]].format(**context)
    _, should, said = str(detail["msg"]).partition("should ")
    return should + said if should else str(detail["msg"])
