"""
How much the parts of a request can be at most, before anybody is asked: media and their rules.

Each part is *bounded* by somebody, or *unbounded*: then its model's window, or the vendor's longest
recording, stands for it, or the call is refused. What a request asks for comes in, with a price; a
demand goes out. It never sends or fetches anything, and never takes what it cannot see for little.
"""
