"""
Ways past the proxy that a confined program could try on purpose: as JSON, what became of each.

    python attempts.py ABSTRACT_SOCKET

"of the kernel" are those that need something which the program should not have, each with the name
of its error; "of the network" are those that reach the proxy, each with the status of its answer.
"""

import array
import contextlib
import ctypes
import errno
import fcntl
import json
import os
import socket
import ssl
import struct
import sys
from collections.abc import Callable
from http.client import HTTPResponse

PROVIDER, OTHER_PROVIDER, PLAIN = "api.openai.com", "api.groq.com", "fal.run"
BODY = json.dumps(
    {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 50}
).encode()
SECONDS_MAX = 120

# <linux/ptrace.h>, <linux/sockios.h>, <linux/rtnetlink.h>, <asm/unistd.h>
PTRACE_SEIZE = 0x4206
SIOCSIFADDR = 0x8916
NETLINK_ROUTE, RTM_NEWROUTE, NLM_F_REQUEST_ACK_CREATE = 0, 24, 0x405
CALL_IO_URING_SETUP, CALL_PIDFD_GETFD, CALL_IO_URING_ENTER = 425, 438, 426

LIBC = ctypes.CDLL(None, use_errno=True)
PARENT = os.getppid()


def system_call(number: int, *arguments: object) -> int:
    """Raises what it fails with."""
    result = int(LIBC.syscall(number, *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


# --- of the kernel -------------------------------------------------------------------------------


def seize() -> None:
    """Become the tracer of LLMCap."""
    if LIBC.ptrace(PTRACE_SEIZE, PARENT, None, None) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def take_file() -> None:
    """One of LLMCap's open files."""
    system_call(CALL_PIDFD_GETFD, os.pidfd_open(PARENT), 0, 0)


def join(pid: int) -> None:
    """Another process's network."""
    os.setns(os.open(f"/proc/{pid}/ns/net", os.O_RDONLY), os.CLONE_NEWNET)


def add_address() -> None:
    """One more on the loopback interface."""
    request = struct.pack("16sHH4s", b"lo:9", socket.AF_INET, 0, socket.inet_aton("192.0.2.1"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFADDR, request.ljust(40, b"\0"))


def add_route() -> None:
    """A route for everything over the loopback interface, by netlink."""
    link = struct.pack("=HHI", 8, 4, socket.if_nametoindex("lo"))  # RTA_OIF
    route = struct.pack("=8BI", socket.AF_INET, 0, 0, 0, 254, 4, 253, 1, 0) + link
    head = struct.pack("=IHHII", 16 + len(route), RTM_NEWROUTE, NLM_F_REQUEST_ACK_CREATE, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE) as netlink:
        netlink.send(head + route)
        (number,) = struct.unpack_from("=i", netlink.recv(4096), 16)
    if number:
        raise OSError(-number, os.strerror(-number))


def dial(*address: object, family: int = socket.AF_INET) -> None:
    """A connection."""
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.settimeout(SECONDS_MAX)
        tried.connect(address[0] if family == socket.AF_UNIX else address)


def dial_by_ring() -> None:
    """A connection that the kernel's own threads open: of `io_uring`, if it is allowed."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
        parameters = (ctypes.c_uint32 * 30)()
        ring = system_call(CALL_IO_URING_SETUP, 2, ctypes.byref(parameters))
        raise OSError(connected_by_ring(ring, parameters, tried.fileno()), "io_uring")


def connected_by_ring(ring: int, parameters: "ctypes.Array[ctypes.c_uint32]", target: int) -> int:
    """The errno of one IORING_OP_CONNECT (16 of <linux/io_uring.h>), forced to a thread."""
    import mmap  # noqa: PLC0415

    told = list(parameters)
    sq_array, cq_cqes = told[10 + 6], told[20 + 5]
    rings = mmap.mmap(ring, 4096 * 4, offset=0)
    entries = mmap.mmap(ring, 4096, offset=0x10000000)
    address = array.array("B", struct.pack("=HH4s8x", 2, socket.htons(443), b"\xc0\0\2\1"))
    where, size = address.buffer_info()
    entries[:64] = struct.pack("=BBHiQQ", 16, 1 << 4, 0, target, size, where).ljust(64, b"\0")
    struct.pack_into("=I", rings, sq_array, 0)
    struct.pack_into("=I", rings, told[11], 1)  # the tail of the submission ring
    system_call(CALL_IO_URING_ENTER, ring, 1, 1, 1, None, 0)
    _, result = struct.unpack_from("=Qi", rings, cq_cqes)
    return -int(result)


def dial_from_a_network_within() -> None:
    """From a network that the program makes itself, where it may do anything."""
    pid = os.fork()
    if pid == 0:
        os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)
        with contextlib.suppress(OSError):
            add_address()
        try:
            dial("192.0.2.2", 443)
        except OSError as error:
            os._exit(error.errno or 0)
        os._exit(0)
    number = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if number:
        raise OSError(number, os.strerror(number))


KERNEL: dict[str, Callable[[], object]] = {
    "a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP),
    "packets": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0),
    "tracing LLMCap": seize,
    "a file of LLMCap's": take_file,
    "LLMCap's memory": lambda: os.open(f"/proc/{PARENT}/mem", os.O_RDONLY),
    "LLMCap's root": lambda: os.scandir(f"/proc/{PARENT}/root"),
    "LLMCap's files": lambda: os.open(f"/proc/{PARENT}/fd/0", os.O_RDONLY),
    "LLMCap's network": lambda: join(PARENT),
    "another network": lambda: join(1),
    "an address": add_address,
    "a route": add_route,
    "an abstract socket": lambda: dial(f"\0{sys.argv[1]}", family=socket.AF_UNIX),
    "names by TCP": lambda: dial("127.0.0.1", 53),
    "an address of IPv6": lambda: dial("2001:db8::1", 443, family=socket.AF_INET6),
    "an address of IPv4 in IPv6": lambda: dial("::ffff:192.0.2.1", 443, family=socket.AF_INET6),
    "a network within": dial_from_a_network_within,
    "io_uring": dial_by_ring,
}


# --- of the network ------------------------------------------------------------------------------


def opened(host: str, port: int = 443) -> socket.socket:
    """A connection to a name."""
    return socket.create_connection((host, port), timeout=SECONDS_MAX)


def within(plain: socket.socket, name: str | None) -> ssl.SSLSocket:
    """TLS that tells this name, or none, and believes any answer."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=name)


def asked(connection: socket.socket, host: str, *, target: str = "/v1/chat/completions") -> int:
    """The status of a call's answer."""
    connection.sendall(
        f"POST {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer sk-fake\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
        + BODY
    )
    return answered(connection, "POST")


def answered(connection: socket.socket, method: str) -> int:
    """The status of what comes, read to its end; of a tunnel, its head alone."""
    answer = HTTPResponse(connection, method=method)
    answer.begin()
    if method != "CONNECT":
        answer.read()
    return answer.status


def asked_within(host: str) -> int:
    """A call through a tunnel that is asked for on a connection to this host's port 80."""
    connection = opened(host, 80)
    connection.sendall(f"CONNECT {PROVIDER}:443 HTTP/1.1\r\nHost: {PROVIDER}:443\r\n\r\n".encode())
    status = answered(connection, "CONNECT")
    return asked(within(connection, PROVIDER), PROVIDER) if status == 200 else status


def asked_by_ipv6() -> int:
    """A call to the provider's own address, written as one of IPv6."""
    address = f"::ffff:{socket.gethostbyname(PROVIDER)}"
    return asked(within(opened(address), PROVIDER), PROVIDER)


NETWORK: dict[str, Callable[[], int]] = {
    "as it should be": lambda: asked(within(opened(PROVIDER), PROVIDER), PROVIDER),
    "by IPv6": asked_by_ipv6,
    "without a name in TLS": lambda: asked(within(opened(PROVIDER), None), PROVIDER),
    "a name in TLS alone": lambda: asked(within(opened(PLAIN), PROVIDER), PROVIDER),
    "another name in TLS": lambda: asked(within(opened(PROVIDER), PLAIN), PROVIDER),
    "a name in HTTP alone": lambda: asked(within(opened(OTHER_PROVIDER), None), PROVIDER),
    "another provider in HTTP": lambda: asked(within(opened(PROVIDER), PROVIDER), OTHER_PROVIDER),
    "without TLS": lambda: asked(opened(PROVIDER, 80), PROVIDER),
    "without TLS, a name in HTTP alone": lambda: asked(opened(PLAIN, 80), PROVIDER),
    "another port": lambda: asked(within(opened(PROVIDER, 22), PROVIDER), PROVIDER),
    "a tunnel in the provider's": lambda: asked_within(PROVIDER),
    "a tunnel in our page": lambda: asked_within("llmcap.internal"),
    "a target in our page": lambda: asked(
        opened("llmcap.internal", 80), PROVIDER, target=f"http://{PROVIDER}/v1/chat/completions"
    ),
}


def outcome(tried: Callable[[], object]) -> object:
    """The status, or the error's name."""
    try:
        found = tried()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    except Exception as error:  # noqa: BLE001 - of HTTP
        return type(error).__name__
    return found if isinstance(found, int) else "done"


if __name__ == "__main__":
    told = [{name: outcome(tried) for name, tried in kind.items()} for kind in (KERNEL, NETWORK)]
    sys.stdout.write(json.dumps(told))
