"""Exact quantities as the plain values of JSON, None where nothing is known."""

from dataclasses import fields
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def number(value: Fraction | int) -> float:
    """A whole number stays one."""
    return int(value) if value.denominator == 1 else float(value)


def ratio(value: Fraction | None) -> float | None:
    """The nearest float, as float(value), which asks much more before it divides."""
    return None if value is None else value.numerator / value.denominator


def seconds(length: timedelta | None) -> float | None:
    """A length of time in seconds."""
    return None if length is None else length.total_seconds()


def fields_of(value: "DataclassInstance") -> dict[str, Any]:
    """A dataclass's own fields, not copied: what a larger one of the same family begins with."""
    return {one.name: getattr(value, one.name) for one in fields(value)}
