# shellcheck shell=bash
# The engine as a service: its unit, what a logout leaves, what a reboot brings back.

check_setup() {
  expect 'apt-get update' apt-get -qq update || return
  apt_install busybox-static curl iproute2 jq rsyslog || return
  # set-up, and the images of the example with PostgreSQL, which boot_prepare starts
  expect 'npm run demo' npm --prefix "$repository" run demo || return
  expect down mc -f "$repository/examples/web-postgres/compose.yaml" down -v || return
  local root=$work/image
  rm -rf "$root"
  mkdir -p "$root"/{bin,etc,root,tmp,www}
  cp /bin/busybox "$root/bin/"
  /bin/busybox --list | grep -v '^busybox$' | xargs -I{} ln -s busybox "$root/bin/{}"
  echo 'root:x:0:0:root:/root:/bin/sh' > "$root/etc/passwd"
  tar -C "$root" -cf "$work/image.tar" . || return
  expect 'image import' mc image import "$work/image.tar" busybox:vm || return
  expect doctor mc doctor
  saw "$(. /etc/os-release; echo "$PRETTY_NAME"), Linux $(uname -r), cgroups $(stat -fc %T /sys/fs/cgroup)"
}

# in_shop ARGUMENTS...: in the example with PostgreSQL
in_shop() { (cd "$work/examples/web-postgres" && mc "$@"); }

# systemd waits for READY=1, and an orderly end leaves containers alone
check_unit() {
  expect 'engine install' mc engine install || return
  local unit=mycompose.service
  equal type notify "$(systemctl show -P Type "$unit")" || return
  equal state active "$(systemctl is-active "$unit")" || return
  project unit <<'Y'
services: { sleeper: { image: busybox:vm, command: sleep 1000000, init: true } }
Y
  expect up in_project unit up -d --wait || return
  local before
  before=$(pid_of unit sleeper)
  expect stop systemctl stop "$unit" || return
  equal 'state after stop' inactive "$(systemctl is-active "$unit")" || return
  [ -d "/proc/$before" ] || { saw 'the container ended with the engine'; return 1; }
  expect start systemctl start "$unit" || return
  equal 'pid of the container' "$before" "$(pid_of unit sleeper)" || return
  expect 'kill -9' kill -9 "$(systemctl show -P MainPID "$unit")" || return
  expect 'systemd starts it again' eventually 60 systemctl is-active --quiet "$unit" || return
  expect 'ps' in_project unit ps || return
  equal 'pid of the container' "$before" "$(pid_of unit sleeper)" || return
  remove_project unit
}

# an engine that a session started on demand, and its containers, live on when logind kills what the session leaves
check_logout() {
  mkdir -p /etc/systemd/logind.conf.d "$work/logout"
  printf '[Login]\nKillUserProcesses=yes\nKillExcludeUsers=\n' > /etc/systemd/logind.conf.d/mycompose-vm.conf
  expect 'restart logind' systemctl restart systemd-logind || return
  expect 'engine uninstall' mc engine uninstall || return
  echo 'services: { sleeper: { image: busybox:vm, command: sleep 1000000, init: true } }' > "$work/logout/compose.yaml"
  # a real session (pam_systemd) of root's, which ends with the command
  expect 'up in a session' systemd-run --quiet --wait --pipe -p PAMName=login -p User=root \
    -p WorkingDirectory="$work/logout" "$repository/bin/mycompose" up -d --wait || return
  local pid
  pid=$(pid_of logout sleeper)
  sleep 3
  local verdict=0
  [ -d "/proc/$pid" ] || { saw 'the container ended with the session'; verdict=1; }
  local parent
  parent=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status")
  saw "conmon in $(sed -n 's/^0:://p' "/proc/$parent/cgroup")"
  expect ps in_project logout ps || verdict=1
  equal 'pid of the container' "$pid" "$(pid_of logout sleeper)" || verdict=1
  rm -f /etc/systemd/logind.conf.d/mycompose-vm.conf
  systemctl restart systemd-logind
  remove_project logout
  expect 'engine install' mc engine install || return
  return "$verdict"
}

# PostgreSQL with data, services with each restart policy, one of which says how it was ended
check_boot_prepare() {
  cp -r "$repository/examples" "$work/"
  mkdir -p "$work/boot/ends"
  : > "$work/boot/ends/log"
  expect 'up of web-postgres' in_shop up -d --wait || return
  project boot <<'Y'
x-sleeper: &sleeper { image: busybox:vm, command: sleep 1000000, init: true }
services:
  always: { <<: *sleeper, restart: always }
  unless: { <<: *sleeper, restart: unless-stopped }
  stopped: { <<: *sleeper, restart: unless-stopped }
  never: { <<: *sleeper }
  orderly:
    image: busybox:vm
    restart: always
    stop_signal: SIGUSR1
    stop_grace_period: 30s
    volumes: [ ./ends:/ends ]
    command: [ sh, -c, 'trap "sleep 3; echo orderly >> /ends/log; sync; exit 0" USR1; while :; do sleep 0.2; done' ]
Y
  expect up in_project boot up -d --wait || return
  expect stop in_project boot stop stopped || return
  expect 'rows are written' in_shop exec -T db psql -qU shop -d shop -c \
    'CREATE TABLE IF NOT EXISTS vm_rows (n int); DELETE FROM vm_rows; INSERT INTO vm_rows SELECT generate_series(1, 1000)' || return
  cat /proc/sys/kernel/random/boot_id > "$work/boot-id"
  sync
  saw '1000 rows are written, five services stand; now: reboot'
}

is_other_boot() {
  [ "$(cat "$work/boot-id")" != "$(cat /proc/sys/kernel/random/boot_id)" ] || { saw 'there was no reboot'; return 1; }
}

# before any command of ours: it is systemd that brought them back
check_boot_running() {
  is_other_boot || return
  expect 'the unit is active' eventually 120 systemctl is-active --quiet mycompose.service || return
  local running
  running=$(in_project boot ps --services --status running | sort | xargs)
  equal 'running again' 'always orderly unless' "$running"
}

check_boot_data() {
  is_other_boot || return
  expect 'db is ready' eventually 120 in_shop exec -T db pg_isready --host=127.0.0.1 --username=shop --dbname=shop || return
  equal rows 1000 "$(in_shop exec -T db psql -qAtU shop -d shop -c 'SELECT count(*) FROM vm_rows')" || return
  expect 'the page answers' eventually 120 answers "$page"
}

# the trap of "orderly" ran to its end before the machine went down
check_boot_orderly() {
  is_other_boot || return
  equal 'written at shutdown' orderly "$(cat "$work/boot/ends/log")" || return
  remove_project boot
}
