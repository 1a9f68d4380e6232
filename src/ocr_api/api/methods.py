"""Methods: HEAD wherever there is GET, and `Allow` with everything that an address offers."""

from __future__ import annotations

from fastapi import Request
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")


class HeadAnswers:
    """ASGI middleware: HEAD is answered as GET is, without the body (RFC 9110, 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on; of a HEAD as if it were a GET."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        has_ended = False

        async def send_head(message: Message) -> None:
            """Ends the answer where its body begins: a stream of events would have no end."""
            nonlocal has_ended
            if message["type"] == "http.response.start":
                await send(message)
            elif not has_ended:
                has_ended = True
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        await self._app({**scope, "method": "GET"}, receive, send_head)


def offered_methods(request: Request) -> str:
    """Gives the value of `Allow` for the address of a request, in alphabetical order.

    A path that is documented by itself counts before a template that it fits by chance:
    `/models/switch` is no model.
    """
    documented = request.app.openapi()["paths"].get(request.url.path, ())
    found = {method.upper() for method in documented}
    found = found or {method for method in _METHODS if _is_offered(request, method)}
    return ", ".join(sorted(found | {"HEAD"} if "GET" in found else found))


def _is_offered(request: Request, method: str) -> bool:
    scope = {**request.scope, "method": method}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
