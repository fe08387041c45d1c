"""Long conversations of two people over months, with questions and the turns that answer them.

Written for this benchmark. A fact is told once, among small talk, in one of four ways; a question about it is
put in other words than the fact for a part of them, so that neither words nor meaning alone can find all.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta

from bench.memory.quality.labelled import Conversation, Question

PEOPLE = (
    ("Maya", "Jonas"), ("Ines", "Theo"), ("Priya", "Oskar"), ("Lena", "Marco"), ("Aiko", "Samuel"),
    ("Nora", "Felix"), ("Zofia", "David"), ("Amara", "Pavel"), ("Clara", "Idris"), ("Yasmin", "Hugo"),
)  # fmt: skip

PLACES = (
    "Lisbon", "Ghent", "Tallinn", "Valencia", "Bergen", "Krakow", "Porto", "Graz", "Galway", "Ljubljana",
    "Bologna", "Uppsala", "Split", "Leipzig", "Utrecht", "Girona",
)  # fmt: skip
FRIENDS = (
    "Bruno", "Elif", "Konrad", "Mina", "Tariq", "Greta", "Rosa", "Ivo", "Sven", "Dalia", "Noah", "Petra",
)  # fmt: skip
THINGS = (
    "a second-hand cello", "a folding bicycle", "a pottery wheel", "a telescope", "a sewing machine",
    "a cast-iron pan", "a film camera", "a rowing machine", "a record player", "a standing desk",
)  # fmt: skip
PETS = ("a tortoise", "a greyhound", "two kittens", "a parrot", "a rabbit", "an old beagle")
JOBS = (
    "the archive of the city museum", "a wind-farm planning office", "the children's hospital",
    "a small publishing house", "the harbour authority", "a bakery chain's head office",
)  # fmt: skip
HOBBIES = (
    "beekeeping", "fencing", "calligraphy", "orienteering", "bouldering", "choir singing", "wood carving",
)  # fmt: skip
ILLS = ("a sprained ankle", "a migraine", "a torn ligament", "hay fever", "a broken wrist")
DISHES = ("ramen", "paella", "dumplings", "a lemon tart", "moussaka", "gnocchi")

SMALL_TALK = (
    "How have you been?", "Busy as always, but fine.", "The weather has been terrible here.", "Same here!",
    "Did you see the match last night?", "I fell asleep halfway.", "Work keeps me on my toes.",
    "I really need a holiday.", "Ha, who doesn't.", "That sounds lovely.", "Tell me more!", "I can imagine.",
    "We should meet up soon.", "Yes, let us find a date.", "How is your family?", "All well, thanks.",
    "I am trying to sleep earlier.", "Good luck with that!", "Coffee is the only thing that helps.",
    "The neighbours are renovating again.", "Oh no, the noise!", "Anyway, take care!", "Talk soon!",
    "I finally cleaned the kitchen.", "Proud of you.", "My phone is dying, one second.", "No hurry.",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Telling:
    """How a fact is told, as turns of the one who tells (0) and the other (1), and what is asked about it.

    `marked` are the places among the turns that are evidence.
    """

    turns: tuple[tuple[int, str], ...]
    marked: tuple[int, ...]
    asked: str
    kind: str


def conversations(count: int, *, seed: int, sessions: int = 24) -> list[Conversation]:
    """So many, each of `sessions` talks on days of their own; the same for the same seed."""
    return [_conversation(random.Random(f"{seed}/{n}"), n, sessions) for n in range(count)]


def _conversation(chance: random.Random, number: int, sessions: int) -> Conversation:
    people = PEOPLE[number % len(PEOPLE)]
    day = date(2023, 1, 10) + timedelta(days=chance.randrange(60))
    made = Conversation(name=f"{people[0]} and {people[1]}", turns=[], threads=[])
    facts = [(who, telling) for who in (0, 1) for telling in _tellings(chance, people[who])]
    chance.shuffle(facts)
    share = -(-len(facts) // sessions)
    for session in range(sessions):
        day += timedelta(days=chance.randint(3, 12))
        thread = f"session {session}"
        _chat(chance, made, people, thread, day, chance.randint(9, 16))
        for who, telling in facts[session * share : (session + 1) * share]:
            _tell(made, people, thread, day, who, telling)
            _chat(chance, made, people, thread, day, chance.randint(5, 12))
    return made


def _say(made: Conversation, thread: str, day: date, speaker: str, text: str) -> int:
    made.turns.append(f"{day:%d %B %Y} {speaker}: {text}")
    made.threads.append(thread)
    return len(made.turns) - 1


def _chat(
    chance: random.Random, made: Conversation, people: tuple[str, str], thread: str, day: date, turns: int
) -> None:
    for turn in range(turns):
        _say(made, thread, day, people[turn % 2], chance.choice(SMALL_TALK))


def _tell(
    made: Conversation, people: tuple[str, str], thread: str, day: date, who: int, telling: _Telling
) -> None:
    places = [_say(made, thread, day, people[(who + role) % 2], text) for role, text in telling.turns]
    evidence = frozenset(places[at] for at in telling.marked)
    made.questions.append(Question(text=telling.asked, evidence=evidence, kind=telling.kind))


def _tellings(chance: random.Random, name: str) -> list[_Telling]:
    """A person's facts, one of each sort and two journeys."""
    away, back = chance.sample(PLACES, 2)
    friend, other = chance.sample(FRIENDS, 2)
    thing, pet, job = chance.choice(THINGS), chance.choice(PETS), chance.choice(JOBS)
    hobby, ill, dish = chance.choice(HOBBIES), chance.choice(ILLS), chance.choice(DISHES)
    return [
        _one(
            f"I spent last weekend in {away} with {friend}.", f"Who went to {away} with {name}?", "same words"
        ),
        _one(
            f"Next month I am flying to {back} for a wedding.",
            f"Why is {name} travelling to {back}?",
            "same words",
        ),
        _one(
            f"I bought {thing} at the flea market!", f"What did {name} purchase second-hand?", "other words"
        ),
        _one(
            f"We adopted {pet} from the shelter on Saturday.",
            f"Which animal lives with {name} now?",
            "other words",
        ),
        _one(f"I start at {job} in spring.", f"Where will {name}'s new employment be?", "other words"),
        _one(
            f"The doctor says it is {ill}, so no sport for weeks.",
            f"What health trouble did {name} have?",
            "other words",
        ),
        _answer(
            "What are you doing with your evenings now?",
            f"{hobby.capitalize()}, twice a week. I love it.",
            f"What does {name} do in the evenings?",
        ),
        _answer(
            "So what did you cook for the big dinner?",
            f"{dish.capitalize()}. Everyone had seconds.",
            f"What did {name} cook for the big dinner?",
        ),
        _answer(
            "And who is the best man going to be?",
            f"{other}, of course. We have known each other since school.",
            f"Who will be the best man of {name}?",
        ),
        _Telling(
            turns=(
                (0, f"{other} moved to {away}, did I say?"),
                (1, "No, you did not!"),
                (0, "And the new flat has a view of the river."),
            ),
            marked=(0, 2),
            asked=f"What is known of the flat of {name}'s friend {other}?",
            kind="two turns",
        ),
    ]


def _one(told: str, asked: str, kind: str) -> _Telling:
    return _Telling(turns=((0, told),), marked=(0,), asked=asked, kind=kind)


def _answer(question: str, told: str, asked: str) -> _Telling:
    """The words of the question are the other person's; only the turn after them is the evidence."""
    return _Telling(turns=((1, question), (0, told)), marked=(1,), asked=asked, kind="answer")
