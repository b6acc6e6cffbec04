"""Which Nines this is."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("nines-slo")
except PackageNotFoundError:  # run from a checkout that was never installed
    VERSION = "0+checkout"
