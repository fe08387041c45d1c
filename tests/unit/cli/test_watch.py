from __future__ import annotations

import io
from uuid import uuid4

from rich.console import Console

from cli.silence import Silence
from cli.watch import Lines, Screen
from tests.unit.cli.trees import agent, event, spawned, task, tree
from treehold import TransportError, Tree


def drawn(screen: Screen) -> str:
    out = io.StringIO()
    Console(file=out, width=80).print(screen)
    return out.getvalue()


class Server:
    """Counts how often the tree is asked for."""

    def __init__(self) -> None:
        self.asked = 0
        self.lost = False

    def tree(self) -> Tree:
        self.asked += 1
        if self.lost:
            raise TransportError("lost")
        return tree(task(status="running"), agent(title=f"look {self.asked}"))


def test_many_events_make_one_request_for_each_refresh_and_none_makes_none() -> None:
    server = Server()
    screen = Screen(server.tree, Silence(lambda: 0.0, remedy=""))
    for _ in range(500):
        screen.heard(event("model.started", uuid4(), call="c"))
    assert server.asked == 0
    screen.tick()
    screen.tick()
    assert server.asked == 1
    screen.heard(event("model.finished", uuid4(), call="c"))
    screen.tick()
    assert server.asked == 2
    assert "look 2" in drawn(screen)


def test_a_tree_that_could_not_be_fetched_is_asked_for_again() -> None:
    server = Server()
    screen = Screen(server.tree, Silence(lambda: 0.0, remedy=""))
    server.lost = True
    screen.tick()
    server.lost = False
    screen.tick()
    assert "look 2" in drawn(screen)


def test_the_screen_ends_in_what_happened_last_or_in_what_does_not_happen() -> None:
    now = 0.0
    screen = Screen(Server().tree, Silence(lambda: now, remedy="start one"))
    screen.heard(spawned(uuid4(), parent=None))
    screen.tick()
    assert "a lead agent takes the task" in drawn(screen)
    now = 15.0
    screen.tick()
    assert "no worker has taken this for 15 s: start one" in drawn(screen)
    screen.stopping()
    assert "stopping..." in drawn(screen)


def test_scripts_are_only_told_of_silence() -> None:
    now, lines = 0.0, list[str]()
    view = Lines(lines.append, Silence(lambda: now, remedy="start one"), quiet=True)
    view.heard(spawned(uuid4(), parent=None))
    view.tick()
    assert lines == []
    now = 20.0
    view.tick()
    view.tick()
    assert lines == ["no worker has taken this for 20 s: start one"]


def test_a_pipe_gets_a_line_for_each_event_that_says_something() -> None:
    lines: list[str] = []
    view = Lines(lines.append, Silence(lambda: 0.0, remedy=""), quiet=False)
    view.heard(spawned(uuid4(), parent=None))
    view.heard(event("tree.revised", uuid4(), revision=1))
    assert lines == ["a lead agent takes the task"]


ASKED = event("approval.requested", uuid4(), approval="a-1", kind="tool", name="post", arguments="{}")


def test_whoever_watches_is_told_how_to_decide_also_where_only_silence_is_told() -> None:
    for quiet in (True, False):
        lines: list[str] = []
        Lines(lines.append, Silence(lambda: 0.0, remedy=""), quiet=quiet).heard(ASKED)
        assert ["treehold approve a-1" in line for line in lines] == [True]


def test_on_a_screen_it_is_written_where_it_stays() -> None:
    lines: list[str] = []
    screen = Screen(Server().tree, Silence(lambda: 0.0, remedy=""), write=lines.append)
    screen.heard(ASKED)
    screen.heard(event("model.started", uuid4(), call="c"))
    assert ["treehold approve a-1" in line for line in lines] == [True]
