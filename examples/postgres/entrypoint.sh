#!/bin/bash
# Starts PostgreSQL in a container the way the widespread images do: on an empty data folder it makes a cluster with
# POSTGRES_USER, POSTGRES_DB and the password from POSTGRES_PASSWORD_FILE (or POSTGRES_PASSWORD), runs the *.sql and
# *.sh files of /docker-entrypoint-initdb.d, and then becomes the server. As root it first hands the data folder to the
# user postgres and goes on as that user.
set -euo pipefail
export PGDATA=${PGDATA:-/var/lib/postgresql/data}

if [ "$(id -u)" = 0 ]; then
  if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
    POSTGRES_PASSWORD=$(<"$POSTGRES_PASSWORD_FILE")
    export POSTGRES_PASSWORD
  fi
  mkdir -p "$PGDATA" /run/postgresql
  # the number of this user is another one in other images
  find "$PGDATA" /run/postgresql \! -user postgres -exec chown postgres:postgres {} +
  chmod 0700 "$PGDATA"
  exec setpriv --reuid=postgres --regid=postgres --init-groups --inh-caps=-all bash "$0" "$@"
fi

initialise() {
  local user=$1 database=$2 file
  # a half-made cluster of an interrupted first start is no cluster
  find "$PGDATA" -mindepth 1 -delete
  initdb --username="$user" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") --encoding=UTF8 --locale=C.UTF-8 \
    --auth-local=trust --auth-host=scram-sha-256
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  # only on the unix socket: nobody can take this server for the real one
  pg_ctl --wait start --options="-c listen_addresses=''"
  if [ "$database" != postgres ]; then
    psql --username="$user" --dbname=postgres --set=ON_ERROR_STOP=1 --command="CREATE DATABASE \"$database\""
  fi
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
    *.sql) echo "running $file" && psql --username="$user" --dbname="$database" --set=ON_ERROR_STOP=1 --file="$file" ;;
    *.sh) echo "running $file" && bash "$file" ;;
    esac
  done
  pg_ctl --wait --mode=fast stop
  touch "$PGDATA/.initialised"
}

if [ ! -e "$PGDATA/.initialised" ]; then
  : "${POSTGRES_PASSWORD:?set POSTGRES_PASSWORD_FILE or POSTGRES_PASSWORD}"
  initialise "${POSTGRES_USER:-postgres}" "${POSTGRES_DB:-${POSTGRES_USER:-postgres}}"
fi
unset POSTGRES_PASSWORD
exec postgres -c listen_addresses='*' "$@"
