"""Who is calling, and how they proved it.

Authentication ends in one value, `Caller`; what a caller may do is decided elsewhere, from that value alone.
"""
