"""Git bundles: the commit that a ref names, as a folder of this machine.

<storage>/<bundle>/repository    what was fetched, without a working tree: one commit deep, as a rule
                  /trees/<sha>   the files of a commit
                  /current       a link to one of them, replaced by a rename: it says what the bundle shows
                  /lock          held while one process fetches; several dag processors of a host may share the folder

The program `git` does the work: it is at hand wherever people work with Git, speaks every transport and knows every way
to log in, and as a process it can be bounded in time and killed. From `current` on, all is as for any other folder of
DAG files: the dag processor stores the content by its digests, under the commit as its version; workers need no Git.
"""
