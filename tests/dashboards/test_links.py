"""Names may hold anything; an address made of them leads where it should and nowhere else."""

import pytest

from dashboards import links


def test_each_part_of_a_name_is_quoted_whole() -> None:
    assert links.slo_url("shop/a/b?c#d") == "/slos/shop/a%2Fb%3Fc%23d"
    assert links.service_url("../x y") == "/services/..%2Fx%20y"


def test_a_query_leaves_out_what_says_nothing() -> None:
    assert links.with_query("/slos", q="", state=None, page=2) == "/slos?page=2"


@pytest.mark.parametrize(
    ("asked", "safe"),
    [
        ("/slos?q=a", "/slos?q=a"),
        ("//evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/a\r\nSet-Cookie: b", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
def test_one_is_only_sent_back_within_this_site(asked: str | None, safe: str) -> None:
    assert links.safe_return(asked) == safe


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://runbooks.example/x", "https://runbooks.example/x"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        (None, None),
    ],
)
def test_only_a_web_address_becomes_a_link(url: str | None, safe: str | None) -> None:
    assert links.safe_external(url) == safe
