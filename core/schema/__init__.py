"""JSON Schema (2020-12) as strangers write it: bounded, linear, and closed where it has to be.

A schema comes from a user and a value from a model, so a check costs a bounded amount whatever they are:
patterns run on `core.regex`, references lead nowhere outside, and a check stops at a number of steps.
"""

from core.schema.admission import admitted
from core.schema.annotation import KEYWORD, Crossing, crossing, for_node
from core.schema.checking import check
from core.schema.closing import closed
from core.schema.keywords import Schema
from core.schema.run import Problem, TooCostly
from core.schema.standing import standing
from core.schema.validator import Validator, compiled

__all__ = [
    "KEYWORD",
    "Crossing",
    "Problem",
    "Schema",
    "TooCostly",
    "Validator",
    "admitted",
    "check",
    "closed",
    "compiled",
    "crossing",
    "for_node",
    "standing",
]
