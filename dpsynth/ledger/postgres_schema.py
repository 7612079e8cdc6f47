"""The tables of a ledger on PostgreSQL, in plain SQL, and the check that nobody took their guards away.

The guards stop mistakes and whoever only has the writer's rights. An owner of the tables can remove them; that the
chain of hashes tells, and `guard_faults` names what is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

# Migration n is MIGRATIONS[n - 1]. One that was published is never changed: a correction is a new one.
MIGRATIONS = (
    """
CREATE SCHEMA IF NOT EXISTS dpsynth;

CREATE TABLE dpsynth.migrations (
    number  integer PRIMARY KEY,
    applied timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE dpsynth.ledgers (
    name text PRIMARY KEY,
    made timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE dpsynth.entries (
    ledger           text   NOT NULL REFERENCES dpsynth.ledgers (name),
    seq              bigint NOT NULL CHECK (seq > 0),
    kind             text   NOT NULL
                     CHECK (kind IN ('CAP', 'RESERVE', 'TOUCHED', 'MEASURED', 'RELEASED', 'VOID', 'ATTEMPT')),
    scope            text   NOT NULL,
    request_id       text   NOT NULL,
    plan_hash        text   NOT NULL,
    mu_squared_units bigint NOT NULL CHECK (mu_squared_units >= 0),
    delta_units      bigint NOT NULL CHECK (delta_units >= 0),
    "time"           text   NOT NULL,
    actor            text   NOT NULL,
    reason           text   NOT NULL,
    version          text   NOT NULL,
    details          text   NOT NULL,
    previous         text   NOT NULL CHECK (previous ~ '^[0-9a-f]{64}$'),
    hash             text   NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
    signature        text   NOT NULL,
    PRIMARY KEY (ledger, seq)
);

CREATE UNIQUE INDEX one_hash ON dpsynth.entries (ledger, hash);
CREATE UNIQUE INDEX one_reservation ON dpsynth.entries (ledger, request_id) WHERE kind = 'RESERVE';

CREATE FUNCTION dpsynth.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'dpsynth.% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = '55000';
END
$$;

CREATE FUNCTION dpsynth.require_next() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.seq = 1 AND NEW.previous = repeat('0', 64) OR EXISTS (
        SELECT FROM dpsynth.entries WHERE ledger = NEW.ledger AND seq = NEW.seq - 1 AND hash = NEW.previous
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'entry % does not follow the newest entry', NEW.seq USING ERRCODE = '55000';
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON dpsynth.entries
FOR EACH STATEMENT EXECUTE FUNCTION dpsynth.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON dpsynth.ledgers
FOR EACH STATEMENT EXECUTE FUNCTION dpsynth.refuse_change();
CREATE TRIGGER only_next BEFORE INSERT ON dpsynth.entries
FOR EACH ROW EXECUTE FUNCTION dpsynth.require_next();

-- ALWAYS: also in a session that calls itself a replica.
ALTER TABLE dpsynth.entries ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE dpsynth.ledgers ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE dpsynth.entries ENABLE ALWAYS TRIGGER only_next;
""",
)

# The role whose members may charge a ledger and read it, and nothing else. Making ledgers stays with the owner.
WRITER_ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'dpsynth_writer') THEN
        CREATE ROLE dpsynth_writer NOLOGIN;
    END IF;
END
$$;
REVOKE ALL ON ALL TABLES IN SCHEMA dpsynth FROM dpsynth_writer;
GRANT USAGE ON SCHEMA dpsynth TO dpsynth_writer;
GRANT SELECT ON dpsynth.migrations, dpsynth.ledgers, dpsynth.entries TO dpsynth_writer;
GRANT INSERT ON dpsynth.entries TO dpsynth_writer;
"""

_TRIGGERS = """
SELECT c.relname || '.' || t.tgname, t.tgtype || t.tgenabled::text || (t.tgqual IS NULL)::text || p.proname || p.prosrc
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE t.tgrelid IN ('dpsynth.entries'::regclass, 'dpsynth.ledgers'::regclass) AND NOT t.tgisinternal
"""
_OTHER_GUARDS = """
SELECT 'a unique key of dpsynth.entries, which lets each number be used once, is missing'
WHERE (SELECT count(*) FROM pg_index WHERE indrelid = 'dpsynth.entries'::regclass AND indisunique AND indisvalid) <> 3
UNION ALL
SELECT 'dpsynth.' || relname || ' is not kept through a crash, or hides rows from some users'
FROM pg_class WHERE oid IN ('dpsynth.entries'::regclass, 'dpsynth.ledgers'::regclass)
AND (relpersistence <> 'p' OR relrowsecurity)
UNION ALL
SELECT 'dpsynth.' || relname || ' has a rule that rewrites what is asked of it'
FROM pg_class JOIN pg_rewrite ON ev_class = pg_class.oid
WHERE pg_class.oid IN ('dpsynth.entries'::regclass, 'dpsynth.ledgers'::regclass)
UNION ALL
SELECT DISTINCT 'role ' || coalesce(rolname, 'PUBLIC') || ' may ' || privilege_type || ' dpsynth.' || relname
FROM pg_class CROSS JOIN LATERAL aclexplode(relacl) LEFT JOIN pg_roles ON pg_roles.oid = grantee
WHERE pg_class.oid IN ('dpsynth.entries'::regclass, 'dpsynth.ledgers'::regclass)
AND grantee <> relowner AND privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
UNION ALL
SELECT 'the server runs with ' || name || ' off, so a power failure may take back a charge'
FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'
"""


def migrate(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Apply the migrations that are not applied yet, inside the caller's transaction."""
    for number in range(migrations_applied(connection) + 1, len(MIGRATIONS) + 1):
        connection.execute(MIGRATIONS[number - 1].encode())
        connection.execute("INSERT INTO dpsynth.migrations (number) VALUES (%s)", (number,))


def migrations_applied(connection: psycopg.Connection[tuple[Any, ...]]) -> int:
    """How many migrations the database has; 0 where there are no tables."""
    if connection.execute("SELECT to_regclass('dpsynth.migrations') IS NULL").fetchone() == (True,):
        return 0
    row = connection.execute("SELECT coalesce(max(number), 0) FROM dpsynth.migrations").fetchone()
    return int(row[0]) if row else 0


def guard_faults(connection: psycopg.Connection[tuple[Any, ...]]) -> tuple[str, ...]:
    """Guards that are missing or changed, rights that are too wide, settings that may lose a commit; in words."""
    found: list[str] = []
    triggers = dict(connection.execute(_TRIGGERS).fetchall())
    for name, content in _expected_triggers().items():
        if triggers.pop(name, None) != content:
            found.append(f"the trigger dpsynth.{name}, which keeps the ledger append-only, is missing or was changed")
    found += [f"dpsynth.{name} is a trigger that no ledger has" for name in sorted(triggers)]
    return (*found, *(row[0] for row in connection.execute(_OTHER_GUARDS)))


def _expected_triggers() -> dict[str, str]:
    """What `_TRIGGERS` finds in an untouched database: events and timing, enabled always, no condition, the code."""
    sources = {}
    for part in MIGRATIONS[0].split("CREATE FUNCTION dpsynth.")[1:]:
        name, _, rest = part.partition("(")
        sources[name] = name + rest.split("$$")[1]
    # pg_trigger.tgtype: row 1, before 2, insert 4, delete 8, update 16, truncate 32.
    return {
        "entries.append_only": f"{2 + 8 + 16 + 32}Atrue{sources['refuse_change']}",
        "ledgers.append_only": f"{2 + 8 + 16 + 32}Atrue{sources['refuse_change']}",
        "entries.only_next": f"{1 + 2 + 4}Atrue{sources['require_next']}",
    }
