"""What the first steps ask of whoever can look, and write the configuration."""

from typing import Protocol

from collectors.http import HttpConfig
from collectors.observation import Observation


class StepError(Exception):
    """It was not done; why, in a sentence. `status` is what a program is answered."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Steps(Protocol):
    """Looks at what is not watched yet, and takes it up."""

    async def look(self, config: HttpConfig) -> Observation:
        """One look, within about two seconds. Raises StepError where nobody may look there."""

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
        raise StepError(409, "This process looks at nothing")

    def why_not_saved(self) -> str | None:
        return "this process was started without a configuration file"

    async def save(self, service: str, lines: str, host: str, port: int) -> None:
        del service, lines, host, port
        raise StepError(409, "This process was started without a configuration file")


NO_STEPS: Steps = _NoSteps()
