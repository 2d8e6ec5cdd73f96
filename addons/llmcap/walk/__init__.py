"""
The walk of one call, a file a step: considered, ordered, admitted, restrained, decided, in flight.

A request of ours comes in, with what is known of who asks. Out goes that it passes, the refusal
that answers it, or a call in flight, which is fed its response and ends its hold exactly once. A
step reads and changes what calls share, and its own call; it never knows a socket, a clock of its
own or mitmproxy, and it never calls back the step that called it.
"""
