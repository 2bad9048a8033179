"""Exit 0 when the gRPC service of this container answers its health check.

The address is CLIPBENCH_HEALTH (host:port); without one there is nothing to check (a client).
Behind TLS the server's own certificate is the one to trust.
"""

from __future__ import annotations

import os
import ssl
import sys

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

TIMEOUT = 5.0  # seconds


def channel(address: str, certificate: str) -> grpc.Channel:
    """A channel to `address`, encrypted when the server has a certificate."""
    if not certificate:
        return grpc.insecure_channel(address)
    host, _, port = address.rpartition(":")
    pem = ssl.get_server_certificate((host, int(port)), timeout=TIMEOUT).encode()
    return grpc.secure_channel(
        address,
        grpc.ssl_channel_credentials(pem),
        [("grpc.ssl_target_name_override", _name(pem))],
    )


def _name(pem: bytes) -> str:
    """A name that the certificate is for: this check is about health, not about identity."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    found = x509.load_pem_x509_certificate(pem)
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        dns = names.get_values_for_type(x509.DNSName)
        return str((dns or names.get_values_for_type(x509.IPAddress))[0])
    except x509.ExtensionNotFound:
        return str(found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def main() -> int:
    """0: healthy, or nothing to check. 1: not serving."""
    address = os.environ.get("CLIPBENCH_HEALTH", "")
    if not address:
        return 0
    try:
        with channel(address, os.environ.get("CLIPBENCH_TLS_CERTIFICATE", "")) as open_channel:
            answer = HealthStub(open_channel).Check(HealthCheckRequest(), timeout=TIMEOUT)
    except (grpc.RpcError, OSError) as error:
        print(f"{address}: {error}", file=sys.stderr)
        return 1
    return 0 if answer.status == HealthCheckResponse.SERVING else 1


if __name__ == "__main__":
    sys.exit(main())
