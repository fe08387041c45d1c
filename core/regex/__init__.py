"""Regular expressions whose matching time is linear in the text, whatever the pattern.

Python's own engine backtracks, holds the interpreter meanwhile, and cannot be interrupted; a pattern comes
from a model and the text from a stranger. This one follows all alternatives at once (Thompson's construction,
states built as they are needed), so it has no back-references and no look-around.
"""

from core.regex.automaton import Matcher
from core.regex.pattern import PatternInvalid

__all__ = ["Matcher", "PatternInvalid"]
