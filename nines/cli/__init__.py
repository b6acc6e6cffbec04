"""The command line: `nines serve`, `check`, `demo`, `probe`, `status`, `migrate`."""

from nines.cli.app import main

__all__ = ["main"]
