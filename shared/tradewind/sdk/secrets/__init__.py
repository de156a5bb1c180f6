"""Where Variables and Connections come from, asked in this order until one knows the name:

1. the author's own secrets backend: `[workers] secrets_backend` (else `[secrets] backend`), a class derived from
   `BaseSecretsBackend`, made with the JSON object in `secrets_backend_kwargs` (`backend_kwargs`), and with what
   `…SECRETS_BACKEND_KWARG__<NAME>` (`…BACKEND_KWARG__<NAME>`) says in the environment;
2. the environment: `AIRFLOW_VAR_<KEY>`, `AIRFLOW_CONN_<ID>`;
3. the execution API, that is Tradewind's own tables: while a task executes, or a service imports the file.

A backend that raises is passed over with a line in the log, unless it raises AirflowSecretsBackendAccessDenied.
"""
