# SPDX-License-Identifier: Apache-2.0
"""Refusals as an API server, or a load balancer in front of it, words them."""
import json

# HTTP status to the reason in a metav1.Status.
REASONS = {403: "Forbidden", 404: "NotFound", 409: "Conflict", 410: "Expired", 500: "InternalError",
           503: "ServiceUnavailable", 504: "Timeout"}


def status_document(code, retry_after=None):
    """A metav1.Status of failure."""
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
              "message": f"injected fault {code}", "reason": REASONS.get(code, "Unknown"), "code": code}
    if retry_after is not None:
        status["details"] = {"retryAfterSeconds": retry_after}
    return status


def answer(code, retry_after=None):
    """Headers and body of a refusal; 429 is plain text from API servers, 502 a page from a load balancer."""
    if code == 429:
        kind, body = "text/plain; charset=utf-8", b"Too many requests, please try again later.\n"
    elif code == 502:
        kind, body = "text/html", b"<html><head><title>502 Bad Gateway</title></head><body></body></html>\n"
    else:
        kind, body = "application/json", json.dumps(status_document(code, retry_after)).encode() + b"\n"
    headers = [("content-type", kind), ("content-length", str(len(body)))]
    if retry_after is not None:
        headers.append(("retry-after", str(retry_after)))
    return headers, body


def error_event(code):
    """A watch event that says that the watch has failed."""
    return json.dumps({"type": "ERROR", "object": status_document(code)}).encode() + b"\n"
