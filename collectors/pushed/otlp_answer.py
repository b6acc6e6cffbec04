"""What an exporter of OpenTelemetry is answered, in the format in which it spoke.

Source: opentelemetry.io/docs/specs/otlp, "OTLP/HTTP Response"; google.rpc.Status.
"""

import json

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)

from collectors.protobuf import messages

_STATUS = messages("nines.rpc", {"Status": "1 int32 code, 2 string message"})["Status"]


def success(rejected: int, problem: str, *, as_json: bool) -> bytes:
    """It was taken, but for so many data points; `problem` may say something even of none."""
    if as_json:
        partial = {"rejectedDataPoints": str(rejected), "errorMessage": problem}
        return json.dumps({"partialSuccess": partial} if problem else {}).encode()
    answer = ExportMetricsServiceResponse()
    if problem:
        answer.partial_success.CopyFrom(
            ExportMetricsPartialSuccess(rejected_data_points=rejected, error_message=problem)
        )
    told: bytes = answer.SerializeToString()
    return told


def failure(code: int, said: str, *, as_json: bool) -> bytes:
    """It was not taken; `code` is gRPC's."""
    if as_json:
        return json.dumps({"code": code, "message": said}).encode()
    status: bytes = _STATUS(code=code, message=said).SerializeToString()
    return status
