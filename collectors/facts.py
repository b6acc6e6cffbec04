"""What a server tells of itself by name: judged by expectations, read as samples."""

from collections.abc import Mapping

from collectors.expect import Words, meets, wanted
from collectors.expectation import JsonCondition, JsonExpectation, Scalar
from slo.exposition import Sample, Series

Facts = Mapping[str, Scalar]
Expectations = Mapping[str, JsonExpectation]


def why_not(facts: Facts, expect: Expectations, words: Words) -> str | None:
    """The first fact that is not as expected, in words; None when all are."""
    for name, expected in expect.items():
        there = name in facts
        if isinstance(expected, JsonCondition) and expected.exists is not None:
            fine = there is expected.exists
        else:
            fine = there and meets(facts[name], expected)
        if not fine:
            came = f"is {words.json(facts[name])}" if there else "is not in the answer"
            return f"{name} {came}; expected {wanted(expected, words)}"
    return None


def read_scalar(text: str) -> Scalar:
    """A whole number, a number, or the text as it is."""
    if not text.isascii() or "_" in text or not any(map(str.isdigit, text)):
        return text
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if abs(number) != float("inf") else text
    return text


def samples(prefix: str, facts: Facts) -> dict[Series, Sample]:
    """The facts that are numbers, each as `prefix_name`."""
    return {
        Series(f"{prefix}_{name}", ()): Sample(value)
        for name, value in facts.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
