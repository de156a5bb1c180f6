"""The connections that examples and operators name when nothing else is said: `<type>_default` and a few more.

Addresses and credentials are placeholders, to be changed by whoever needs one. Each is written as its URI.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from tradewind.api.models.connections import ConnectionBody
from tradewind.sdk.connection_uri import fields_of_uri

URIS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "airflow_db": "mysql://root@mysql/airflow",
        "athena_default": "athena://",
        "aws_default": "aws://",
        "azure_batch_default": "azure-batch://%3CACCOUNT_NAME%3E@/?account_url=%3CACCOUNT_URL%3E",
        "azure_cosmos_default": "azure-cosmos:///?database_name=%3CDATABASE_NAME%3E"
        "&collection_name=%3CCOLLECTION_NAME%3E",
        "azure_data_explorer_default": "azure-data-explorer://https%3A%2F%2F%3CCLUSTER%3E.kusto.windows.net/"
        "?auth_method=%3CAAD_APP%3E&tenant=%3CTENANT_ID%3E",
        "azure_data_lake_default": "azure-data-lake:///?tenant=%3CTENANT%3E&account_name=%3CACCOUNTNAME%3E",
        "azure_default": "azure://",
        "cassandra_default": "cassandra://cassandra:9042",
        "databricks_default": "databricks://localhost",
        "dingding_default": "http://",
        "drill_default": "drill://localhost:8047/?dialect_driver=drill%2Bsadrill&storage_plugin=dfs",
        "druid_broker_default": "druid://druid-broker:8082/?endpoint=druid%2Fv2%2Fsql",
        "druid_ingest_default": "druid://druid-overlord:8081/?endpoint=druid%2Findexer%2Fv1%2Ftask",
        "elasticsearch_default": "elasticsearch://localhost:9200/http",
        "emr_default": "emr://",
        "facebook_default": "facebook-social:///?account_id=%3CAD_ACCOUNT_ID%3E&app_id=%3CFACEBOOK_APP_ID%3E",
        "fs_default": "fs:///?path=%2F",
        "ftp_default": "ftp://airflow:airflow@localhost:21",
        "google_cloud_default": "google-cloud-platform:///default",
        "gremlin_default": "gremlin://gremlin:8182",
        "hive_cli_default": "hive-cli://localhost:10000/default?__extra__=%7B%22use_beeline%22%3A%20true%7D",
        "hiveserver2_default": "hiveserver2://localhost:10000/default",
        "http_default": "http://https%3A%2F%2Fwww.httpbin.org%2F",
        "iceberg_default": "iceberg://https%3A%2F%2Fapi.iceberg.io%2Fws%2Fv1",
        "kafka_default": "kafka://",
        "kubernetes_default": "kubernetes://",
        "kylin_default": "kylin://ADMIN:KYLIN@localhost:7070",
        "leveldb_default": "leveldb://localhost",
        "local_mysql": "mysql://airflow:airflow@localhost/airflow",
        "metastore_default": "hive-metastore://localhost:9083/?authMechanism=PLAIN",
        "mssql_default": "mssql://localhost:1433",
        "mysql_default": "mysql://root@mysql/airflow",
        "opensearch_default": "opensearch://localhost:9200/http",
        "opsgenie_default": "http://",
        "oracle_default": "oracle://root:password@localhost:1521/schema",
        "oss_default": "oss:///?auth_type=AK&region=%3CYOUR_OSS_REGION%3E",
        "pig_cli_default": "pig-cli:///default",
        "pinot_admin_default": "pinot://localhost:9000",
        "pinot_broker_default": "pinot://localhost:9000/?endpoint=%2Fquery&schema=http",
        "postgres_default": "postgres://postgres:airflow@postgres/airflow",
        "presto_default": "presto://localhost:3400/hive",
        "qdrant_default": "qdrant://qdrant:6333",
        "redis_default": "redis://redis:6379/?__extra__=%7B%22db%22%3A%200%7D",
        "redshift_default": "redshift:///?__extra__=%7B%22iam%22%3A%20true%2C%20%22port%22%3A%205439%7D",
        "salesforce_default": "salesforce://username:password@",
        "segment_default": "segment://",
        "sftp_default": "sftp://airflow@localhost:22/?__extra__=%7B%22no_host_key_check%22%3A%20true%7D",
        "spark_default": "spark://yarn/?queue=root.default",
        "sqlite_default": "sqlite://",
        "ssh_default": "ssh://localhost",
        "tableau_default": "tableau://user:password@https%3A%2F%2Ftableau.server.url/?site_id=my_site",
        "teradata_default": "teradata://user:password@localhost/schema",
        "trino_default": "trino://localhost:3400/hive",
        "vertica_default": "vertica://localhost:5433",
        "wasb_default": "wasb://",
        "webhdfs_default": "hdfs://localhost:50070",
        "yandexcloud_default": "yandexcloud:///default",
        "ydb_default": "ydb://grpc%3A%2F%2Flocalhost:2135/?database=%2Flocal",
    }
)


def default_connections() -> Sequence[ConnectionBody]:
    """All of them."""
    return [_connection(connection_id, uri) for connection_id, uri in URIS.items()]


def _connection(connection_id: str, uri: str) -> ConnectionBody:
    fields = {name: value or None for name, value in fields_of_uri(uri).items()}
    return ConnectionBody.model_validate({"connection_id": connection_id, **fields})
