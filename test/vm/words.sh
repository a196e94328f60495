# shellcheck shell=bash
# Short words of the checks. A check is a function check_NAME: it says what it saw with `saw`, and its status is the verdict.

mc() { "$repository/bin/mycompose" "$@"; }

# saw TEXT: kept for the line that is printed
saw() { seen="$seen${seen:+; }$*"; }

# expect WHAT COMMAND...: the command must succeed
expect() {
  local what=$1 output
  shift
  if output=$("$@" 2>&1); then return 0; fi
  saw "$what: ${output:-\"$*\" failed}"
  return 1
}

# equal WHAT WANT GOT
equal() {
  saw "$1: $3"
  [ "$2" = "$3" ] || { saw "wanted: $2"; return 1; }
}

# eventually SECONDS COMMAND...
eventually() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.5
  done
}

run_check() {
  local name=$1
  seen=
  if ! declare -F "check_$name" >/dev/null; then
    echo "FAILED $name there is no such check"
    failed=1
  elif "check_$name"; then
    echo "ok     $name ${seen//$'\n'/ | }"
  else
    echo "FAILED $name ${seen//$'\n'/ | }"
    failed=1
  fi
}

apt_install() { DEBIAN_FRONTEND=noninteractive expect "apt-get install $*" apt-get -y -qq install "$@"; }

# project NAME: its file comes on standard input
project() {
  mkdir -p "$work/$1"
  cat > "$work/$1/compose.yaml"
}

# in_project NAME ARGUMENTS...
in_project() {
  local folder=$work/$1
  shift
  (cd "$folder" && mc "$@")
}

remove_project() { in_project "$1" down -v -t 1 >/dev/null 2>&1 || true; }

# id_of PROJECT SERVICE: of its first container
id_of() { in_project "$1" ps -q --no-trunc "$2" | head -1; }

# pid_of PROJECT SERVICE
pid_of() { cat "$root/containers/$(id_of "$1" "$2")/bundle/pid"; }

# api METHOD PATH [JSON]
api() {
  curl -sS --fail-with-body --unix-socket "$(mc engine status | sed -n 's#.*\(/run/[^ ]*engine.sock\).*#\1#p' | head -1)" -X "$1" "http://engine$2" \
    ${3:+-H 'Content-Type: application/json' -d "$3"}
}

answers() { curl -sS --fail --max-time 5 "$1"; }

# cgroup_file PID FILE: its content, on cgroup v2
cgroup_file() { cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$1/cgroup")/$2"; }
