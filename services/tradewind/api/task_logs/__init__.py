"""Task logs as the API keeps and shows them.

A *try* has the log of one or more *attempts*, each a sequence of *chunks*: rows of `task_log`, which workers post while
an attempt runs (`/execution`), and collectors write with its end. Once nothing can be added to a try it may be *moved*:
one file in the log store, then a row in `task_log_file`, and in the same statement its chunks go. So the chunks are
themselves the list of what is to be moved, and a log is at every moment whole: in the file, in chunks, or in both.

`reading` gives the records of a try from wherever they are, `following` goes on while the try runs, woken by
`followers`, and `moving` fills the store.
"""
