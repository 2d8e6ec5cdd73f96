"""The certificate authority, where it is installed, and what programs trust."""
