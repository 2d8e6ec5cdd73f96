"""
Whether the proxy of this container serves: exits with 0 if it does, 1 with the reason if not.

It asks the proxy's own port as a page in a browser would, which LLMCap answers itself, whatever
became of the treasury or the providers: a restart would not bring those back.
"""

import http.client
import sys

PORT = 8080
TIMEOUT_SECONDS = 4

# RFC 9110, section 15.5.20: what it says to a request that would lead to itself.
MISDIRECTED = 421


def main() -> None:
    """Ask once."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else PORT
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        sys.exit(f"the proxy does not answer on port {port}: {error}")
    finally:
        connection.close()
    if status != MISDIRECTED:
        sys.exit(f"port {port} answered {status}, where LLMCap answers {MISDIRECTED}")


if __name__ == "__main__":
    main()
