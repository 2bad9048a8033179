"""Checks of the settings before a process starts, without torch and Jina.

`clipbench serve` checks everything here before it starts a Flow; in a container each process checks
what it uses. A check raises a ClipbenchError that names the setting, what was found, what to do.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import ssl
from pathlib import Path

from clipbench.access.tokens import AccessTokens
from clipbench.config import PREFIX, Settings
from clipbench.errors import CheckpointError, DataError, InvalidRequest
from clipbench.registry.table import Registry, packaged
from clipbench.weights.own import as_text, parse
from clipbench.weights.sources import absence


def check_all(settings: Settings) -> None:
    """Every check below, for all processes of one machine."""
    check_gateway(settings, settings.host)
    check_state(settings)
    check_models(settings)


def check_models(settings: Settings) -> None:
    """The device's name, the operator's checkpoints, the default model and the weights' folder."""
    if not re.fullmatch(r"|cpu|cuda(:\d+)?", settings.device):
        raise InvalidRequest(
            f"device {settings.device!r} must be cpu, cuda, or cuda:N as in cuda:1"
        )
    registry = registry_with_checkpoints(settings)
    registry.find(settings.model)
    weights = Path(settings.weights).expanduser()
    if weights.exists() and not weights.is_dir():
        raise DataError(f"{PREFIX}WEIGHTS: {weights} is a file; name a folder")


def registry_with_checkpoints(settings: Settings) -> Registry:
    """The table of models and the operator's own.

    Raises InvalidRequest for one that cannot be read, whose name is taken or whose architecture is
    unknown, CheckpointError for a file that is not there.
    """
    registry = packaged()
    for own in parse(settings.checkpoints, Path.cwd()):
        try:
            registry = registry.with_checkpoint(
                own.name, own.path, architecture=own.architecture, activation=own.activation
            )
        except InvalidRequest as error:
            raise InvalidRequest(f"checkpoint {own.name!r}: {error}") from error
        if problem := absence(own.path):
            raise CheckpointError(f"checkpoint {own.name!r}: {problem}")
    return registry


def checkpoint_digests(settings: Settings) -> dict[str, str]:
    """A digest of what each of the operator's names stands for: architecture, path, activation.

    A client compares its own with a server's, which tells nobody the server's paths.
    """
    return {
        own.name: hashlib.sha256(as_text([own]).encode()).hexdigest()
        for own in parse(settings.checkpoints, Path.cwd())
    }


def check_state(settings: Settings) -> None:
    """The folder of the evaluators' SQLite files is one, and can be written; it is made."""
    if settings.database:
        return
    folder = Path(settings.state).expanduser().absolute()
    advice = "name a folder with --state or CLIPBENCH_STATE"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        blocking = next(path for path in (folder, *folder.parents) if path.exists())
        raise DataError(f"state folder {folder}: {blocking} is a file; {advice}") from None
    except OSError as error:
        raise DataError(f"state folder {folder}: {error.strerror}; {advice}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DataError(f"state folder {folder} cannot be written by this user; {advice}")


def check_gateway(settings: Settings, host: str) -> AccessTokens:
    """Tokens and certificate can be read, and no port is open by accident. Returns the tokens.

    host: where the gateway listens.
    """
    tokens = AccessTokens.load(settings.token_file)
    certificate, key = settings.tls_certificate, settings.tls_key
    if bool(certificate) != bool(key):
        raise InvalidRequest("TLS needs both CLIPBENCH_TLS_CERTIFICATE and CLIPBENCH_TLS_KEY")
    if certificate:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            reason = error.strerror or str(error)
            raise InvalidRequest(
                f"TLS certificate {certificate} with key {key}: {reason}"
            ) from error
    if not (is_loopback(host) or (certificate and tokens) or settings.insecure):
        missing = [w for w, there in (("TLS", certificate), ("a token", tokens)) if not there]
        raise InvalidRequest(
            f"the gateway would listen on {host} without {' and without '.join(missing)}. Set "
            "CLIPBENCH_TLS_CERTIFICATE, CLIPBENCH_TLS_KEY and CLIPBENCH_TOKEN_FILE, listen on "
            "127.0.0.1, or accept that anybody who reaches the port can read and use it: "
            "CLIPBENCH_INSECURE=true"
        )
    return tokens


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
