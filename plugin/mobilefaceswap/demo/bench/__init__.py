"""The benchmark: what a swap costs beside the bare transcode of the same clip, and where the time goes.

Importing this does no work: the processes that are measured import it, too.
"""
