"""Many changes in one request.

A request is a list of *actions*, done in order; each creates, updates or deletes its *entities*. The answer is one list
of keys and one of errors per kind of action. Runs and task instances (`runs`) are changed one by one, each as if it had
been asked for by itself. What people keep (`kept`: pools, variables, connections) is changed in one transaction, and an
action that meets what it must not meet changes nothing.
"""
