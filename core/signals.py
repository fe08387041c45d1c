"""Control signals: they end a turn, and are not failures of the agent."""

from __future__ import annotations


class LeaseLost(Exception):
    """This worker no longer holds the agent: it must stop and write nothing more."""


class Paused(Exception):
    """The task is paused: no call may begin, and the agent is handed back until the task goes on."""


class Parked(Exception):
    """The agent must wait in the middle of a turn, which ends, and is repeated once the wait is over."""


class Unheard(Exception):
    """A message came in while the agent was about to end: its turn is to be run again."""
