"""The receivers of a configuration: built, and told apart from those of the one before."""

from collections.abc import Callable
from functools import partial

from alerting.bucket import Rate
from alerting.notification import Message, Receiver
from alerting.receivers import RECEIVERS, destination_of, worded
from nines.config import Config


def build_receivers(
    config: Config,
    acknowledge_url: Callable[[Message], str | None] = lambda _: None,
    tell: Callable[[str, str | None], None] = lambda *_: None,
) -> dict[str, Receiver]:
    """Every configured receiver by its name. `tell` hears whose words failed, and why."""
    built: dict[str, Receiver] = {}
    for name, receiver in config.alerting.receivers.items():
        links = {"acknowledge_url": acknowledge_url} if RECEIVERS[receiver.kind].links else {}
        settings = {"external_url": config.server.external_url, **links}
        built[name] = worded(receiver.kind, receiver.config, settings, partial(tell, name))
    return built


def receiver_rates(config: Config) -> dict[str, Rate]:
    """How fast each receiver is told."""
    return {name: receiver.rate for name, receiver in config.alerting.receivers.items()}


def renamed_receivers(old: Config, new: Config) -> dict[str, str]:
    """Receivers that are the same under a name that is new, by the name that they had."""
    before, after = dict(old.alerting.receivers), dict(new.alerting.receivers)
    fresh = {name: one for name, one in after.items() if name not in before}
    found: dict[str, str] = {}
    for name, one in before.items():
        same = next((other for other, its in fresh.items() if its == one), None)
        if name not in after and same is not None:
            found[name] = same
            del fresh[same]
    return found


def receiver_shares(config: Config) -> dict[str, str]:
    """Where each receiver sends: those of one destination share its rate."""
    receivers = config.alerting.receivers.items()
    return {name: destination_of(one.kind, one.config) for name, one in receivers}


def edited_receivers(old: Config, new: Config) -> list[str]:
    """The names of receivers that were there and say something else now."""
    before, after = old.alerting.receivers, new.alerting.receivers
    return [name for name in after if name in before and before[name] != after[name]]
