"""Where a reading of events was left, with the count that went on since."""

from dataclasses import dataclass

# Two starts that are closer are one process's (slo.process).
_APART_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class LeftAt:
    """`began` (epoch seconds) is when the count began at nought, `place` where it goes on."""

    began: float
    place: str

    def to_text(self) -> str:
        return f"{self.began!r} {self.place}"

    @classmethod
    def of(cls, text: str | None) -> "LeftAt | None":
        """What `to_text` wrote; None where it is none."""
        began, _, place = (text or "").partition(" ")
        try:
            return cls(float(began), place)
        except ValueError:
            return None


def begins_anew(now: float, left: LeftAt | None) -> float:
    """When a count begins at nought that follows another: later than that one, by any clock."""
    return now if left is None else max(now, left.began + _APART_SECONDS)
