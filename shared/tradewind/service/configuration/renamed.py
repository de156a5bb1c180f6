"""Options under the names that they had in Airflow 2, and their present ones."""

from collections.abc import Mapping
from typing import Final


def _moved(old: str, new: str, keys: str) -> dict[str, str]:
    return {f"{old}.{key}": f"{new}.{key}" for key in keys.split()}


RENAMED: Final[Mapping[str, str]] = {
    "admin.hide_sensitive_variable_fields": "core.hide_sensitive_var_conn_fields",
    "admin.sensitive_variable_fields": "core.sensitive_var_conn_names",
    "core.dag_concurrency": "core.max_active_tasks_per_dag",
    "core.dag_file_processor_timeout": "dag_processor.dag_file_processor_timeout",
    "core.dataset_manager_class": "core.asset_manager_class",
    "core.dataset_manager_kwargs": "core.asset_manager_kwargs",
    "core.non_pooled_task_slot_count": "core.default_pool_task_slot_count",
    "core.max_num_rendered_ti_fields_per_task": "core.num_dag_runs_to_retain_rendered_fields",
    "core.worker_precheck": "celery.worker_precheck",
    **_moved(
        "core",
        "database",
        "sql_alchemy_conn sql_engine_encoding sql_engine_collation_for_ids sql_alchemy_pool_enabled"
        " sql_alchemy_pool_size sql_alchemy_max_overflow sql_alchemy_pool_recycle sql_alchemy_pool_pre_ping"
        " sql_alchemy_schema sql_alchemy_connect_args max_db_retries",
    ),
    **_moved(
        "core",
        "logging",
        "base_log_folder remote_logging remote_log_conn_id remote_base_log_folder encrypt_s3_logs logging_level",
    ),
    **_moved("kubernetes", "kubernetes_executor", "worker_container_repository worker_container_tag namespace"),
    **_moved(
        "webserver",
        "api",
        "base_url workers expose_config secret_key enable_swagger_ui grid_view_sorting_order log_fetch_timeout_sec"
        " hide_paused_dags_by_default default_wrap auto_refresh_interval require_confirmation_dag_change instance_name",
    ),
    "api.access_control_allow_origin": "api.access_control_allow_origins",
    "api.access_logfile": "api.log_config",
    "api.page_size": "api.fallback_page_limit",
    "webserver.page_size": "api.fallback_page_limit",
    "webserver.web_server_host": "api.host",
    "webserver.web_server_port": "api.port",
    "webserver.web_server_worker_timeout": "api.worker_timeout",
    "webserver.web_server_ssl_cert": "api.ssl_cert",
    "webserver.web_server_ssl_key": "api.ssl_key",
    "metrics.statsd_allow_list": "metrics.metrics_allow_list",
    "metrics.statsd_block_list": "metrics.metrics_block_list",
    "scheduler.dag_dir_list_interval": "dag_processor.refresh_interval",
    "scheduler.parsing_processes": "dag_processor.parsing_processes",
    "scheduler.file_parsing_sort_mode": "dag_processor.file_parsing_sort_mode",
    "scheduler.min_file_process_interval": "dag_processor.min_file_process_interval",
    "scheduler.parsing_pre_import_modules": "dag_processor.parsing_pre_import_modules",
    "scheduler.print_stats_interval": "dag_processor.print_stats_interval",
    "scheduler.max_callbacks_per_loop": "dag_processor.max_callbacks_per_loop",
    "scheduler.running_metrics_interval": "scheduler.ti_metrics_interval",
    "scheduler.scheduler_zombie_task_threshold": "scheduler.task_instance_heartbeat_timeout",
    "scheduler.zombie_detection_interval": "scheduler.task_instance_heartbeat_timeout_detection_interval",
    "scheduler.local_task_job_heartbeat_sec": "scheduler.task_instance_heartbeat_sec",
    "scheduler.statsd_on": "metrics.statsd_on",
    "triggerer.default_capacity": "triggerer.capacity",
    "workers.execution_api_server_url": "core.execution_api_server_url",
    "workers.missing_dag_retires": "workers.missing_dag_retries",
    "celery.stalled_task_timeout": "scheduler.task_queued_timeout",
    "celery.default_queue": "operators.default_queue",
}
"""An old name counts where the new one is not given."""
