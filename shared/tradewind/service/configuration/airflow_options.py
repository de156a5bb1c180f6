"""What becomes of each option of Airflow's configuration (and of its providers for Celery and Kubernetes): `MAPPED` to
settings of ours, read as they are by processes of authors' code (`code_options`), or `IGNORED`, with the reason. Names
are `section.key`."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from tradewind.service.configuration.readings import (
    Reading,
    as_it_is,
    broker_url,
    log_format,
    postgres_url,
    truth_or_nothing,
)


class Target(NamedTuple):
    """A setting of ours, and how the option's text is read for it."""

    setting: str
    read: Reading = as_it_is


def _same(section: str, keys: str) -> dict[str, Target]:
    return {f"{section}.{key}": Target(f"{section}.{key}") for key in keys.split()}


MAPPED: Final[Mapping[str, Target]] = {
    **_same(
        "core",
        "dags_folder executor parallelism fernet_key execution_api_server_url load_examples dag_discovery_safe_mode"
        " dag_ignore_file_syntax test_connection",
    ),
    "core.rerun_with_latest_version": Target("core.rerun_with_latest_version", truth_or_nothing),
    "core.dagbag_import_timeout": Target("core.dagbag_import_timeout_seconds"),
    "core.killed_task_cleanup_time": Target("task_runner.killed_task_cleanup_seconds"),
    "database.sql_alchemy_conn": Target("database.url", postgres_url),
    "database.sql_alchemy_pool_size": Target("database.pool_size"),
    **_same(
        "api",
        "host port base_url expose_config access_control_allow_origins access_control_allow_methods"
        " access_control_allow_headers",
    ),
    **_same("api_auth", "jwt_secret"),
    "api_auth.jwt_expiration_time": Target("api_auth.jwt_expiration_time_seconds"),
    "api_auth.jwt_cli_expiration_time": Target("api_auth.jwt_cli_expiration_time_seconds"),
    "execution_api.jwt_expiration_time": Target("execution_api.jwt_expiration_time_seconds"),
    **_same("logging", "base_log_folder remote_logging remote_base_log_folder remote_log_conn_id encrypt_s3_logs"),
    "logging.logging_level": Target("logging.level"),
    "logging.json_logs": Target("logging.format", log_format),
    **_same("scheduler", "use_job_schedule"),
    "scheduler.scheduler_heartbeat_sec": Target("dispatcher.executor_heartbeat_seconds"),
    **_same("triggerer", "capacity max_trigger_to_select_per_loop on_kill_timeout"),
    **_same("dag_processor", "dag_bundle_config_list dag_bundle_storage_path parsing_processes"),
    "dag_processor.refresh_interval": Target("dag_processor.refresh_interval_seconds"),
    "operators.default_queue": Target("worker.queues"),
    "celery.broker_url": Target("broker.url", broker_url),
    **_same(
        "celery",
        "worker_concurrency worker_autoscale worker_umask worker_enable_remote_control operation_timeout"
        " task_publish_max_retries task_adoption_timeout worker_max_tasks_per_child worker_max_memory_per_child"
        " flower_host flower_port flower_url_prefix flower_basic_auth",
    ),
}

UNUSABLE: Final[Mapping[str, str]] = {
    "database.sql_alchemy_conn": "only Postgres is used: this is the address of another database",
    "celery.broker_url": "only RabbitMQ and Redis are used: this is the address of another broker",
}
"""Why an option that is mapped counts for nothing with some values."""

SECRETS: Final = frozenset(
    (
        *("core.fernet_key", "core.asset_manager_kwargs", "database.sql_alchemy_conn"),
        *("database.sql_alchemy_conn_async", "database.sql_alchemy_engine_args", "logging.remote_task_handler_kwargs"),
        *("secrets.backend_kwargs", "workers.secrets_backend_kwargs", "api.secret_key", "api_auth.jwt_secret"),
        *("sentry.sentry_dsn", "smtp.smtp_password", "celery.broker_url", "celery.result_backend"),
        *("celery.flower_basic_auth", "celery_broker_transport_options.sentinel_kwargs"),
        *("celery_result_backend_transport_options.sentinel_kwargs", "core.simple_auth_manager_users"),
    )
)

_IGNORED: Final[Mapping[str, str]] = {
    "times without a zone are UTC": "core.default_timezone",
    "users, their passwords and roles are in the database (`tradewind users`, OIDC)": (
        "core.auth_manager core.simple_auth_manager_users core.simple_auth_manager_passwords_file"
    ),
    "it lets everybody do everything, so that only TRADEWIND__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS may say it": (
        "core.simple_auth_manager_all_admins"
    ),
    "what the scheduler loads of a DAG file is its stored structure, kept as long as it is current": (
        "core.min_serialized_dag_update_interval core.compress_serialized_dags api.dag_cache_size api.dag_cache_ttl"
        " core.lazy_load_plugins core.lazy_discover_providers dag_processor.parsing_pre_import_modules"
        " core.might_contain_dag_callable"
    ),
    "tasks are forked from a server that has imported their DAG file": (
        "core.mp_start_method core.mp_forkserver_preload core.execute_tasks_new_python_interpreter"
        " celery.mp_start_method celery.mp_forkserver_preload celery.pool celery.worker_prefetch_multiplier"
        " workers.socket_cleanup_timeout"
    ),
    "an import error is shown with its whole traceback": (
        "core.dagbag_import_error_tracebacks core.dagbag_import_error_traceback_depth"
    ),
    "tasks run as the user of their worker": "core.default_impersonation core.security",
    "no ticket is renewed here": (
        "kerberos.ccache kerberos.principal kerberos.reinit_frequency kerberos.kinit_path kerberos.keytab"
        " kerberos.forwardable kerberos.include_ip"
    ),
    "rendered fields are kept as long as their runs (docs/retention.md) and as long as they are": (
        "core.num_dag_runs_to_retain_rendered_fields core.max_templated_field_length"
    ),
    "set the slots of `default_pool` itself: `tradewind pools set`": "core.default_pool_task_slot_count",
    "give `--umask`, or that of the service's start": "core.daemon_umask",
    "assets have one implementation": "core.asset_manager_class core.asset_manager_kwargs",
    "connections are tested by DAG processors, a few at once, for at most a minute": (
        "connection_test.timeout connection_test.max_concurrency connection_test.reaper_interval"
    ),
    "there is one team": "core.multi_team core.team_name_cache_ttl",
    "ids are checked by fixed rules": "core.allow_double_dot_in_ids scheduler.allowed_run_id_pattern",
    "SQLAlchemy is not used: statements go to Postgres as they are, over `database.pool_size` connections": (
        "database.alembic_ini_file_path database.sql_alchemy_conn_async database.sql_alchemy_engine_args"
        " database.sql_engine_encoding database.sql_engine_collation_for_ids database.sql_alchemy_pool_enabled"
        " database.sql_alchemy_max_overflow database.sql_alchemy_pool_recycle database.sql_alchemy_pool_pre_ping"
        " database.sql_alchemy_schema database.sql_alchemy_connect_args database.sql_alchemy_connect_args_async"
        " database.sql_alchemy_session_maker"
    ),
    "a service waits for the database and for a schema that it knows": (
        "database.max_db_retries database.check_migrations database.external_db_managers database.migration_batch_size"
    ),
    "logs are JSON lines, stored by chunk and shown by the API: no handler, template or log server is configured": (
        "logging.delete_local_logs logging.google_key_path logging.remote_task_handler_kwargs logging.namespace_levels"
        " logging.celery_logging_level logging.fab_logging_level logging.uvicorn_logging_level"
        " logging.logging_config_class logging.colored_console_log logging.log_format logging.callsite_parameters"
        " logging.simple_log_format logging.dag_processor_log_target logging.dag_processor_log_format"
        " logging.dag_processor_child_process_log_directory logging.log_formatter_class logging.log_timestamp_format"
        " logging.secret_mask_adapter logging.task_log_prefix_template logging.log_filename_template"
        " logging.task_log_reader logging.extra_logger_names logging.worker_log_server_port"
        " logging.trigger_log_server_port logging.interleave_timestamp_parser"
        " logging.file_task_handler_new_folder_permissions logging.file_task_handler_new_file_permissions"
        " logging.celery_stdout_stderr_separation logging.color_log_error_keywords logging.color_log_warning_keywords"
        " celery.json_logs celery.task_logs_to_stdout api.log_config api.log_stream_buffer_size"
        " api.log_fetch_timeout_sec kubernetes_executor.logs_task_metadata kubernetes_executor.running_pod_log_lines"
    ),
    "every service answers Prometheus at /metrics": (
        "metrics.metrics_allow_list metrics.metrics_block_list metrics.legacy_names_on metrics.statsd_on"
        " metrics.statsd_host metrics.statsd_ipv6 metrics.statsd_port metrics.statsd_prefix metrics.stat_name_handler"
        " metrics.statsd_datadog_enabled metrics.statsd_datadog_tags metrics.statsd_datadog_metrics_tags"
        " metrics.statsd_custom_client_path metrics.statsd_disabled_tags metrics.statsd_influxdb_enabled"
        " metrics.otel_on metrics.otel_host metrics.otel_port metrics.otel_prefix metrics.otel_interval_milliseconds"
        " metrics.otel_debugging_on metrics.otel_service metrics.otel_ssl_active scheduler.pool_metrics_interval"
        " scheduler.ti_metrics_interval scheduler.dagrun_metrics_interval dag_processor.print_stats_interval"
    ),
    "no spans are sent": (
        "traces.otel_on traces.otel_host traces.otel_port traces.otel_service traces.otel_debugging_on"
        " traces.otel_ssl_active traces.otel_debug_traces_on traces.task_runner_flush_timeout_milliseconds"
        " execution_api.otel_trace_propagation"
    ),
    "errors are in the log": "sentry.sentry_on sentry.sentry_dsn sentry.before_send",
    "nothing is profiled": (
        "profiling.memray_trace_components profiling.memray_detailed_tracing scheduler.enable_tracemalloc"
    ),
    "what a backend answers is not kept": "secrets.use_cache secrets.cache_ttl_seconds",
    "of Airflow's own web pages": (
        "api.instance_name api.theme api.enable_swagger_ui api.grid_view_sorting_order api.hide_paused_dags_by_default"
        " api.default_wrap api.auto_refresh_interval api.require_confirmation_dag_change"
    ),
    "everything is signed with `api_auth.jwt_secret`": "api.secret_key",
    "an answer never holds a traceback": "api.expose_stacktrace",
    "start as many API processes as are wanted; TLS ends at the proxy before them": (
        "api.workers api.worker_timeout api.server_type api.worker_refresh_interval api.worker_refresh_batch_size"
        " api.ssl_cert api.ssl_key api.ssl_ca_file api.ssl_cert_reqs api.client_ssl_cert api.client_ssl_key"
        " api.client_use_public_certs"
    ),
    "pages have 50 entries unless asked, and 100 at most": "api.maximum_page_limit api.fallback_page_limit",
    "a worker's heartbeat renews the lease of all its attempts: `leases`": (
        "workers.min_heartbeat_interval workers.max_failed_heartbeats scheduler.job_heartbeat_sec"
        " scheduler.task_instance_heartbeat_sec scheduler.task_instance_heartbeat_timeout"
        " scheduler.task_instance_heartbeat_timeout_detection_interval scheduler.orphaned_tasks_check_interval"
        " triggerer.job_heartbeat_sec celery.worker_precheck"
    ),
    "task processes reach the execution API through their worker, which tries again as long as the lease holds": (
        "workers.execution_api_retries workers.execution_api_retry_wait_min workers.execution_api_retry_wait_max"
        " workers.execution_api_timeout"
    ),
    "the code of an attempt travels with it: it cannot be missing": (
        "workers.missing_dag_retries workers.missing_dag_retry_delay"
    ),
    "tasks in other languages are not run": "sdk.coordinators sdk.queue_to_coordinator",
    "tokens are signed with one secret and bound to this system": (
        "api_auth.jwt_audience api_auth.jwt_private_key_path api_auth.jwt_algorithm"
        " api_auth.jwt_kid api_auth.trusted_jwks_url api_auth.jwt_issuer api_auth.jwt_leeway"
        " execution_api.jwt_audience"
    ),
    "lineage is collected by the provider that asks for it": (
        "lineage.max_assets_per_collector lineage.max_extras_per_collector"
    ),
    "mails of failed tasks have a fixed form": "email.subject_template email.html_content_template",
    "the scheduler acts on events and has no loop to tune": (
        "scheduler.num_runs scheduler.only_idle scheduler.scheduler_idle_sleep_time scheduler.parsing_cleanup_interval"
        " scheduler.max_tis_per_query scheduler.use_row_level_locking scheduler.max_dagruns_to_create_per_loop"
        " scheduler.max_dagruns_per_loop_to_schedule scheduler.trigger_timeout_check_interval"
        " scheduler.task_queued_timeout scheduler.task_queued_timeout_check_interval celery.sync_parallelism"
        " kubernetes_executor.worker_pods_creation_batch_size"
    ),
    "say it with the task: `ignore_first_depends_on_past`": "scheduler.ignore_first_depends_on_past_by_default",
    "partition keys have fixed bounds": "scheduler.partition_mapper_max_downstream_keys",
    "every service has a health endpoint of its own: `health`": (
        "scheduler.enable_health_check scheduler.scheduler_health_check_server_host"
        " scheduler.scheduler_health_check_server_port scheduler.scheduler_health_check_threshold"
        " triggerer.triggerer_health_check_threshold triggerer.runner_health_check_threshold"
        " dag_processor.health_check_threshold"
    ),
    "`triggerer.block_seconds` is the bound": "triggerer.blocked_main_thread_warning_threshold",
    "each trigger has a stream of its own": (
        "triggerer.shared_stream_subscriber_queue_size triggerer.shared_stream_ack_timeout"
        " triggerer.shared_stream_cohort_grace_period"
    ),
    "a file is parsed when it, or what it reads, has changed": (
        "dag_processor.file_parsing_sort_mode dag_processor.min_file_process_interval dag_processor.stale_dag_threshold"
        " dag_processor.bundle_refresh_check_interval dag_processor.dag_version_inflation_check_level"
    ),
    "`core.dagbag_import_timeout` is the limit": "dag_processor.dag_file_processor_timeout",
    "callbacks are requests with a timeout: `dag_processor.request_timeout_seconds`": (
        "dag_processor.max_callbacks_per_loop callbacks.callback_execution_timeout"
    ),
    "what workers hold of bundles is bounded in bytes: `task_runner.bundle_cache_bytes`": (
        "dag_processor.stale_bundle_cleanup_interval dag_processor.stale_bundle_cleanup_age_threshold"
        " dag_processor.stale_bundle_cleanup_min_versions"
    ),
    "state is in the database": "state_store.backend state_store.state_cleanup_batch_size",
    "results are in Postgres, and attempts travel as Celery messages of ours": (
        "celery.celery_app_name celery.result_backend celery.result_backend_sqlalchemy_engine_options"
        " celery.celery_config_options celery.task_acks_late celery.task_track_started celery.extra_celery_config"
        " celery_kubernetes_executor.kubernetes_queue local_kubernetes_executor.kubernetes_queue"
    ),
    "an address that begins with amqps:// or rediss:// is reached over TLS": (
        "celery.ssl_active celery.ssl_mutual_tls celery.ssl_key celery.ssl_cert celery.ssl_cacert"
    ),
    "pods are not run": (
        "kubernetes_executor.api_client_retry_configuration kubernetes_executor.pod_template_file"
        " kubernetes_executor.namespace kubernetes_executor.delete_worker_pods"
        " kubernetes_executor.delete_worker_pods_on_failure"
        " kubernetes_executor.worker_pod_pending_fatal_container_state_reasons kubernetes_executor.async_pod_creation"
        " kubernetes_executor.pod_creation_max_concurrency kubernetes_executor.multi_namespace_mode"
        " kubernetes_executor.multi_namespace_mode_namespace_list kubernetes_executor.in_cluster"
        " kubernetes_executor.cluster_context kubernetes_executor.config_file kubernetes_executor.client_factory"
        " kubernetes_executor.async_client_factory kubernetes_executor.kube_client_request_args"
        " kubernetes_executor.delete_option_kwargs kubernetes_executor.enable_tcp_keepalive"
        " kubernetes_executor.tcp_keep_idle kubernetes_executor.tcp_keep_intvl kubernetes_executor.tcp_keep_cnt"
        " kubernetes_executor.verify_ssl kubernetes_executor.ssl_ca_cert kubernetes_executor.task_publish_max_retries"
        " kubernetes_executor.pod_launch_failure_retries"
        " kubernetes_executor.pod_launch_failure_excluded_container_reasons"
    ),
}

IGNORED: Final[Mapping[str, str]] = {name: reason for reason, names in _IGNORED.items() for name in names.split()}
"""Why an option means nothing here."""

IGNORED_SECTIONS: Final[Mapping[str, str]] = {
    "celery_broker_transport_options": "the bus has its own way to the broker: `broker.url` is all that it takes",
    "celery_result_backend_transport_options": "results are in Postgres",
}
"""Sections that may hold anything, all of which means nothing here."""
