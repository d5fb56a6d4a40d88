#!/bin/sh
# Makes the database at the first start, from the variables that the official image knows.
set -eu
if [ "${1:-}" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    : "${POSTGRES_USER:=postgres}" "${POSTGRES_DB:=$POSTGRES_USER}"
    if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
        POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
    fi
    [ -n "${POSTGRES_PASSWORD:-}" ] || {
        echo "Set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE." >&2
        exit 1
    }
    # A start that was cut short leaves half a database: nobody has used it yet.
    rm -rf "$PGDATA.new"
    secret=$(mktemp "${TMPDIR:-/tmp}/password.XXXXXX")
    printf '%s\n' "$POSTGRES_PASSWORD" >"$secret"
    initdb --pgdata="$PGDATA.new" --username="$POSTGRES_USER" --pwfile="$secret" --encoding=UTF8 \
        --locale=C.UTF-8 --auth-host=scram-sha-256 --auth-local=scram-sha-256 >/dev/null
    rm -f "$secret"
    echo 'host all all all scram-sha-256' >>"$PGDATA.new/pg_hba.conf"
    if [ "$POSTGRES_DB" != postgres ]; then
        echo "CREATE DATABASE \"$POSTGRES_DB\";" | postgres --single -D "$PGDATA.new" postgres >/dev/null
    fi
    mv "$PGDATA.new" "$PGDATA"
fi
unset POSTGRES_PASSWORD
[ "${1:-}" = postgres ] || exec "$@"
shift
exec postgres -D "$PGDATA" -c listen_addresses='*' "$@"
