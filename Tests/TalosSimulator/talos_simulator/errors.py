# SPDX-License-Identifier: Apache-2.0
"""How a method refuses, with the code and the text of a real node."""
from grpclib import GRPCError
from grpclib.const import Status


class Refusal(GRPCError):
    """An answer that is no answer; what Talos does not classify is UNKNOWN."""

    def __init__(self, status, text):
        super().__init__(status, text)


def unknown(text):
    return Refusal(Status.UNKNOWN, text)


def invalid(text):
    return Refusal(Status.INVALID_ARGUMENT, text)


def precondition(text):
    return Refusal(Status.FAILED_PRECONDITION, text)


def unimplemented(text):
    return Refusal(Status.UNIMPLEMENTED, text)


def denied(text="not authorized"):
    return Refusal(Status.PERMISSION_DENIED, text)


def not_found(text):
    return Refusal(Status.NOT_FOUND, text)


def exists(text):
    return Refusal(Status.ALREADY_EXISTS, text)


def unavailable(text):
    return Refusal(Status.UNAVAILABLE, text)


def deadline(text="context deadline exceeded"):
    return Refusal(Status.DEADLINE_EXCEEDED, text)
