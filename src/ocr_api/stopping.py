"""How a process that works is asked to stop: by a signal, and with some time to end its work."""

from __future__ import annotations

import signal

import anyio


async def stop_on_signal(stop: anyio.Event) -> None:
    """Sets the event at SIGTERM and SIGINT, until cancelled; a second one changes nothing."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            stop.set()


async def cancel_after_stop(scope: anyio.CancelScope, stop: anyio.Event, patience_s: float) -> None:
    """Cancels what is still in work `patience_s` seconds after the event."""
    await stop.wait()
    await anyio.sleep(patience_s)
    scope.cancel()
