"""Refuses settings of this shell that differ from those of the running server."""

from __future__ import annotations

from clipbench.client.connection import Connection
from clipbench.config import PREFIX, Settings
from clipbench.contract import endpoints
from clipbench.contract.documents import answer
from clipbench.errors import InvalidRequest
from clipbench.preflight import checkpoint_digests


def refuse_other_settings(settings: Settings, connection: Connection) -> None:
    """Raises InvalidRequest when the server has other checkpoints, or runs on another device.

    A run would score what the server's names stand for, and say nothing of this shell's. What this
    shell does not set is not compared.
    """
    if not settings.checkpoints and not settings.device:
        return
    served = answer(connection.request(endpoints.MODELS))
    device = settings.device.removesuffix(":0")
    if device and device != str(served.get("device", "")).removesuffix(":0"):
        raise _differing(
            "DEVICE", f"{settings.device}, and it runs on {served.get('device')}", connection
        )
    theirs = served.get("checkpoints", {})
    for name, digest in checkpoint_digests(settings).items():
        if name not in theirs:
            raise _differing("CHECKPOINTS", f"{name}, which it has not", connection)
        if theirs[name] != digest:
            raise _differing("CHECKPOINTS", f"{name}, which is another file there", connection)


def _differing(setting: str, difference: str, connection: Connection) -> InvalidRequest:
    return InvalidRequest(
        f"{PREFIX}{setting} is for the server to decide, and the server at {connection.server} has "
        f"decided otherwise: here it names {difference}. Unset it, or start a server with it "
        "(`clipbench serve --any-port`) and name that with --server"
    )
