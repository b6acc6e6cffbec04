"""Pydantic's errors in our words."""

from typing import Any, get_args

import pytest
from pydantic_core import ErrorDetails, core_schema

from nines.config.sentences import sentence

CONTEXT: dict[str, Any] = {
    "error": ValueError("our own sentence"),
    "expected": "'a' or 'b'",
    "min_length": 2,
    "max_length": 3,
    "gt": 1,
    "ge": 1,
    "lt": 1,
    "le": 1,
    "multiple_of": 5,
    "pattern": "a+",
}


@pytest.mark.parametrize("kind", get_args(core_schema.ErrorType))
def test_no_kind_of_error_is_told_in_pydantics_words(kind: str) -> None:
    error = ErrorDetails(
        type=kind, loc=("key",), msg="Input should be a jargon", input="x", ctx=CONTEXT
    )

    said = sentence(error, "key")

    assert "Input" not in said
    assert "jargon" not in said
    assert said.startswith("`key` ") or said == "our own sentence"


def test_an_error_of_a_models_own_is_told_as_it_is() -> None:
    error = ErrorDetails(type="our_kind", loc=("key",), msg="That cannot be.", input="x")

    assert sentence(error, "key") == "That cannot be."
