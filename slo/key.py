"""The sender's own name for what it tells: told again under the same key, it counts once."""


class KeyReusedError(Exception):
    """Something else was told under the same key before."""
