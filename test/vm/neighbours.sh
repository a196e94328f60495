# shellcheck shell=bash
# Others on the machine: firewalls and Docker beside us, interfaces of the host for macvlan, the syslog daemon.

start_web() {
  project web <<'Y'
services:
  web:
    image: busybox:vm
    command: [ sh, -c, 'echo hello from the container > /www/index.html; exec httpd -f -p 80 -h /www' ]
    ports: [ "127.0.0.1:8090:80", "8091:80" ]
  other: { image: busybox:vm, command: sleep 1000000, init: true }
Y
  expect up in_project web up -d --wait
}

# The ways that matter: published on loopback and everywhere, between containers, by name, and to the host's world.
web_works() {
  expect '127.0.0.1:8090' eventually 20 answers http://127.0.0.1:8090/ || return
  expect 'the port on an address of the host' eventually 20 answers "http://$(host_address):8091/" || return
  expect 'from container to container by name' in_project web exec -T other wget -qO- http://web/ || return
  expect 'a container reaches the gateway of the host' in_project web exec -T other ping -c1 -W5 "$(host_gateway)"
}

host_address() { ip -4 -o route get 192.0.2.1 | sed -n 's/.* src \([0-9.]*\).*/\1/p'; }
host_gateway() { ip -4 route show default | sed -n 's/^default via \([0-9.]*\).*/\1/p' | head -1; }

# beside NAME: with the other one there, before and after its rules are loaded anew; or doctor names the conflict and the fix
beside() {
  local name=$1 fix
  shift
  start_web || return
  if ! web_works; then
    fix=$(mc doctor --json | jq -r --arg name "$name" \
      '.. | objects | select(.fix? and (.message? // "" | ascii_downcase | contains($name))) | .fix' | head -1)
    [ -n "$fix" ] || { saw "does not work beside $name, and doctor does not say why"; return 1; }
    saw "doctor says: $fix"
    expect 'what doctor says' bash -c "$fix" || return
    web_works || return
  fi
  expect "reload of $name" "$@" || return
  expect 'works after a reload' eventually 20 answers http://127.0.0.1:8090/ || return
  web_works || return
  saw "ports, names and the way out work beside $name"
  remove_project web
}

check_ufw() {
  apt_install ufw || return
  ufw allow 22/tcp >/dev/null && ufw --force enable >/dev/null || return
  beside ufw ufw reload
  local verdict=$?
  ufw --force disable >/dev/null
  return "$verdict"
}

check_firewalld() {
  apt_install firewalld || return
  systemctl start firewalld && firewall-cmd --quiet --add-service=ssh || return
  beside firewalld firewall-cmd --reload
  local verdict=$?
  systemctl disable --now firewalld >/dev/null 2>&1
  return "$verdict"
}

check_docker() {
  apt_install docker.io || return
  expect 'docker starts' eventually 60 docker info || return
  tar -C "$work/image" -c . | docker import - busybox:vm >/dev/null || return
  docker run -d --rm --name vm-docker -p 8092:80 busybox:vm \
    sh -c 'echo hello from docker > /www/index.html; exec httpd -f -p 80 -h /www' >/dev/null || { saw 'docker run fails beside us'; return 1; }
  beside docker systemctl restart docker
  local verdict=$?
  docker rm -f vm-docker >/dev/null 2>&1
  return "$verdict"
}

# macvlan NAME PARENT SUBNET: two containers see each other; the parent is the host's, the VLAN is made and removed by us
macvlan() {
  project "$1" <<Y
networks: { lan: { driver: macvlan, driver_opts: { parent: $2 }, ipam: { config: [ { subnet: $3.0/24, gateway: $3.1 } ] } } }
services:
  a: { image: busybox:vm, command: sleep 1000000, init: true, networks: { lan: { ipv4_address: $3.10 } } }
  b: { image: busybox:vm, command: sleep 1000000, init: true, networks: { lan: { ipv4_address: $3.11 } } }
Y
  expect up in_project "$1" up -d --wait || return
  expect 'a reaches b' in_project "$1" exec -T a ping -c1 -W5 "$3.11" || return
  saw "$(in_project "$1" exec -T a ip -o link show eth0 | sed 's/\\.*//')"
  remove_project "$1"
}

check_macvlan() {
  expect "a dummy interface" ip link add vmdummy0 type dummy || return
  ip link set vmdummy0 up
  macvlan macvlan vmdummy0 192.0.2
  local verdict=$?
  ip link show vmdummy0 >/dev/null || { saw 'the parent is gone'; verdict=1; }
  ip link delete vmdummy0
  return "$verdict"
}

check_vlan() {
  expect "a dummy interface" ip link add vmdummy1 type dummy || return
  ip link set vmdummy1 up
  macvlan vlan vmdummy1.50 198.51.100
  local verdict=$?
  ! ip link show vmdummy1.50 >/dev/null 2>&1 || { saw 'the VLAN that was made for it is left'; verdict=1; }
  ip link delete vmdummy1
  return "$verdict"
}

check_syslog() {
  cat > /etc/rsyslog.d/mycompose-vm.conf <<'C'
module(load="imudp")
input(type="imudp" port="5514" address="127.0.0.1" ruleset="mycompose")
ruleset(name="mycompose") { action(type="omfile" file="/var/log/mycompose-vm.log") }
C
  rm -f /var/log/mycompose-vm.log
  expect 'restart rsyslog' systemctl restart rsyslog || return
  project syslog <<'Y'
services:
  a:
    image: busybox:vm
    command: [ sh, -c, 'echo a line for syslog; echo and an error >&2; sleep 1000000' ]
    init: true
    logging: { driver: syslog, options: { syslog-address: 'udp://127.0.0.1:5514', tag: vm-check } }
  local: { image: busybox:vm, command: [ sh, -c, 'echo by the socket; sleep 1000000' ], init: true, logging: { driver: syslog, options: { tag: vm-local } } }
Y
  expect up in_project syslog up -d || return
  expect 'rsyslog has it by UDP' eventually 30 grep -q 'vm-check.*a line for syslog' /var/log/mycompose-vm.log || return
  expect 'the journal has it by /dev/log' eventually 30 sh -c 'journalctl -q -t vm-local --since -5min | grep -q "by the socket"' || return
  saw "$(grep -h 'vm-check' /var/log/mycompose-vm.log | head -1)"
  remove_project syslog
  rm -f /etc/rsyslog.d/mycompose-vm.conf
  systemctl restart rsyslog
}
