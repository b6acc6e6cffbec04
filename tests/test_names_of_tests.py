"""What makes a test's name, so that every worker that collects the tests finds the same ones."""

import gzip

import pytest


@pytest.mark.parametrize("body", [gzip.compress(b"as of this second")])
def test_a_case_of_bytes_is_named_by_its_argument(
    request: pytest.FixtureRequest, body: bytes
) -> None:
    assert gzip.decompress(body)
    assert request.node.name.endswith("[body]")
