"""The configuration: from YAML files to values that make sense, or every mistake with its place."""

from nines.config.loading import Config, ConfigError, Problem, load, schema

__all__ = ["Config", "ConfigError", "Problem", "load", "schema"]
