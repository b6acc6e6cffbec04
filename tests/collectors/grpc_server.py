"""A real gRPC server with the reference health service: `PORT [TLS_PORT KEY CHAIN]`.

It runs as a process of its own, for grpcio's threads outlive a test.
"""

import sys
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

_STATUS = health_pb2.HealthCheckResponse


class Health(health.HealthServicer):  # type: ignore[misc]  # it has no types
    """The reference one, with a service that only those see who sign in."""

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802, ANN401 - its names and types
        told = dict(context.invocation_metadata())
        if request.service == "shop.Private" and told.get("authorization") != "Bearer hush-1":
            said = f"who are you, {told.get('authorization')}?"
            context.abort(grpc.StatusCode.UNAUTHENTICATED, said)
        return super().Check(request, context)


def main(port: str, *tls: str) -> None:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    servicer = Health()
    for service, status in {
        "": _STATUS.SERVING,
        "shop.Orders": _STATUS.NOT_SERVING,
        "shop.Cart": _STATUS.UNKNOWN,
        "shop.Gone": _STATUS.SERVICE_UNKNOWN,
        "shop.Private": _STATUS.SERVING,
    }.items():
        servicer.set(service, status)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    if tls:
        tls_port, key, chain = tls
        pair = (Path(key).read_bytes(), Path(chain).read_bytes())
        server.add_secure_port(f"127.0.0.1:{tls_port}", grpc.ssl_server_credentials([pair]))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
