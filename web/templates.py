"""The templates, and the static files that they name: read once, whoever prints."""

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from web.assets import Assets

ASSETS = Assets(Path(__file__).parent / "static")


def templates() -> Environment:
    """An environment of one's own, for filters of one's own."""
    made = Environment(
        loader=PackageLoader("dashboards"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["static"] = ASSETS.url
    return made
