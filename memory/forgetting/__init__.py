"""Forgetting: records and what was made of them go in one transaction, with a receipt that can be checked."""

from memory.forgetting.model import Counts, Forgotten, Proof, Receipt, Remains, Wanted
from memory.forgetting.retention import Retention
from memory.forgetting.service import Forgetting

__all__ = ["Counts", "Forgetting", "Forgotten", "Proof", "Receipt", "Remains", "Retention", "Wanted"]
