"""What is installed by name alone: packages that few installations need."""

from importlib.util import find_spec


def needs(extra: str, package: str) -> None:
    """Raises ValueError, which says what to install, where the extra's package is not there."""
    if find_spec(package) is None:
        raise ValueError(
            f"{extra} needs the package {package}, which is not installed: "
            f"pip install 'nines-slo[{extra}]', or pip install '.[{extra}]' in its folder"
        )
