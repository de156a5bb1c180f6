"""Runs made runs of no partition any more, so that their partitions can be made anew."""
