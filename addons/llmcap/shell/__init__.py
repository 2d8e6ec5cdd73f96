"""The parts of the mitmproxy shell around `addon`: flows, options, callers, WebSockets."""
