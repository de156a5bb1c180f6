"""Timetables as authors write them: Airflow's classes, and the base class for their own.

Ours become a spec that the scheduler computes with. An author's own class is asked in a child process instead.
"""
