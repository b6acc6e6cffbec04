"""Which targets are there: as somebody found them, or as files hold them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from nines.config.model import DiscoveryConfig
from nines.config.problem import Problem
from nines.config.sd import Target, from_files


@dataclass(frozen=True, slots=True)
class Found:
    """What was found last for a group whose sources have this key."""

    key: str
    targets: tuple[Target, ...]


def discovered(
    data: Mapping[str, Any], directory: FilePath, found: Mapping[str, Found] | None
) -> tuple[dict[str, tuple[Target, ...]], list[Problem]]:
    """The targets of every sound group, and what is wrong with files that hold some.

    Where nothing was found for a group as it is written now, its files are read, and whoever would
    have to be asked over the network is not.
    """
    targets: dict[str, tuple[Target, ...]] = {}
    problems: list[Problem] = []
    groups = data.get("discovery")
    for name, written in groups.items() if isinstance(groups, Mapping) else ():
        try:
            config = DiscoveryConfig.model_validate(written)
        except ValidationError:
            continue  # which is said where the whole is held against the model
        known = (found or {}).get(name)
        if known is not None and known.key == config.key:
            targets[name] = known.targets
            continue
        in_files, wrong = from_files(config.files, directory)
        targets[name] = tuple(dict.fromkeys((*config.targets, *in_files)))
        problems += wrong
    return targets, problems
