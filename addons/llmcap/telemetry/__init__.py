"""
What other people's dashboards are told of each call, by the GenAI conventions of OpenTelemetry.

What became of a call comes in from the ledger's steps; out goes a span and what it adds to two
histograms, over OTLP, from a thread of its own. It never delays or stops a call, is never a reason
to lose money's row, and never has a prompt, an answer or a key.
"""
