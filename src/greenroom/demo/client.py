"""JSON over HTTP for the demo: the standard library is enough on loopback."""

from __future__ import annotations

import base64
import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

DEADLINE_S = 35.0


class Unexpected(Exception):
    """An answer that the demo does not expect; names the request and the answer."""


@dataclass(frozen=True)
class Client:
    """Calls one server, with an API key as Basic user name if it is given."""

    base: str
    key: str | None = None

    def call(self, method: str, path: str, body: object = None) -> Any:
        """
        Returns the JSON of the answer; None for an empty answer.

        Raises:
            Unexpected: no answer, or one that is not 2xx.
        """
        text = self.text(method, path, body)
        return json.loads(text) if text else None

    def text(self, method: str, path: str, body: object = None) -> str:
        """
        Returns the body of the answer.

        Raises:
            Unexpected: no answer, or one that is not 2xx.
        """
        parts = urlsplit(self.base)
        headers = {"content-type": "application/json", "user-agent": "greenroom-demo"}
        if self.key:
            headers["authorization"] = "Basic " + base64.b64encode(f"{self.key}:".encode()).decode()
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=DEADLINE_S)
        try:
            content = None if method == "GET" else json.dumps({} if body is None else body)
            connection.request(method, parts.path + path, content, headers)
            response = connection.getresponse()
            text = response.read().decode()
        except OSError as error:
            raise Unexpected(f"{method} {self.base}{path}: {error}") from error
        finally:
            connection.close()
        if not 200 <= response.status < 300:
            raise Unexpected(f"{method} {self.base}{path} answered {response.status}: {text[:1500]}")
        return text
