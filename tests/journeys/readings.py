"""What a running Nines says on `/metrics`, taken apart for journeys."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from tests.journeys.serving import Nines


class Metrics:
    """One page of Nines' own metrics."""

    def __init__(self, text: str) -> None:
        self._samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def all(self, name: str, **labels: str) -> Mapping[tuple[tuple[str, str], ...], float]:
        """Every sample of that name with at least these labels."""
        return {
            tuple(sorted(sample.labels.items())): sample.value
            for sample in self._samples
            if sample.name == name and labels.items() <= sample.labels.items()
        }

    def one(self, name: str, **labels: str) -> float:
        """The only such sample."""
        found = self.all(name, **labels)
        if len(found) != 1:
            raise AssertionError(f"{len(found)} samples of {name} with {labels}")
        return next(iter(found.values()))


async def metrics(nines: Nines) -> Metrics:
    answer = await nines.client.get("/metrics")
    answer.raise_for_status()
    return Metrics(answer.text)
