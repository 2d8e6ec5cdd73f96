"""What a test has to know of the machine that it runs on."""

import socket


def own_address() -> str:
    """An IPv4 address of this machine that is not loopback, or loopback where it has no other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried:
        try:
            tried.connect(("198.51.100.1", 9))  # sends nothing
        except OSError:
            return "127.0.0.1"
        return str(tried.getsockname()[0])


def free_port() -> int:
    """A TCP port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
