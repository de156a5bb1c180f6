"""An attempt in its own process: context, templates, the operator, its outcome, and who is told."""
