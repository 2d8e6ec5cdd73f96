"""
How we part from a provider, so that what it bills is seen, not guessed: with a client that has
gone, and at a cut.

What the provider has made by then lies in the buffers between it and us, its usage often among it.
mitmproxy throws that away with the connection, and the provider stops when it notices, which nobody
sees. Here the answer is read on where that tells more than it costs (`Leaver.linger`). Then we
close our side first: on HTTP/1 the sending half of the connection (FIN), on HTTP/2 the one stream
(RST_STREAM), with a PING behind it. What still comes was made, and is counted; that nothing more
comes is told by the provider, which closes its side, or answers the PING. One that goes on writing
is left after a moment, with a reset.

A client's hang-up or the last chunk of a cut comes in; out goes the closing of our side, and to the
meter what still came. A client that is there is never kept waiting for that.
"""
