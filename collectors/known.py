"""What a target's page taught, for the next one of the same format."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from collectors.template import Template
from slo.exposition import Series


@dataclass(frozen=True, slots=True)
class Known:
    """Series by what stands before their values, and the page without its values.

    Nothing is known without a wanted sample.
    """

    openmetrics: bool = False
    series: Mapping[bytes, Series] = field(default_factory=dict)
    template: Template | None = None
