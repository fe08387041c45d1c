"""Failures of a node that is known to have used nothing, because it never began; and what people are told."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from core.errors import ModelError, ModelRateLimited, ModelRejected, ModelUnavailable
from inference.config import ModelConfig

KEY_WANTED = "wants a key: give it with --api-key or TREEHOLD_API_KEY"
KEY_REFUSED = "refuses the key it was given with --api-key or TREEHOLD_API_KEY"


class NotBegun(ModelUnavailable):
    """The node answered with an error status in place of a reply."""


class Unreachable(NotBegun):
    """No connection to the node: nothing was sent."""


def is_free(error: ModelError) -> bool:
    """Whether the call used nothing. Whatever broke off after it was sent may have been billed."""
    return isinstance(error, NotBegun | ModelRejected | ModelRateLimited)


def unreachable(config: ModelConfig) -> Unreachable:
    """With the address, and what to look at."""
    if config.base_url is None:
        return Unreachable(f"the provider of {config.model} cannot be reached from here: is the network up?")
    where = address(config.base_url)
    return Unreachable(f"nothing answers at {where}: is the node up, and is that its address?")


def named(config: ModelConfig) -> str:
    """The model, and where it is asked."""
    return config.model if config.base_url is None else f"{config.model} at {address(config.base_url)}"


def address(base_url: str) -> str:
    """The URL as it may be shown: without a password in it."""
    found = urlsplit(base_url)
    return urlunsplit(found._replace(netloc=found.netloc.rpartition("@")[2]))
