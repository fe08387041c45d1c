"""How things are said. Each act has plain forms and freer ones; the freer ones are nobody's grammar book.

`{t}` is the slot, `{v}` the new value, `{o}` the old one, `{d}` what it rests on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Act = Literal[
    "add",
    "add_resting",
    "revise",
    "retract",
    "undo",
    "bring_back",
    "unadd",
    "original",
    "link",
    "query",
    "vague",
]
Style = Literal["plain", "free"]

FORMS: Mapping[Style, Mapping[Act, tuple[str, ...]]] = {
    "plain": {
        "add": ("Add the {t}: {v}.", "The {t} is {v}.", "Set the {t} to {v}.", "Please note the {t}: {v}."),
        "add_resting": (
            "Add the {t}: {v}, which depends on the {d}.",
            "Include the {t}: {v}; it depends on the {d}.",
        ),
        "revise": (
            "Change the {t} to {v}.",
            "Make the {t} {v} instead.",
            "Please update the {t} from {o} to {v}.",
            "The {t} should be {v}.",
            "Use {v} instead of {o} for the {t}.",
        ),
        "retract": ("Remove the {t}.", "Drop the {t}, please.", "We don't need the {t} any more."),
        "undo": ("Undo that.", "Undo the last change.", "Put the {t} back to what it was."),
        "bring_back": ("Undo that.", "Bring back the {t}."),
        "unadd": ("Undo that.", "Remove the {t} again."),
        "original": (
            "Put the {t} back to what it was originally.",
            "Restore the original {t}.",
            "The {t} as originally, please.",
        ),
        "link": ("The {t} depends on the {d}.", "Also, the {t} depends on the {d}."),
        "query": ("What is the {t}?", "Tell me the {t}.", "Which {t} do we have?"),
        "vague": ("Change the {t} to {v}.", "Set the {t} to {v}."),
    },
    "free": {
        "add": (
            "For the {t} let's say {v}.",
            "I was thinking of {v} as the {t}.",
            "Oh, and {v} for the {t}.",
            "There's one more thing, the {t}, and that would be {v}.",
        ),
        "add_resting": (
            "Given the {d}, the {t} would be {v}.",
            "Because of the {d} I'd put {v} down as the {t}.",
        ),
        "revise": (
            "On second thought, {v} suits me better than {o} for the {t}.",
            "Hmm, {o} won't work. {v}?",
            "We had a change of mind about the {t}: it's {v} now.",
            "Could the {t} be {v} rather than {o}?",
            "Scratch {o}, {v} it is.",
            "Let's move the {t} over to {v}.",
        ),
        "retract": (
            "The {t} isn't happening after all.",
            "Leave the {t} out of it.",
            "Strike the {t}, nobody wants it.",
            "I'd rather do without the {t}.",
        ),
        "undo": (
            "No, that was better before.",
            "Hang on, go back to how it was.",
            "I take that back.",
            "Sorry, revert the {t} please.",
        ),
        "bring_back": ("Actually, keep the {t}.", "I take that back.", "No, I want the {t} after all."),
        "unadd": ("Forget I said that.", "I take that back.", "Never mind."),
        "original": (
            "You know what, my first idea for the {t} was the best.",
            "Let's return to the initial {t}.",
            "The {t} we started with was fine, use that.",
        ),
        "link": (
            "Mind that the {t} hinges on the {d}.",
            "Whatever happens to the {d} affects the {t}.",
        ),
        "query": (
            "Remind me, which {t} did we settle on?",
            "Where do we stand on the {t}?",
            "Did we say anything about the {t}?",
        ),
        "vague": ("Can we do {v} for the {t}?", "The {t} has to be {v}."),
    },
}

JOINTS: Mapping[Style, tuple[str, ...]] = {
    "plain": ("{one}, and {two}", "{one} and {two}", "{one}, then {two}"),
    "free": ("{one}. Oh, and {two}", "{one}; while you're at it, {two}", "{one}, but {two}"),
}
