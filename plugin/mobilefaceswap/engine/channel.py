"""The engine's connections to its bridge, and the shared memory of both.

Linux and macOS hand descriptors over through the connection. Windows hands over numbers, which together with a token
that only bridge and engine know name a pipe or a section. Nothing here needs more than the standard library.
"""

from __future__ import annotations

import array
import ctypes
import mmap
import os
import socket
import sys
import weakref
from typing import Protocol

from ..errors import EngineError
from .wire import HEADER_SIZE, Message, handle_of, read_header

__all__ = ["Link", "Memory", "open_control"]

_DESCRIPTOR = array.array("i").itemsize
_CLOSED = "the other side closed the connection"


class Memory(Protocol):
    """A segment of shared memory. It is unmapped once ``view`` is no longer used."""

    @property
    def view(self) -> memoryview:
        """All of it, writable."""
        ...

    def reserve(self, offset: int, count: int) -> None:
        """Makes sure that memory backs the bytes; touching others kills the process. Raises EngineError."""
        ...

    def close(self) -> None:
        """Gives it up."""
        ...


class Link(Protocol):
    """One connection to the bridge."""

    def receive(self, seconds: float | None = None) -> tuple[Message, int | None]:
        """The next message and the handle that came with it.

        Raises ConnectionError at the end, TimeoutError after ``seconds`` without one, EngineError on nonsense.
        """
        ...

    def send(self, message: Message) -> None:
        """Raises OSError if the other side is gone."""
        ...

    def further(self, handle: int) -> Link:
        """The connection that came under ``handle``."""
        ...

    def memory(self, handle: int) -> Memory:
        """The segment that came under ``handle``. Raises OSError."""
        ...

    def close(self) -> None:
        """Ends the connection."""
        ...


def open_control(number: int, token: str = "") -> Link:
    """The connection that the bridge left open under ``number``. token: Windows. Raises OSError."""
    control: Link
    if sys.platform == "win32":
        control = _PipeLink(PipeConnection(number), token)
    else:
        control = _SocketLink(socket.socket(fileno=number))
        # What a host left open for its children is none of ours.
        os.closerange(number + 1, os.sysconf("SC_OPEN_MAX"))
        os.set_inheritable(number, False)
    return control


def _refused(count: int, reason: str | None, advice: str) -> EngineError:
    return EngineError(
        f"expected {count >> 20} MB of shared memory for the result; the system refuses ({reason}). {advice}"
    )


if sys.platform != "win32":

    class _SocketLink:
        """A connected socket without a name."""

        def __init__(self, connection: socket.socket) -> None:
            self._connection = connection

        def receive(self, seconds: float | None = None) -> tuple[Message, int | None]:
            self._connection.settimeout(seconds)
            head, ancillary, _, _ = self._connection.recvmsg(HEADER_SIZE, socket.CMSG_SPACE(_DESCRIPTOR))
            if not head:
                raise ConnectionError(_CLOSED)
            descriptor = None
            for level, sort, data in ancillary:
                if level == socket.SOL_SOCKET and sort == socket.SCM_RIGHTS:
                    descriptor = array.array("i", data[:_DESCRIPTOR])[0]
                    os.set_inheritable(descriptor, False)
            head += self._exactly(HEADER_SIZE - len(head))
            kind, size, version = read_header(head)
            return Message(kind, self._exactly(size), version), descriptor

        def send(self, message: Message) -> None:
            self._connection.sendall(message.packed())

        def further(self, handle: int) -> Link:
            return _SocketLink(socket.socket(fileno=handle))

        def memory(self, handle: int) -> Memory:
            return _MappedFile(handle)

        def close(self) -> None:
            self._connection.close()

        def _exactly(self, count: int) -> bytes:
            parts = bytearray()
            while len(parts) < count:
                part = self._connection.recv(count - len(parts))
                if not part:
                    raise ConnectionError(f"{_CLOSED} in the middle of a message")
                parts += part
            return bytes(parts)

    class _MappedFile:
        def __init__(self, descriptor: int) -> None:
            self._descriptor = descriptor
            self.view = memoryview(mmap.mmap(descriptor, os.fstat(descriptor).st_size))

        def reserve(self, offset: int, count: int) -> None:
            if not hasattr(os, "posix_fallocate"):
                return
            try:
                os.posix_fallocate(self._descriptor, offset, count)
            except OSError as error:
                raise _refused(count, error.strerror, "Free memory, or enlarge /dev/shm") from error

        def close(self) -> None:
            os.close(self._descriptor)

else:
    from multiprocessing.connection import Client, PipeConnection

    _READ_WRITE = 0x2 | 0x4
    _COMMIT, _PAGE_READWRITE = 0x1000, 0x04

    class _Region(ctypes.Structure):
        _fields_ = (
            ("base", ctypes.c_void_p),
            ("allocation", ctypes.c_void_p),
            ("allocation_protection", ctypes.c_uint32),
            ("partition", ctypes.c_uint16),
            ("size", ctypes.c_size_t),
            ("state", ctypes.c_uint32),
            ("protection", ctypes.c_uint32),
            ("kind", ctypes.c_uint32),
        )

    def _kernel() -> ctypes.WinDLL:
        """The functions of the system that the standard library does not offer, declared."""
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        place, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32
        kernel.OpenFileMappingW.argtypes, kernel.OpenFileMappingW.restype = (number, number, ctypes.c_wchar_p), place
        kernel.MapViewOfFile.argtypes, kernel.MapViewOfFile.restype = (place, number, number, number, size), place
        kernel.VirtualAlloc.argtypes, kernel.VirtualAlloc.restype = (place, size, number, number), place
        kernel.VirtualQuery.argtypes, kernel.VirtualQuery.restype = (place, ctypes.POINTER(_Region), size), size
        kernel.UnmapViewOfFile.argtypes = (place,)
        kernel.CloseHandle.argtypes = (place,)
        return kernel

    _KERNEL = _kernel()

    def _name(token: str, number: int) -> str:
        return f"mobilefaceswap-{token}-{number}"

    class _PipeLink:
        """The client's end of a pipe whose messages are ours, one to one."""

        def __init__(self, connection: PipeConnection, token: str) -> None:
            self._connection, self._token = connection, token

        def receive(self, seconds: float | None = None) -> tuple[Message, int | None]:
            try:
                if seconds is not None and not self._connection.poll(seconds):
                    raise TimeoutError(f"no message within {seconds} s")
                content = self._connection.recv_bytes()
            except EOFError as error:
                raise ConnectionError(_CLOSED) from error
            head, body = content[:HEADER_SIZE], content[HEADER_SIZE:]
            kind, size, version = read_header(head)
            if len(body) != size:
                raise EngineError(
                    f"expected a body of {size} bytes from the bridge; found {len(body)}. "
                    "Run `mobilefaceswap ofx install`"
                )
            return Message(kind, body, version), handle_of(head) or None

        def send(self, message: Message) -> None:
            self._connection.send_bytes(message.packed())

        def further(self, handle: int) -> Link:
            pipe = Client(rf"\\.\pipe\{_name(self._token, handle)}", "AF_PIPE")
            assert isinstance(pipe, PipeConnection)
            return _PipeLink(pipe, self._token)

        def memory(self, handle: int) -> Memory:
            return _Section(rf"Local\{_name(self._token, handle)}")

        def close(self) -> None:
            self._connection.close()

    class _Section:
        """A view of a section. Pages are committed where they are needed: a full page file refuses there."""

        def __init__(self, name: str) -> None:
            section = _KERNEL.OpenFileMappingW(_READ_WRITE, 0, name)
            if not section:
                raise ctypes.WinError(ctypes.get_last_error())
            address = _KERNEL.MapViewOfFile(section, _READ_WRITE, 0, 0, 0)
            error = ctypes.get_last_error()
            # The view keeps the section.
            _KERNEL.CloseHandle(section)
            if not address:
                raise ctypes.WinError(error)
            self._address = int(address)
            pixels = (ctypes.c_ubyte * _mapped_bytes(self._address)).from_address(self._address)
            weakref.finalize(pixels, _KERNEL.UnmapViewOfFile, self._address)
            self.view = memoryview(pixels).cast("B")

        def reserve(self, offset: int, count: int) -> None:
            if not _KERNEL.VirtualAlloc(self._address + offset, count, _COMMIT, _PAGE_READWRITE):
                reason = ctypes.FormatError(ctypes.get_last_error())
                raise _refused(count, reason, "Close other programs, or enlarge the page file")

        def close(self) -> None:
            self.view = memoryview(b"")

    def _mapped_bytes(address: int) -> int:
        """The size of a view, in which committed and reserved pages alternate."""
        region, count = _Region(), 0
        while _KERNEL.VirtualQuery(address + count, ctypes.byref(region), ctypes.sizeof(region)):
            if region.allocation != address:
                break
            count += region.size
        return count
