"""Small configurations for tests."""

from collections.abc import Mapping
from pathlib import Path

from nines.config import Config, ConfigError, load

SHOP = """\
services:
  shop:
    collectors:
      home: {http: https://shop.example/}
      metrics: {prometheus: https://shop.example/metrics}
    slos:
      up: {objective: 99.9%, sli: {probe: home}}
      requests:
        objective: 99.95%
        sli: {collector: metrics, bad: 'errors{code=~"5.."}', total: requests}
alerting: {route: {receivers: []}}
"""
# What is advised about SHOP, which has nobody to tell.
NOBODY = "no receivers and no routes: alerts are shown, and nobody is told"


def load_text(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Config:
    """The configuration in `text`, as if it stood in config.yaml."""
    file = folder / "config.yaml"
    file.write_text(text)
    return load(file, environ or {})


def mistakes(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """What is wrong with it, each as `line:column: sentence`."""
    try:
        load_text(folder, text, environ)
    except ConfigError as error:
        return [f"{p.line}:{p.column}: {p.sentence}" for p in error.problems]
    return []
