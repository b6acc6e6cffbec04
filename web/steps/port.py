"""What the first steps ask of whoever can look, and write the configuration."""

from collections.abc import Sequence
from typing import Protocol

from collectors.http import HttpConfig
from collectors.observation import Observation
from dashboards.prometheus_templates import Candidate
from slo.hindsight import Week


class StepError(Exception):
    """It was not done; why, in a sentence. `status` is what a program is answered."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def sentence_of(error: StepError) -> str:
    """For people: it begins and ends as sentences do."""
    text = str(error)
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


class Steps(Protocol):
    """Looks at what is not watched yet, and takes it up."""

    async def look(self, config: HttpConfig) -> Observation:
        """One look, within about two seconds. Raises StepError where nobody may look there."""

    async def jobs(self, url: str) -> Sequence[tuple[str, int]]:
        """The jobs that a Prometheus watches, and how many targets each has, by name.

        Raises StepError; also where there is none.
        """

    async def candidates(self, url: str, job: str) -> Sequence[Candidate]:
        """What could be counted of one of them, the best first. Raises StepError."""

    async def look_back(self, url: str, candidate: Candidate) -> Sequence[Week]:
        """What it would have counted in past weeks, oldest first. Raises StepError."""

    def why_not_saved(self) -> str | None:
        """Why nothing can be added to the configuration; None where something may be."""

    async def save(self, service: str, lines: str, host: str, port: int) -> None:
        """Add a service in these lines of YAML to the configuration, and go by it at once.

        `host` and `port` are what it will look at. Raises StepError; then nothing was written,
        unless it says so.
        """


class _NoSteps:
    """Where there is nobody to ask."""

    async def look(self, config: HttpConfig) -> Observation:
        del config
        raise StepError(409, "this process looks at nothing")

    async def jobs(self, url: str) -> Sequence[tuple[str, int]]:
        del url
        raise StepError(409, "this process looks at nothing")

    async def candidates(self, url: str, job: str) -> Sequence[Candidate]:
        del url, job
        raise StepError(409, "this process looks at nothing")

    async def look_back(self, url: str, candidate: Candidate) -> Sequence[Week]:
        del url, candidate
        raise StepError(409, "this process looks at nothing")

    def why_not_saved(self) -> str | None:
        return "this process was started without a configuration file"

    async def save(self, service: str, lines: str, host: str, port: int) -> None:
        del service, lines, host, port
        raise StepError(409, "this process was started without a configuration file")


NO_STEPS: Steps = _NoSteps()
