#!/bin/sh
# The part of the official entrypoint that compose and the tests use: POSTGRES_USER, POSTGRES_PASSWORD (or
# _FILE), POSTGRES_DB, POSTGRES_INITDB_ARGS, POSTGRES_HOST_AUTH_METHOD, /docker-entrypoint-initdb.d/*.sql|*.sh.
set -eu

[ "${1#-}" = "$1" ] || set -- postgres "$@"
[ "$1" = postgres ] || exec "$@"

if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA"
  chown -R postgres:postgres /var/lib/postgresql
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

user=${POSTGRES_USER:-postgres}
if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE"); fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  auth=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
  if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$auth" != trust ]; then
    echo 'Error: Database is uninitialized and superuser password is not specified.' >&2
    exit 1
  fi
  pwfile=$(mktemp)
  printf '%s\n' "${POSTGRES_PASSWORD:-}" >"$pwfile"
  pwargs=
  if [ -n "${POSTGRES_PASSWORD:-}" ]; then pwargs="--pwfile=$pwfile"; fi
  # shellcheck disable=SC2086 # both are lists of arguments
  initdb --username="$user" $pwargs ${POSTGRES_INITDB_ARGS:-}
  rm "$pwfile"
  printf '\nhost all all all %s\nhost replication all all %s\n' "$auth" "$auth" >>"$PGDATA/pg_hba.conf"

  # Without TCP, as in the official image: nobody may take this server for the ready one.
  pg_ctl -D "$PGDATA" -o "-c listen_addresses='' -c unix_socket_directories=/var/run/postgresql" -w start
  sql() { psql -v ON_ERROR_STOP=1 --no-psqlrc -h /var/run/postgresql -U "$user" "$@"; }
  db=${POSTGRES_DB:-$user}
  [ "$db" = postgres ] || sql -d postgres -c "CREATE DATABASE \"$db\""
  for file in /docker-entrypoint-initdb.d/*; do
    case "$file" in
      *.sql) sql -d "$db" -f "$file" ;;
      *.sh) . "$file" ;;
    esac
  done
  pg_ctl -D "$PGDATA" -m fast -w stop
fi

shift
exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql "$@"
