"""What the auditor looks at, as the running service has it."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from alerting.audit import Run, Vitals
from collectors.runnable import Runnable
from nines.engine import Engine
from nines.live import Pulse


def vitals(
    engine: Engine,
    pulse: Pulse,
    collectors: Mapping[str, Runnable],
    stored: datetime,
    now: datetime,
) -> Vitals:
    """All but the outbox, which is in storage. What was counted is `stored` up to then."""
    # A collector that a reload brought has not looked yet.
    began = max(pulse.started_at, pulse.config_loaded_at)
    setback, targets = engine.setback, engine.targets
    return Vitals(
        now=now,
        evaluated=pulse.last_evaluation or pulse.started_at,
        stored=stored,
        bucket=timedelta(seconds=engine.bucket_seconds),
        runs=[
            Run(name, targets[name].last_due or began, one.interval, one.timeout)
            for name, one in collectors.items()
            if name in targets
        ],
        setback=None if setback is None else setback.sentence,
    )
