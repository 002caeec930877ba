"""What Kling answers when it does not do what it was asked: its service codes, as data."""

import uuid
from collections.abc import Mapping
from typing import Any

SERVICE_ERRORS: Mapping[int, tuple[int, str]] = {
    1000: (401, "Authentication failed"),
    1001: (401, "Authorization is empty"),
    1002: (401, "Authorization is invalid"),
    1003: (401, "Authorization is not yet valid"),
    1004: (401, "Authorization has expired"),
    1100: (429, "Account exception"),
    1101: (429, "Account in arrears"),
    1102: (429, "Account balance not enough"),
    1103: (403, "Unauthorized access to requested resource"),
    1200: (400, "Invalid request parameters"),
    1201: (400, "Invalid parameters"),
    1202: (404, "The requested method is invalid"),
    1203: (404, "The requested resource does not exist"),
    1300: (400, "Trigger strategy of the platform"),
    1301: (400, "Trigger the content security policy of the platform"),
    1302: (429, "The API request is too fast, exceeding the platform rate limit"),
    1303: (429, "parallel task over resource pack limit"),
    1304: (429, "Trigger the platform's IP whitelist policy"),
    5000: (500, "Server internal error"),
    5001: (503, "Server temporarily unavailable, usually due to maintenance"),
    5002: (504, "Server internal timeout"),
}
"""Service code -> HTTP status and message. Source: the vendor's table, corrected by what was seen live."""

JWT_ON_NEW_API = (
    "Authentication error. The current API does not support AK/SK; please go to the console "
    "(https://kling.ai/dev/api-key) to create API key."
)


class RefusalError(Exception):
    """Kling does not do what it was asked, and nothing was created."""

    def __init__(self, code: int, message: str | None = None) -> None:
        """Take a service code and, where Kling's message is not the code's usual one, that message."""
        self.code = code
        self.status, usual = SERVICE_ERRORS[code]
        self.message = message or usual
        super().__init__(f"{self.status}/{code}: {self.message}")

    def body(self) -> dict[str, Any]:
        """Return the JSON object that is answered: code, message and request id, without `data`."""
        return {"code": self.code, "message": self.message, "request_id": str(uuid.uuid4())}


def success(data: Any) -> dict[str, Any]:
    """Return the envelope of a request that was performed."""
    return {"code": 0, "message": "SUCCEED", "request_id": str(uuid.uuid4()), "data": data}
