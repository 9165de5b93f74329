"""Settings shared by all tests."""

from hypothesis import settings

# Deadlines measure the machine, not the library.
settings.register_profile("closedform", deadline=None, max_examples=40, derandomize=True)
settings.load_profile("closedform")
