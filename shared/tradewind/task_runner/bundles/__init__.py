"""The code of attempts, on the machine that runs them.

A grant names the content that its attempt is to run by a digest. Where the worker's own DAGs folder holds just that,
the attempt runs there. Otherwise the version is laid out in a cache folder, from the DAGs folder as far as files are
the same, from the execution API for the rest, each file checked against its digest. Workers of one host share the
cache: a version appears by a rename, one in use is locked, the least recently used one makes way.
"""
