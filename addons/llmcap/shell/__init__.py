"""
The parts of the mitmproxy shell around `addon`: flows, options, callers, WebSockets.

mitmproxy's flows and connections come in and go out as the core's words, and its answers as effects
on them. The shell never decides what a call may cost, and never lets one pass because it failed.
"""
