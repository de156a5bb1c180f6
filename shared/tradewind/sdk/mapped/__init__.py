"""Dynamic task mapping: one task or group in the file, as many instances in a run as there is something to map over.

A mapped node (`is_mapped` is true) has

- `expand_input`: what it maps over (`expand_input.ExpandInput`);
- for a task, `unmap(values)`: the operator of one instance, made with these arguments beside those of `partial`. It
  belongs to the DAG, under the node's task id, without being added to it.

The scheduler knows only lengths (`core.mapping`); values are looked up in the task's own process, by map index.
"""
