"""The keeper: a small detached process that owns one Postgres server and ends it after its last user.

Run as a script with the standard library only (`python -I -S -E keeper.py FOLDER`, its plan as JSON on
standard input), so that it stays small and needs nothing from the environment that started it. It looks at
the users' lock a few times a second instead of blocking on it: one thread, so forking the server is safe.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path

TICK_SECONDS = 0.2
LOG_LIMIT = 5_000_000
RESTARTS_PER_MINUTE = 5
FAST_STOP_SECONDS = 30.0
IMMEDIATE_STOP_SECONDS = 5.0
LEFTOVERS = ((0.5, signal.SIGINT), (10.0, signal.SIGQUIT), (15.0, signal.SIGKILL))
"""How long processes of an earlier server may linger before each signal; SIGINT also asks an orphaned
postmaster for a fast stop."""
LEFTOVERS_GIVE_UP_SECONDS = 20.0
PR_SET_PDEATHSIG = 1


def try_exclusive(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def open_private(path: Path, flags: int) -> int:
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def command_lines() -> list[tuple[int, bytes]]:
    """Every process's id and command line, with blanks between and after its words."""
    if not Path("/proc/self").exists():
        return listed_command_lines()
    found: list[tuple[int, bytes]] = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found.append((int(entry.name), (entry / "cmdline").read_bytes().replace(b"\0", b" ")))
    return found


def listed_command_lines() -> list[tuple[int, bytes]]:
    """The same from `ps`, for systems without /proc."""
    import subprocess

    command = ("/bin/ps", "-axww", "-o", "pid=,command=")
    outcome = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603 - a fixed command
    return parsed_listing(outcome.stdout)


def parsed_listing(listing: bytes) -> list[tuple[int, bytes]]:
    pairs = (line.strip().partition(b" ") for line in listing.splitlines())
    return [(int(pid), command.strip() + b" ") for pid, _, command in pairs]


class Log:
    """The server's log: two files, bounded."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = open_private(path, os.O_WRONLY | os.O_APPEND)

    def write(self, data: bytes) -> None:
        if os.fstat(self._descriptor).st_size + len(data) > LOG_LIMIT:
            self._path.replace(f"{self._path}.1")
            os.close(self._descriptor)
            self._descriptor = open_private(self._path, os.O_WRONLY | os.O_APPEND)
        os.write(self._descriptor, data)

    def say(self, words: str) -> None:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
        self.write(f"{stamp} [{os.getpid()}] keeper: {words}\n".encode())


class Server:
    """One run of the postmaster, as this process's child."""

    def __init__(self, pid: int, output: int) -> None:
        self.pid = pid
        self.status: int | None = None
        self._output: int | None = output

    def watch(self, log: Log, seconds: float) -> None:
        """Carry output to the log for up to `seconds`, and notice the end of the child."""
        until = time.monotonic() + seconds
        while self.status is None and (left := until - time.monotonic()) > 0:
            if self._output is None:
                time.sleep(min(left, 0.01))
            else:
                self._carry(log, left)
            self._reap()
        self._reap()
        while self.status is not None and self._carry(log, 0):
            pass

    def _carry(self, log: Log, seconds: float) -> bool:
        """Move one piece of output to the log; False where none came within `seconds`."""
        if self._output is None or not select.select([self._output], [], [], seconds)[0]:
            return False
        data = os.read(self._output, 65536)
        if data:
            log.write(data)
        else:
            self.close()
        return True

    def _reap(self) -> None:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        if self._output is not None:
            os.close(self._output)
            self._output = None


class Keeper:
    def __init__(self, plan: dict[str, str], folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._settings: dict[str, str] = json.loads(plan["settings"])
        self._log = Log(self._folder / "postgres.log")
        self._users = open_private(self._folder / "users.lock", os.O_RDWR)
        self._transition = open_private(self._folder / "transition.lock", os.O_RDWR)
        self._port = int(plan["port"])
        self._starts: list[float] = []
        self._idle_since: float | None = None
        self._stop_asked = False

    def ask_to_stop(self, _signal: int, _frame: object) -> None:
        self._stop_asked = True

    def run(self) -> int:
        """Serve until the last user is gone; returns the exit code."""
        server = self._start()
        while server is not None:
            server.watch(self._log, TICK_SECONDS)
            if server.status is not None:
                server.close()
                server = self._after_end(server.status)
            elif self._stop_asked or self._folder_gone() or self._deserted():
                return self._stop(server)
        self._forget()
        return 1

    def _after_end(self, status: int) -> Server | None:
        self._log.say(f"the server ended by itself (status {status})")
        if status == 0:
            return None
        now = time.monotonic()
        self._starts = [start for start in self._starts if now - start < 60]
        if len(self._starts) > RESTARTS_PER_MINUTE:
            self._log.say("it ended too often; giving up")
            return None
        time.sleep(0.1 * len(self._starts))
        return self._start()

    def _start(self) -> Server | None:
        self._starts.append(time.monotonic())
        lock = self._claim_server()
        if lock is None:
            self._log.say("processes of an earlier server do not end; giving up")
            return None
        self._clear_stale_pid_file()
        self._port = self._free_port()
        reader, writer = os.pipe()
        keeper = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                self._become_server(keeper, lock, writer)
            finally:
                os._exit(127)
        os.close(writer)
        os.close(lock)
        server = Server(pid, reader)
        self._announce(server)
        return server

    def _claim_server(self) -> int | None:
        """The server's lock, once no process of an earlier server lives; None where they would not end."""
        lock = open_private(self._folder / "server.lock", os.O_RDWR)
        begin = time.monotonic()
        stages = list(LEFTOVERS)
        while not try_exclusive(lock):
            waited = time.monotonic() - begin
            if waited > LEFTOVERS_GIVE_UP_SECONDS:
                os.close(lock)
                return None
            if stages and waited > stages[0][0]:
                self._signal_leftovers(stages.pop(0)[1])
            time.sleep(0.01)
        return lock

    def _signal_leftovers(self, number: signal.Signals) -> None:
        data, name = (self._plan[key].encode() for key in ("data", "name"))
        for pid, line in command_lines():
            postmaster = line.split(b" ", 1)[0].endswith(b"postgres") and b" -D " + data + b" " in line
            if postmaster or line.startswith(b"postgres: " + name + b": "):
                self._log.say(f"sending {number.name} to process {pid} of an earlier server")
                try:
                    os.kill(pid, number)
                except OSError as error:
                    self._log.say(f"process {pid}: {error.strerror}")

    def _clear_stale_pid_file(self) -> None:
        """Remove the pid file of a crashed server whose number now belongs to some other program.

        Postgres itself judges every other case. The server's lock is ours here, so no server that a
        keeper started lives.
        """
        path = Path(self._plan["data"]) / "postmaster.pid"
        try:
            pid = int(path.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return
        if not any(number == pid and b"postgres" in line for number, line in command_lines()):
            path.unlink()

    def _free_port(self) -> int:
        """The last server's port where it is still free, so that its users find the new one; else any."""
        for wished in (self._port, 0):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((self._plan["host"], wished))
                except OSError:
                    continue
                port: int = probe.getsockname()[1]
                return port
        raise OSError("no free port")

    def _become_server(self, keeper: int, lock: int, output: int) -> None:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.set_inheritable(lock, True)  # noqa: FBT003 - positional only
        os.umask(0o077)
        if self._plan["uid"]:
            os.setgroups([])
            os.setgid(int(self._plan["gid"]))
            os.setuid(int(self._plan["uid"]))
        if self._plan["tied"]:
            # Only after the change of user, which would undo it: without its keeper the server stops, fast.
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
            if os.getppid() != keeper:
                os._exit(1)
        for number in (signal.SIGPIPE, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        settings = {**self._settings, "port": str(self._port), "cluster_name": self._plan["name"]}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        command = [self._plan["postgres"], "-D", self._plan["data"], *options]
        os.execve(command[0], command, {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"})  # noqa: S606

    def _announce(self, server: Server) -> None:
        runtime = {
            "host": self._plan["host"],
            "port": self._port,
            "postmaster_pid": server.pid,
            "keeper_pid": os.getpid(),
        }
        draft = self._folder / "runtime.json.new"
        descriptor = open_private(draft, os.O_WRONLY | os.O_TRUNC)
        os.write(descriptor, json.dumps(runtime).encode())
        os.close(descriptor)
        draft.replace(self._folder / "runtime.json")

    def _forget(self) -> None:
        (self._folder / "runtime.json").unlink(missing_ok=True)

    def _folder_gone(self) -> bool:
        """Whether somebody deleted the folder: then its users' lock is no longer anybody's."""
        try:
            return (self._folder / "users.lock").stat().st_ino != os.fstat(self._users).st_ino
        except FileNotFoundError:
            return True

    def _deserted(self) -> bool:
        """Whether nobody used the server for the time of grace; if so, nobody can begin to until we exit."""
        if not try_exclusive(self._users):
            self._idle_since = None
            return False
        fcntl.flock(self._users, fcntl.LOCK_UN)
        now = time.monotonic()
        if self._idle_since is None:
            self._idle_since = now
        if now - self._idle_since < float(self._plan["grace"]) or not try_exclusive(self._transition):
            return False
        if try_exclusive(self._users):
            return True
        fcntl.flock(self._transition, fcntl.LOCK_UN)
        return False

    def _stop(self, server: Server) -> int:
        for number, seconds in (
            (signal.SIGINT, FAST_STOP_SECONDS),
            (signal.SIGQUIT, IMMEDIATE_STOP_SECONDS),
            (signal.SIGKILL, IMMEDIATE_STOP_SECONDS),
        ):
            if server.status is None:
                os.kill(server.pid, number)
                server.watch(self._log, seconds)
        self._forget()
        return 0


def main() -> int:
    plan: dict[str, str] = json.load(sys.stdin)
    # The keeper's lock, taken by whoever started this process; the server must not inherit it.
    os.set_inheritable(int(plan["lock"]), False)  # noqa: FBT003 - positional only
    if os.fork() > 0:
        os._exit(0)
    os.umask(0o077)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    keeper = Keeper(plan, Path(sys.argv[1]))
    signal.signal(signal.SIGTERM, keeper.ask_to_stop)
    signal.signal(signal.SIGINT, keeper.ask_to_stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return keeper.run()


if __name__ == "__main__":
    sys.exit(main())
