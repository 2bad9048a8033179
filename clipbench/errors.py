"""The errors that clipbench raises, as a tree.

    ClipbenchError
    ├── InvalidRequest      a parameter, tag or file is not what the contract asks for
    │   ├── UnknownName     a model, data set, job or endpoint that does not exist
    │   ├── TooLarge        a stated limit is exceeded
    │   └── DocumentRefused a request of `/encode` or `/rank` holds a document of no use
    ├── JobConflict         the job exists with other settings, or belongs to someone else
    ├── CheckpointError     weights are missing, damaged or not what the registry states
    ├── DataError           a data set is missing, short or damaged
    ├── Unsupported         this machine, runtime or data set cannot do what was asked
    ├── Unauthorized        no token, a wrong token, or a role that does not allow it
    └── Unavailable         the server cannot be reached, or is still starting

Every message states the expected value and the next step.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class ClipbenchError(Exception):
    """Base of every error that clipbench raises on purpose.

    `code` is the word before the message when a command ends with it. On the wire an error has
    the name of its class.
    """

    code = "error"


class InvalidRequest(ClipbenchError):
    """A parameter, tag or file is not what the contract asks for."""

    code = "invalid_request"


_LISTED = 100  # names in a message


class UnknownName(InvalidRequest):
    """A model, data set, job or endpoint that does not exist; the message names near ones."""

    code = "unknown_name"

    def __init__(self, kind: str, name: str, known: Iterable[str], *, hint: str = "") -> None:
        known = sorted(set(known))
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        text = f"unknown {kind} {name!r}"
        if near:
            text += f"; did you mean {' or '.join(near)}?"
        if known and (not near or len(known) <= _LISTED):  # more would hide the near ones
            text += f"{'' if near else ';'} Known: {', '.join(known[:_LISTED])}"
            text += f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
        super().__init__(f"{text} {hint}".rstrip())
        self.kind, self.name, self.known = kind, name, known


class TooLarge(InvalidRequest):
    """A stated limit is exceeded."""

    code = "too_large"


class DocumentRefused(InvalidRequest):
    """A request of `/`, `/encode` or `/rank` holds documents that cannot be encoded.

    The message names each; `reasons` are theirs, in the same order.
    """

    code = "document_refused"

    def __init__(self, message: str, reasons: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.reasons = tuple(reasons)


class JobConflict(ClipbenchError):
    """The job exists with other settings, or belongs to someone else."""

    code = "job_conflict"


class CheckpointError(ClipbenchError):
    """Weights are missing, damaged or not what the registry states."""

    code = "checkpoint"


class DataError(ClipbenchError):
    """A data set is missing, short or damaged."""

    code = "data"


class Unsupported(ClipbenchError):
    """This machine, runtime or data set cannot do what was asked."""

    code = "unsupported"


class Unauthorized(ClipbenchError):
    """No token, a wrong token, or a role that does not allow it."""

    code = "unauthorized"


class Unavailable(ClipbenchError):
    """The server cannot be reached, or is still starting."""

    code = "unavailable"
