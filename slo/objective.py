"""The promised share of good events, exactly as it was written."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from slo.units import format_percent


@lru_cache(maxsize=1024)
def _budget_share(share: Decimal) -> Fraction:
    return Fraction(1 - share)


@dataclass(frozen=True, slots=True)
class Objective:
    """A share T with 0 < T < 1, kept as the decimal that was written."""

    share: Decimal

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError(
                f"an objective must lie between 0% and 100%, both excluded; "
                f"{format_percent(self.share)} leaves "
                + ("no error budget at all" if self.share >= 1 else "nothing promised")
            )

    @property
    def budget_share(self) -> Fraction:
        """1 - T by decimal arithmetic: 1/1000 for 99.9 %, not 0.0009999999999999432."""
        return _budget_share(self.share)

    @property
    def max_burn(self) -> Fraction:
        """The burn rate of a full outage, 1 / (1 - T)."""
        return 1 / self.budget_share

    @property
    def label(self) -> str:
        """The percentage without its sign, as metrics carry it: `99.9`."""
        return format_percent(self.share).removesuffix("%")
