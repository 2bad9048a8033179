"""Ports that a supervisor binds before the processes that listen on them start.

A port that is only looked at may be somebody else's when a process binds it, seconds later. So this
process binds each, without listening, as long as the server runs. Its children bind the same port
beside it (SO_REUSEPORT), now and when they are started again; connections reach those who listen.
"""

from __future__ import annotations

import errno
import logging
import socket

from clipbench.errors import InvalidRequest

log = logging.getLogger("clipbench.serve")

_LAST = 65535


class Ports:
    """TCP ports held until `close`."""

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def claim(self, host: str, port: int, purpose: str, advice: str, *, any_port: bool) -> int:
        """Bind a port and return it; 0, and a taken one with `any_port`, is any free one.

        Raises InvalidRequest when there is no such port, when it is taken, and when the host is no
        address of this machine.
        """
        if not 0 <= port <= _LAST:
            raise InvalidRequest(f"port {port} for {purpose} does not exist: the last is {_LAST}")
        try:
            return self._bind(host, port)
        except OSError as error:
            if any_port and error.errno == errno.EADDRINUSE:
                free = self._bind(host, 0)
                log.info("port %d for %s is taken, using %d", port, purpose, free)
                return free
            if error.errno == errno.EADDRINUSE:
                raise InvalidRequest(
                    f"port {port} for {purpose} is taken on {host}: {advice}"
                ) from None
            reason = error.strerror or str(error)
            raise InvalidRequest(
                f"cannot listen on {host}, port {port}, for {purpose}: {reason}"
            ) from error

    def close(self) -> None:
        """Let go of every port."""
        for held in self._held:
            held.close()
        self._held.clear()

    def _bind(self, host: str, port: int) -> int:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        held = socket.socket(family, kind)
        try:
            if port:
                self._held.append(_lock(port))
            try:
                held.bind(address)  # alone: a listener or another supervisor stands in the way
            except OSError as error:
                if not port or error.errno != errno.EADDRINUSE or _answers(family, address):
                    raise
                # only connections of a server that has just ended are left of it
                held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                held.bind(address)
            chosen = int(held.getsockname()[1])
            if not port:
                self._held.append(_lock(chosen))
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        except OSError:
            held.close()
            raise
        self._held.append(held)
        return chosen


def _lock(port: int) -> socket.socket:
    """A lock between supervisors, which ends with its process: their sockets do share a port.

    Raises OSError (EADDRINUSE) when another supervisor has it.
    """
    lock = socket.socket(socket.AF_UNIX)
    try:
        lock.bind(f"\0clipbench {port}")  # an abstract name: no file
    except OSError:
        lock.close()
        raise
    return lock


def _answers(family: int, address: tuple[object, ...]) -> bool:
    with socket.socket(family) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(address) == 0
