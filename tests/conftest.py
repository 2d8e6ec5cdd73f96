"""
How long hypothesis looks: `fast` for every day, `--hypothesis-profile=deep` for a night.

Neither has a deadline: a machine that is busy with something else is no reason for a test to fail.
"""

from hypothesis import settings

settings.register_profile("fast", deadline=None)
settings.register_profile("deep", deadline=None, max_examples=2_000)
settings.load_profile("fast")
