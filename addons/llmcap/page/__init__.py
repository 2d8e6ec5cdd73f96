"""
The page: what the ledger says, for people's eyes, served on loopback by a process of its own.

Questions come in over HTTP with a token; documents and a stream of them go out, and an admin's
changes go into the ledger as entries. It never delays a call, never shows a prompt, an answer or a
key, and never lets a page of another origin read or change anything.
"""
