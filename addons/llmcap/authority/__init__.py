"""
The certificate authority, where it is installed, and what programs trust.

A folder and an environment come in; out come the files and variables by which programs trust the
proxy for its providers' hosts. It never signs for another host, and changes no trust store that it
was not asked to change.
"""
