"""`nines probe URL --histogram NAME`, against real sockets."""

import json
from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from slo.native import NativeHistogram
from tests.collectors.families import CONTENT_TYPE, delimited, native_family
from tests.nines.cli.running import run
from tests.slo.natives import histogram

TEXT = """seconds_bucket{route="a",le="0.25"} 2
seconds_bucket{route="a",le="1"} 3
seconds_bucket{route="a",le="+Inf"} 4
"""
SHOWN = {"a": histogram([0.1, 0.19, 0.3, 0.3], 3), "b": NativeHistogram(-53, 1)}


def _page(request: Request) -> Response:
    kind = CONTENT_TYPE.partition(": ")[2].strip()
    if "protobuf" not in request.headers["accept"]:
        return Response(TEXT, content_type="text/plain")
    return Response(delimited(native_family("seconds", SHOWN)), content_type=kind)


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer() as server:
        server.expect_request("/metrics").respond_with_handler(_page)
        server.expect_request("/text").respond_with_data(TEXT, content_type="text/plain")
        yield server.url_for("/")


def test_a_native_histogram_is_shown_with_its_schema(url: str) -> None:
    ran = run("probe", f"{url}metrics", "--histogram", "seconds")

    assert ran.code == 0
    assert ran.out.splitlines() == [
        'seconds{route="a"}: 4 events',
        (
            "  native, schema 3: each edge is 1.091 times the one before; 3 buckets in use, "
            "zero bucket up to 0"
        ),
        'seconds{route="b"}: 1 event',
        "  native, schema -53, whose edges no page tells",
    ]


def test_a_threshold_that_is_no_edge_is_shown_with_the_two_around_it(url: str) -> None:
    ran = run("probe", f"{url}metrics", "--histogram", 'seconds{route="a"}', "--below", "200ms")

    assert ran.out.splitlines()[-1] == (
        "  200ms lies between the edges 0.1927763531759926 and 0.21022410381342863: "
        "2 good, 2 bad, 0 unknown"
    )


def test_an_edge_that_was_named_is_one(url: str) -> None:
    edge = ("--below", "0.1927763531759926")

    ran = run("probe", f"{url}metrics", "--histogram", 'seconds{route="a"}', *edge)

    said = "  0.1927763531759926 is an edge of its native buckets: 2 good, 2 bad"
    assert ran.out.splitlines()[-1] == said


def test_classic_buckets_are_shown_with_their_edges(url: str) -> None:
    ran = run("probe", f"{url}text", "--histogram", "seconds", "--below", "250ms")

    assert ran.out.splitlines() == [
        'seconds{route="a"}: 4 events',
        "  classic buckets, edges 0.25 1",
        "  250ms is an edge of its classic buckets: 2 good, 2 bad",
    ]
    missed = run("probe", f"{url}text", "--histogram", "seconds", "--below", "200ms")
    assert "200ms is not an edge: an SLI with it would have no data" in missed.out


def test_the_same_as_json(url: str) -> None:
    options = ("--histogram", 'seconds{route="a"}', "--below", "250ms", "--output", "json")

    (shown,) = json.loads(run("probe", f"{url}metrics", *options).out)

    assert (shown["events"], shown["schema"], shown["native_buckets"]) == (4, 3, 3)
    assert shown["answer"] == {
        "kind": "native", "edges": [0.25], "good": 2, "bad": 2, "unknown": 0,
    }  # fmt: skip


def test_a_page_without_it_says_so(url: str) -> None:
    ran = run("probe", f"{url}text", "--histogram", "minutes")

    assert ran.code == 1
    assert ran.err == "nines: the page of 3 lines has no histogram minutes\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--histogram", "seconds{"), "expected a label name"),
        (("--histogram", "seconds", "--below", "soon"), "'soon' is not a threshold"),
        (("--histogram", "seconds", "--timeout", "soon"), "--timeout: 'soon' is not a duration"),
        (("--histogram", "seconds", "--latency", "5s"), "expects nothing of the answer"),
        (("--below", "200ms"), "--below goes with --histogram"),
    ],
)
def test_what_makes_no_sense_is_said(arguments: tuple[str, ...], said: str) -> None:
    ran = run("probe", "http://127.0.0.1:9/", *arguments)

    assert ran.code == 2
    assert said in ran.err
