"""The JSON Schema that editors use."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from nines.config import schema
from nines.config.document import read_yaml

ROOT = Path(__file__).parents[3]
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
# What a validator may pass over; any other word that it does not know is an error of the test.
_SILENT = {"$schema", "$id", "$defs", "title", "description", "default", "examples", "format"}


def complaints(schema: Mapping[str, Any], data: object, root: Mapping[str, Any]) -> Iterator[str]:
    """Where `data` is not as the schema says: enough of draft 2020-12 for this schema."""
    for word, wanted in schema.items():
        if word in _SILENT or word in ("additionalProperties", "patternProperties"):
            continue
        yield from _RULES[word](wanted, data, root)
    if isinstance(data, dict):
        yield from _other_keys(schema, data, root)


def _reference(wanted: str, data: object, root: Mapping[str, Any]) -> Iterator[str]:
    yield from complaints(root["$defs"][wanted.removeprefix("#/$defs/")], data, root)


def _any_of(wanted: list[Any], data: object, root: Mapping[str, Any]) -> Iterator[str]:
    if all(any(True for _ in complaints(option, data, root)) for option in wanted):
        yield f"{data!r} fits none of {wanted}"


def _type(wanted: str | list[str], data: object, _: Mapping[str, Any]) -> Iterator[str]:
    names = [wanted] if isinstance(wanted, str) else wanted
    fits = [
        isinstance(data, _TYPES[name]) and (name == "boolean" or not isinstance(data, bool))
        for name in names
    ]
    if not any(fits):
        yield f"{data!r} is no {wanted}"


def _properties(wanted: Mapping[str, Any], data: object, root: Mapping[str, Any]) -> Iterator[str]:
    for key, below in wanted.items():
        if isinstance(data, dict) and key in data:
            yield from complaints(below, data[key], root)


def _required(wanted: list[str], data: object, _: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{key} is missing" for key in wanted if isinstance(data, dict) and key not in data)


def _items(wanted: Mapping[str, Any], data: object, root: Mapping[str, Any]) -> Iterator[str]:
    for item in data if isinstance(data, list) else ():
        yield from complaints(wanted, item, root)


def _names(wanted: Mapping[str, Any], data: object, root: Mapping[str, Any]) -> Iterator[str]:
    for key in data if isinstance(data, dict) else ():
        yield from complaints(wanted, key, root)


def _pattern(wanted: str, data: object, _: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(data, str) and re.search(wanted, data) is None:
        yield f"{data!r} does not match {wanted}"


def _bound(wanted: float, data: object, _: Mapping[str, Any], *, sign: int) -> Iterator[str]:
    if isinstance(data, int | float) and sign * (data - wanted) < 0:
        yield f"{data!r} is beyond {wanted}"


def _length(wanted: int, data: object, _: Mapping[str, Any], *, sign: int) -> Iterator[str]:
    if isinstance(data, str | list) and sign * (len(data) - wanted) < 0:
        yield f"{data!r} has another length than {wanted}"


def _other_keys(
    schema: Mapping[str, Any], data: dict[str, Any], root: Mapping[str, Any]
) -> Iterator[str]:
    patterns = schema.get("patternProperties", {})
    for key, value in data.items():
        if key in schema.get("properties", {}):
            continue
        below = [part for pattern, part in patterns.items() if re.search(pattern, key)]
        other = schema.get("additionalProperties", True)
        if not below and other is False:
            yield f"{key} is not known"
        elif not below and isinstance(other, Mapping):
            below = [other]
        for part in below:
            yield from complaints(part, value, root)


_RULES: Mapping[str, Any] = {
    "$ref": _reference,
    "anyOf": _any_of,
    "type": _type,
    "properties": _properties,
    "required": _required,
    "items": _items,
    "propertyNames": _names,
    "pattern": _pattern,
    "enum": lambda wanted, data, _: () if data in wanted else (f"{data!r} is none of {wanted}",),
    "const": lambda wanted, data, _: () if data == wanted else (f"{data!r} is not {wanted}",),
    "minimum": lambda *of: _bound(*of, sign=1),
    "exclusiveMinimum": lambda *of: _bound(*of, sign=1),
    "maximum": lambda *of: _bound(*of, sign=-1),
    "minLength": lambda *of: _length(*of, sign=1),
    "maxLength": lambda *of: _length(*of, sign=-1),
    "minItems": lambda *of: _length(*of, sign=1),
    "maxItems": lambda *of: _length(*of, sign=-1),
}

FULL = """\
server:
  listen: 0.0.0.0:9919
  database: {file: /run/secrets/database}
  bucket: ${BUCKET}
services:
  shop:
    title: The shop
    collectors:
      home:
        http: https://shop.example/
        method: HEAD
        headers: {X-Key: {file: key}, Accept: text/html}
        expect: {status: [200, 3xx], json: {"$.a": true, "$.b": {above: 1}}, latency: 500ms}
      port: {tcp: "shop.example:443", interval: "${INTERVAL:-10s}"}
      metrics: {prometheus: https://shop.example/metrics, follow_redirects: "${FOLLOW}"}
    slos:
      up: {objective: 99.9%, sli: {probe: home}}
      requests:
        objective: 99%
        window: 7d
        sli: {collector: metrics, bad: [a, 'b{c="d"}'], total: all, by: [path]}
        tiers: [{severity: page, factor: 14.4, long: 1h, short: 5m, for: 1m}]
        no_data_after: 5m
alerting:
  receivers:
    oncall: {pagerduty: {routing_key: "${KEY}"}}
  route: {receivers: [], routes: [{match: 'severity="page"', receivers: [oncall]}]}
x-anything: [1, 2]
"""


@pytest.mark.parametrize(
    "text", [(ROOT / "config.yaml").read_text(), FULL], ids=["the example", "every part"]
)
def test_the_schema_takes_what_the_loader_takes(text: str) -> None:
    document = schema()
    data = read_yaml(text.encode(), "f.yaml")[0].data

    assert list(complaints(document, data, document)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("server", "bucket"), "3s"),
        (("server", "lisen"), "x"),
        (("services", "shop", "slos", "up", "objective"), 99.9),
        (("services", "shop", "slos", "up", "sli", "probes"), "home"),
        (("services", "shop", "collectors", "home", "expect", "latency"), "soon"),
        (("services", "Shop"), {}),
        (("services", "shop", "slos", "requests", "tiers", 0, "severity"), "critical"),
        (("alerting", "receivers", "oncall"), {"pagerdoty": {}}),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_the_schema_refuses_a_mistake(path: tuple[str | int, ...], value: object) -> None:
    document = schema()
    data: Any = read_yaml(FULL.encode(), "f.yaml")[0].data
    holder = data
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value

    assert list(complaints(document, data, document)) != []


def test_the_schema_is_json_and_says_its_draft() -> None:
    document = json.loads(json.dumps(schema()))

    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_key_of_server_defaults_and_slos_is_known_to_editors() -> None:
    definitions = schema()["$defs"]

    assert set(definitions["ServerConfig"]["properties"]) == {
        *("listen", "external_url", "database", "bucket", "retention")
    }
    assert {"for", "spent", "factor"} <= set(definitions["TierConfig"]["properties"])
