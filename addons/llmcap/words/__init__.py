"""
The words that every room speaks: frozen records, and nothing that computes with them.

Nothing comes in: a word imports other words and the standard library. What goes out are records
that any room may make and read. A word never opens a file, asks a clock or knows a step of a call.
"""
