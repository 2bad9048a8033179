"""Settings of the data set tests."""

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)  # the machine may be busy with other things
settings.load_profile("no deadline")
