"""Tells apart a database that is away from a value that it does not take: only the first gets better by waiting."""

from typing import Final

import asyncpg

# The database is unreachable, busy, shutting down, being restored or migrated, or was lost during a call: the
# same statement may succeed later. asyncpg raises InternalClientError if the connection breaks in the middle of
# its protocol. TimeoutError is an OSError. Errors of syntax and access (42) are here, because all statements are
# ours: they mean that the schema is not there yet, or not any more. InvalidCachedStatementError: a table was
# replaced, as a rebuild does.
#
# InterfaceError ("connection is closed") also covers an argument that asyncpg cannot encode. That one is a
# ValueError too: where it can occur, catch DATA_REFUSED first.
DATABASE_UNAVAILABLE: Final = (
    OSError,
    asyncpg.PostgresConnectionError,  # 08
    asyncpg.InvalidTransactionStateError,  # 25
    asyncpg.InvalidSQLStatementNameError,  # 26
    asyncpg.InvalidAuthorizationSpecificationError,  # 28
    asyncpg.InvalidCatalogNameError,  # 3D
    asyncpg.InvalidSchemaNameError,  # 3F
    asyncpg.TransactionRollbackError,  # 40
    asyncpg.SyntaxOrAccessError,  # 42
    asyncpg.InsufficientResourcesError,  # 53
    asyncpg.ObjectNotInPrerequisiteStateError,  # 55
    asyncpg.OperatorInterventionError,  # 57
    asyncpg.PostgresSystemError,  # 58
    asyncpg.SnapshotTooOldError,  # 72
    asyncpg.ConfigFileError,  # F0
    asyncpg.InternalServerError,  # XX
    asyncpg.InvalidCachedStatementError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

# A value or a row that Postgres, or asyncpg's encoder, does not take: the same statement fails again, however
# often it is tried. It must cost no more than what the row is about.
POSTGRES_REFUSED: Final = (
    asyncpg.CardinalityViolationError,  # 21
    asyncpg.DataError,  # 22
    asyncpg.IntegrityConstraintViolationError,  # 23
    asyncpg.WithCheckOptionViolationError,  # 44
    asyncpg.ProgramLimitExceededError,  # 54
)
# The same, and what asyncpg's encoders refuse before Postgres sees it. `UnstorableError` is one, too.
DATA_REFUSED: Final = (*POSTGRES_REFUSED, ValueError)
