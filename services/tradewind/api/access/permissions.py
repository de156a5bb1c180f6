"""`/auth/permissions`: what roles and users are given for single DAGs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import Field

from tradewind.api.access.rights import DagPermission
from tradewind.api.dependencies import StateDep
from tradewind.api.errors import documented
from tradewind.api.models.base import ApiModel, StrictBody
from tradewind.api.models.queries import PageQuery
from tradewind.api.presenting import plain
from tradewind.api.query_parsing import documented_query, parsed
from tradewind.core.errors import NotFound
from tradewind.db.api import access as queries
from tradewind.db.api.access import GranteeType

router = APIRouter(prefix="/auth/permissions", tags=["Permission"])

Grantee = Annotated[str, Path(min_length=1, max_length=250, description="A role or a user's name")]
DagId = Annotated[str, Path(min_length=1, max_length=250)]


class DagPermissionListQuery(PageQuery):
    """`GET /auth/permissions`."""

    order_by: list[str] = Field(default_factory=list)
    dag_id: str | None = None
    grantee_type: GranteeType | None = None
    grantee: str | None = None


class DagPermissionResponse(ApiModel):
    """What a role or a user was given for a DAG."""

    grantee_type: GranteeType
    grantee: str
    dag_id: str
    permissions: list[DagPermission]


class DagPermissionCollectionResponse(ApiModel):
    """A page of permissions."""

    permissions: list[DagPermissionResponse]
    total_entries: int


class DagPermissionBody(StrictBody):
    """What is to be given; each lets read, too."""

    permissions: Annotated[frozenset[DagPermission], Field(min_length=1)]


@router.get("", openapi_extra=documented_query(DagPermissionListQuery))
async def list_dag_permissions(
    query: Annotated[DagPermissionListQuery, Depends(parsed(DagPermissionListQuery))], state: StateDep
) -> DagPermissionCollectionResponse:
    """A page of what was given by people; what DAGs say themselves (`access_control`) stands in their files."""
    page = await queries.list_dag_permissions(state["database"], query.filters(), query.page())
    permissions = [plain(DagPermissionResponse, row) for row in page.rows]
    return DagPermissionCollectionResponse(permissions=permissions, total_entries=page.total_entries)


@router.put("/{grantee_type}/{grantee}/{dag_id}")
async def put_dag_permission(
    grantee_type: GranteeType, grantee: Grantee, dag_id: DagId, body: DagPermissionBody, state: StateDep
) -> DagPermissionResponse:
    """Give exactly this for a DAG, instead of what was given before. The DAG may be yet to come. It counts at once
    here and within two seconds in every process of the API."""
    given = sorted(body.permissions)
    await queries.put_dag_permission(state["database"], grantee_type, grantee, dag_id, given)
    state["grants"].forget()
    return DagPermissionResponse(grantee_type=grantee_type, grantee=grantee, dag_id=dag_id, permissions=given)


@router.delete("/{grantee_type}/{grantee}/{dag_id}", status_code=204, responses=documented(404))
async def delete_dag_permission(
    grantee_type: GranteeType, grantee: Grantee, dag_id: DagId, state: StateDep
) -> Response:
    """Take back what was given for a DAG."""
    if not await queries.delete_dag_permission(state["database"], grantee_type, grantee, dag_id):
        raise NotFound(f"The {grantee_type} {grantee!r} was given nothing for the DAG {dag_id!r}")
    state["grants"].forget()
    return Response(status_code=204)
