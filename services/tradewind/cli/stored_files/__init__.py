"""The files that `variables`, `connections` and `pools` `import` and `export`: text in, values out, and the other way.

They are those of Airflow's command line. `texts` knows the three forms (JSON, YAML, `KEY=value` lines), the others what
is in them. Nothing here reads a file or asks an API.
"""
