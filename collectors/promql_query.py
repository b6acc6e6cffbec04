"""The queries that may be counters: such whose every restart can be seen."""

import re
from typing import Self

from pydantic import Field, model_validator

from collectors.json_values import MetricType
from collectors.settings import Strict
from slo.selector import SelectorError, parse_selector

_SUM = re.compile(
    r"\s*sum\s*(?:(?:by|without)\s*\([^()]*\))?\s*\((.*?)\)\s*(?:(?:by|without)\s*\([^()]*\))?\s*",
    re.DOTALL,
)
_LONGEST = 4_000  # an address is no longer than servers take it


class PromqlQuery(Strict):
    """One query whose series are those of a metric."""

    query: str = Field(min_length=1, max_length=_LONGEST)
    type: MetricType

    @model_validator(mode="after")
    def _restarts_can_be_seen(self) -> Self:
        if self.type == "counter":
            try:
                parse_selector(self.asked)
            except SelectorError:
                raise ValueError(
                    "a counter's query is a selector, or the sum of one: of anything else nobody "
                    "can tell a counter that began again from one that went on"
                ) from None
        return self

    @property
    def asked(self) -> str:
        """What is asked for. Of a sum its counters, each with its own restarts: they are added up
        once it is known what each of them counted.
        """
        if self.type == "counter" and (match := _SUM.fullmatch(self.query)) is not None:
            return match[1].strip()
        return self.query
