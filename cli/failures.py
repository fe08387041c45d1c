"""Expected failures in a sentence each, with the exit status they end in."""

from __future__ import annotations

import treehold
from cli import exits
from core.errors import ConfigurationError, InvalidInput, TreeholdError

_REFUSED = frozenset({400, 401, 403, 404, 409, 413, 421, 422})
"""HTTP statuses that ask for another request, not for the same one later."""


def explained(error: Exception) -> tuple[str, int] | None:
    """None for what nobody expected."""
    match error:
        case InvalidInput() | ConfigurationError():
            return error.message, exits.BAD_INPUT
        case TreeholdError():
            return error.message, exits.NOT_DONE
        case treehold.ApiError():
            message = str(error).removesuffix(f" ({error.code})")
            return message, exits.BAD_INPUT if error.status in _REFUSED else exits.NOT_DONE
        case treehold.ConfigurationError():
            return str(error), exits.BAD_INPUT
        case treehold.TreeholdError():
            return str(error), exits.NOT_DONE
        case _:
            return None
