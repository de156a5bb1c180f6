# pyright: reportPrivateImportUsage=false, reportUnknownMemberType=false
# The client's package exports its models at run time only, and types its exceptions in part.
"""The package `apache-airflow-client`, unmodified, logs in and out."""

import asyncio

import pytest
from airflow_client import client as airflow
from airflow_client.client import exceptions
from airflow_client.client.api import login_api

from tests.integration.api.identity.conftest import PASSWORD, NewPerson, token_of
from tests.servers.api import ApiServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_it_is_sent_to_log_in_and_its_token_ends(api: ApiServer, person: NewPerson) -> None:
    await person("airflows_client", "Viewer")
    token = await token_of(api.client, "airflows_client", PASSWORD)
    with airflow.ApiClient(airflow.Configuration(host=api.url, access_token=token)) as client:
        logins = login_api.LoginApi(client)

        ways = await asyncio.to_thread(logins.login, next="/dags")  # it follows where it is sent
        assert ways == {"password": True, "oidc_url": None, "oidc_name": None}
        with pytest.raises(exceptions.BadRequestException) as refused:
            await asyncio.to_thread(logins.login, next="https://evil.example")
        assert "Invalid or unsafe next URL" in str(refused.value)

        await asyncio.to_thread(logins.logout)

    me = await api.client.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert (me.status_code, "revoked" in me.json()["detail"]) == (401, True)
