"""Typed client of a Greenroom gateway, generated from its OpenAPI document, and verification of its webhooks."""

from greenroom_client import models
from greenroom_client.api.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    SDKError,
    UnprocessableEntityError,
)
from greenroom_client.api.options import RequestOptions
from greenroom_client.client import AsyncGreenroom, Greenroom, get_fault
from greenroom_client.webhooks import Event, UnknownEvent, VerificationError, verify

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncGreenroom",
    "AuthenticationError",
    "BadRequestError",
    "ConflictError",
    "Event",
    "Greenroom",
    "InternalServerError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "RequestOptions",
    "SDKError",
    "UnknownEvent",
    "UnprocessableEntityError",
    "VerificationError",
    "get_fault",
    "models",
    "verify",
]
