#!/bin/bash
# Applies each migrations/*.sql once, in the order of the names, each in one transaction with its record.
set -euo pipefail
sql() { psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"; }

sql --command='SET client_min_messages = warning;
  CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())'
for file in /migrations/*.sql; do
  name=$(basename "$file" .sql)
  if [ -n "$(sql --set=name="$name" <<<"SELECT 1 FROM schema_migrations WHERE name = :'name'")" ]; then
    echo "$name: applied before"
    continue
  fi
  { cat "$file"; echo "INSERT INTO schema_migrations (name) VALUES (:'name');"; } |
    sql --single-transaction --set=name="$name"
  echo "$name: applied"
done
