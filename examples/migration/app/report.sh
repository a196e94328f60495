#!/bin/bash
# Stands for the application: needs the migrated schema at once, fails without it, and then goes on working.
set -euo pipefail
while true; do
  echo "accounts: $(psql --no-psqlrc --tuples-only --no-align --command='SELECT string_agg(owner, $$, $$ ORDER BY owner) FROM accounts')"
  sleep 5
done
