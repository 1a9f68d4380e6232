"""One child process and the socket to it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from subprocess import DEVNULL
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import Process, UNIXSocketStream

from ocr_api.errors import ChildDiedError
from ocr_api.messages import (
    HEADER,
    MAX_FILES,
    Message,
    Ready,
    TextRead,
    WeightsProgress,
    decode_body,
    decode_header,
    encode_body,
    encode_frame,
)

_RECEIVE_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class ChildCommand:
    """How a kind of child is started.

    Attributes:
        module: The module that runs as the child, e.g. `ocr_api.child.document_process`.
        arguments: Further arguments, after the socket's descriptor and the parent's pid.
        environment: The child's whole environment.
        start_timeout_s: Seconds in which it must say that it is ready.
    """

    module: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] | None = None
    start_timeout_s: float = 60.0


class Files:
    """Descriptors that came with a message; closed at the end of the context."""

    def __init__(self, descriptors: Sequence[int]) -> None:
        self.descriptors = tuple(descriptors)

    def close(self) -> None:
        """Closes them all; a second call does nothing."""
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class ChildProcess:
    """A running child that answers one request at a time.

    Whatever interrupts a request (a timeout, a cancellation, a broken socket) leaves the two ends
    out of step, so the child is killed then: that is how the end of the work is made certain.
    """

    def __init__(self, process: Process, stream: UNIXSocketStream, name: str) -> None:
        self._process = process
        self._stream = stream
        self.name = name
        self.requests_done = 0
        self.subject = ""  # what it worked on last; the pool lends by it
        self._sending = anyio.Lock()

    @classmethod
    async def start(cls, command: ChildCommand) -> ChildProcess:
        """Starts a fresh interpreter and waits until it is ready.

        Raises:
            ChildDiedError: It could not be started, ended, or was silent for too long.
        """
        try:
            process, ours = await cls._spawn(command)
        except OSError as exc:  # e.g. no memory to fork, or no file descriptors
            msg = f"A process could not be started: {exc.strerror or type(exc).__name__}."
            raise ChildDiedError(msg) from exc
        stream = await UNIXSocketStream.from_socket(ours)
        child = cls(process, stream, command.module.rpartition(".")[2])
        await child._greet(command.start_timeout_s)
        return child

    @staticmethod
    async def _spawn(command: ChildCommand) -> tuple[Process, socket.socket]:
        """Starts the interpreter; gives it, and this end of the socket between the two."""
        ours, theirs = socket.socketpair()
        with contextlib.ExitStack() as closed, theirs:
            closed.callback(ours.close)
            process = await anyio.open_process(
                [
                    *(sys.executable, "-P", "-m", command.module),
                    *(str(theirs.fileno()), str(os.getpid()), *command.arguments),
                ],
                stdin=DEVNULL,
                stdout=DEVNULL,
                stderr=None,
                env=command.environment or {},
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
            closed.pop_all()
        return process, ours

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """The child has not ended, as far as is known."""
        return self._process.returncode is None

    async def ended(self) -> None:
        """Waits until the process is gone, however it ended."""
        await self._process.wait()

    async def request(
        self,
        message: Message,
        files: Sequence[int] = (),
        *,
        timeout_s: float | None,
        on_text: Callable[[TextRead], None] | None = None,
        on_progress: Callable[[WeightsProgress], None] | None = None,
    ) -> tuple[Message, Files]:
        """Sends a request and waits for its answer.

        Args:
            message: What is asked.
            files: Descriptors that travel beside it; the caller keeps and closes its own copies.
            timeout_s: Seconds until the child is killed; None = never.
            on_text: Called with text that is read before the answer is complete.
            on_progress: Called with how far a download has come.

        Returns:
            The answer (which may be `Failed`) and the descriptors that came with it.

        Raises:
            TimeoutError: No answer in time; the child was killed.
            ChildDiedError: The child ended before it answered.
        """
        try:
            with anyio.fail_after(timeout_s):
                await self._send(message, files)
                answer = await self._receive_answer(on_text, on_progress)
        except (anyio.BrokenResourceError, anyio.EndOfStream, ConnectionError, ValueError) as exc:
            await self.kill()
            msg = f"The {self.name} ended ({self._ending()}) before it answered."
            raise ChildDiedError(msg, exit_status=self._process.returncode) from exc
        except BaseException:
            await self.kill()
            raise
        self.requests_done += 1
        return answer

    async def tell(self, message: Message) -> None:
        """Sends, while a request is being answered, what has no answer of its own.

        A child that is gone is passed over: the request tells that.
        """
        with anyio.CancelScope(shield=True):
            try:
                await self._send(message, ())
            except (anyio.BrokenResourceError, anyio.ClosedResourceError, ConnectionError):
                return

    async def kill(self) -> None:
        """Ends the process at once and waits until it is gone; not interrupted by cancellation."""
        with anyio.CancelScope(shield=True):
            if self.is_running:
                # Not Popen.kill: it reaps a child that has just ended, and its exit status is lost.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
            await self._process.wait()
            await self._stream.aclose()

    async def _greet(self, timeout_s: float) -> None:
        try:
            with anyio.fail_after(timeout_s):
                greeting, files = await self._receive()
        except TimeoutError as exc:
            await self.kill()
            msg = f"The {self.name} was not up within {timeout_s:g} s."
            raise ChildDiedError(msg) from exc
        except (anyio.BrokenResourceError, anyio.EndOfStream, ValueError) as exc:
            await self.kill()
            msg = f"The {self.name} ended ({self._ending()}) while it started."
            raise ChildDiedError(msg) from exc
        except BaseException:
            await self.kill()
            raise
        files.close()
        if not isinstance(greeting, Ready):
            await self.kill()
            msg = f"The {self.name} did not say that it was ready."
            raise ChildDiedError(msg)

    async def _receive_answer(
        self,
        on_text: Callable[[TextRead], None] | None,
        on_progress: Callable[[WeightsProgress], None] | None,
    ) -> tuple[Message, Files]:
        while True:
            message, files = await self._receive()
            match message:
                case TextRead():
                    if on_text is not None:
                        on_text(message)
                case WeightsProgress():
                    if on_progress is not None:
                        on_progress(message)
                case _:
                    return message, files

    async def _send(self, message: Message, files: Sequence[int]) -> None:
        frame = encode_frame(encode_body(message), len(files))
        async with self._sending:
            if not files:
                await self._stream.send(frame)
                return
            await self._stream.send_fds(frame[: HEADER.size], list(files))
            await self._stream.send(frame[HEADER.size :])

    async def _receive(self) -> tuple[Message, Files]:
        header = bytearray()
        descriptors: list[int] = []
        while len(header) < HEADER.size:
            part, came = await self._stream.receive_fds(HEADER.size - len(header), MAX_FILES)
            if not part:
                raise anyio.EndOfStream
            header += part
            descriptors += came
        files = Files(descriptors)
        try:
            length, file_count = decode_header(bytes(header))
            _check_count(file_count, len(descriptors))
            return decode_body(await self._receive_exactly(length)), files
        except BaseException:
            files.close()
            raise

    async def _receive_exactly(self, length: int) -> bytes:
        received = bytearray()
        while len(received) < length:
            received += await self._stream.receive(min(_RECEIVE_BYTES, length - len(received)))
        return bytes(received)

    def _ending(self) -> str:
        code = self._process.returncode
        if code is None:
            return "still running"
        return f"killed by signal {-code}" if code < 0 else f"exit status {code}"


def _check_count(announced: int, came: int) -> None:
    if announced != came:
        msg = f"{announced} files were announced, {came} came"
        raise ValueError(msg)
