"""
Key swap: a command that never has the real key cannot spend it elsewhere.

The places of real keys come in, as the config names them, and requests with stand-ins; stand-ins
for the command's environment go out, and the same requests with the real key, for that provider's
hosts alone. A real key is never written anywhere, and never sent where its provider is
not.
"""
