"""
How much the parts of a request can be at most, before anybody is asked: media and their rules.

Each part is *bounded* by somebody, or *unbounded*: then its model's window, or the vendor's longest
recording, stands for it, or the call is refused.
"""
