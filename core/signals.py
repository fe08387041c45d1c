"""Control signals: they end a turn, and are not failures of the agent."""

from __future__ import annotations


class LeaseLost(Exception):
    """This worker no longer holds the agent: it must stop and write nothing more."""


class Unheard(Exception):
    """A message came in while the agent was about to end: its turn is to be run again."""
