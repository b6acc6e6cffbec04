"""The kinds of receivers: where a notification can go."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from pydantic import BaseModel

from alerting.bucket import Rate
from alerting.notification import Receiver
from alerting.receivers import (
    alertmanager,
    discord,
    email,
    pagerduty,
    slack,
    teams,
    template,
    webhook,
)
from alerting.receivers.address import host_of
from alerting.receivers.wording_tiers import Worded
from alerting.receivers.writer import Writer


class Kind(NamedTuple):
    """What a kind of receiver is made of.

    `build(config, external_url=...)` makes a receiver of an instance of `config`. Raises ValueError
    when a file that it names cannot be used. `links`: it takes `acknowledge_url` too, which makes
    the address by which one message's reader acknowledges. `rate` is how much one destination
    takes; `destination` names it (and is a secret): two receivers of one share its rate. Where
    messages are for people to read, many are told in a digest.
    """

    config: type[BaseModel]
    build: Callable[..., Receiver]
    links: bool = False
    rate: Rate = Rate(600, timedelta(minutes=1), burst=100)
    destination: Callable[[Any], tuple[str, ...]] = lambda config: (host_of(config.url.value),)


def _a_minute(count: int, burst: int, digest_after: int | None = None) -> Rate:
    return Rate(count, timedelta(minutes=1), burst, digest_after)


# To add one: its file here, its line below, its test.
RECEIVERS: dict[str, Kind] = {
    "alertmanager": Kind(alertmanager.AlertmanagerConfig, alertmanager.build),
    "discord": Kind(
        discord.DiscordConfig,
        discord.build,
        rate=_a_minute(30, 5, 20),
        destination=lambda config: (config.url.value,),
    ),
    "email": Kind(
        email.EmailConfig,
        email.build,
        links=True,
        rate=_a_minute(60, 20, 20),
        destination=lambda config: (str(config.smtp),),
    ),
    "pagerduty": Kind(
        pagerduty.PagerDutyConfig,
        pagerduty.build,
        rate=_a_minute(120, 30),
        destination=lambda config: (config.url, config.routing_key.value),
    ),
    # A message a second is what Slack takes for one channel.
    "slack": Kind(
        slack.SlackConfig,
        slack.build,
        rate=_a_minute(60, 3, 20),
        destination=lambda config: (config.url, config.token.value, config.channel),
    ),
    "teams": Kind(
        teams.TeamsConfig,
        teams.build,
        rate=_a_minute(60, 4, 20),
        destination=lambda config: (config.url.value,),
    ),
    "template": Kind(template.TemplateConfig, template.build),
    "webhook": Kind(webhook.WebhookConfig, webhook.build, rate=_a_minute(600, 100, 200)),
}


def destination_of(kind: str, config: BaseModel) -> str:
    """A name for where it sends, the same for all that send there; it tells no secret."""
    parts = "\0".join((kind, *RECEIVERS[kind].destination(config)))
    return hashlib.sha256(parts.encode()).hexdigest()


def worded(
    kind: str,
    config: BaseModel,
    settings: Mapping[str, Any],
    tell: Callable[[str | None], None],
) -> Worded:
    """A receiver whose words never cost the page. `tell` hears what was wrong with them, or None.

    `settings` is what its `build` takes beside `config`. Raises ValueError as that does.
    """
    inner = RECEIVERS[kind].build(config, **settings)
    source = getattr(config, "template", None)
    return Worded(inner, Writer(source) if source else None, tell)
