"""What of a configuration takes effect only when Nines is started again."""

from nines.config.assembly import Config


def needs_restart(old: Config, new: Config) -> tuple[str, ...]:
    """A sentence for each thing that cannot change under a running service."""
    fixed = {
        "listen": (old.server.listen, new.server.listen),
        "external_url": (old.server.external_url, new.server.external_url),
        "database": (old.server.database, new.server.database),
        "bucket": (old.server.bucket, new.server.bucket),
    }
    return tuple(
        f"server.{name} changed: restart Nines to apply it."
        for name, (before, after) in fixed.items()
        if before != after
    )
