"""Which metrics a page does not tell, and why."""

from collections.abc import Mapping

_MOST_SAID = 3  # reasons for a metric


class Absences:
    """Collects reasons by metric; what is repeated a thousand times is said three times."""

    def __init__(self) -> None:
        self._said: dict[str, list[str]] = {}

    def say(self, metric: str, why: str) -> None:
        said = self._said.setdefault(metric, [])
        if len(said) < _MOST_SAID and why not in said:
            said.append(why)

    @property
    def by_metric(self) -> Mapping[str, str]:
        return {metric: "; ".join(said) for metric, said in self._said.items()}

    @property
    def advice(self) -> tuple[str, ...]:
        return tuple(f"{metric}: {why}" for metric, why in self.by_metric.items())
