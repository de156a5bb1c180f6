"""What a deployment consists of: the processes that live (jobs), installed provider packages, and plugins.

Packages and plugins are authors' code, which does not run in the API: `packages` reads what distributions say of
themselves, `plugin_files` reads the text of modules. So a plugin is shown as it is written, whether it can be imported
or not; what an import comes to is in the log of whoever imports it.
"""
