"""A platform on this machine, and who is told about it."""

import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from nines.demo.inbox import Inbox
from nines.demo.platforms.active_active import ActiveActive
from nines.demo.platforms.jain_shikanji import JainShikanji
from nines.demo.platforms.mewayz import Mewayz
from nines.demo.platforms.petuniverse import PetUniverse
from nines.demo.platforms.platform import Platform
from nines.demo.platforms.saverly import Saverly

# To add one: its simulator, its folder with a config.yaml, its line here, its test.
PLATFORMS: Mapping[str, type[Platform]] = {
    "active-active": ActiveActive,
    "jain-shikanji": JainShikanji,
    "mewayz": Mewayz,
    "petuniverse": PetUniverse,
    "saverly": Saverly,
}
_SEED = 99_99


@dataclass(frozen=True, slots=True)
class Stage:
    """The platform plays, the inbox stands for PagerDuty, Slack and people's mail."""

    platform: Platform
    inbox: Inbox
    config: Path
    environ: Mapping[str, str]


@asynccontextmanager
async def stage(
    name: str, folder: Path, now: Callable[[], datetime], listen: str, inbox_port: int = 0
) -> AsyncIterator[Stage]:
    """Play the platform while the context lasts; `environ` is for its configuration.

    What is written goes into `folder`.
    """
    platform = PLATFORMS[name](now, random.Random(_SEED))  # noqa: S311 - a simulation, repeatable
    async with Inbox.start(http_port=inbox_port, smtp_port=0, now=now) as inbox:
        await platform.start()
        try:
            environ = {
                "NINES_LISTEN": listen,
                "NINES_DATABASE": f"sqlite:///{folder}/nines.db",
                "PAGERDUTY_URL": inbox.url,
                "PAGERDUTY_ROUTING_KEY": "example0" * 4,
                "SLACK_URL": f"{inbox.url}/api/",
                "SLACK_TOKEN": "xoxb-example",
                "SMTP": inbox.smtp_url,
                **platform.environ,
            }
            config = Path(__file__).parent / name / "config.yaml"
            yield Stage(platform, inbox, config, environ)
        finally:
            await platform.stop()
