"""The configuration of now, and what is built from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from alerting.notification import Receiver
from collectors.runnable import Runnable
from nines.config import Config


@dataclass(slots=True)
class Configured:
    """Changed in place by a reload. Receivers by name, collectors by id.

    `leaving`: receivers that are configured no more, to resolve what they were told. `digest` is
    that of the files which the configuration was read from.
    """

    config: Config
    receivers: Mapping[str, Receiver] = field(default_factory=dict)
    leaving: Mapping[str, Receiver] = field(default_factory=dict)
    collectors: Mapping[str, Runnable] = field(default_factory=dict)
    digest: str | None = None
