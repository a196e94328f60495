#!/bin/bash
# What only a whole machine can show: boots, logouts, systemd, cgroup v2, other owners of the firewall. Run by hand as root
# in a fresh virtual machine (see README.md beside it), never on a machine that matters: it reboots, installs packages
# and changes firewalls.
#
#   export MYCOMPOSE_VM_CHECKS=yes
#   test/vm/checks.sh before-reboot && reboot     then, when it is up again:
#   test/vm/checks.sh after-reboot
#   test/vm/checks.sh NAME...                     single ones: limits, ufw, ...
#
# One line a check: "ok NAME what was seen", or "FAILED NAME what was seen". Exit code 1 when one failed.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../.." && pwd)
work=/var/tmp/mycompose-vm
root=${MYCOMPOSE_ROOT:-/var/lib/mycompose}
page=http://127.0.0.1:8080/
failed=0
seen=

. "$here/words.sh"
. "$here/boot.sh"
. "$here/limits.sh"
. "$here/neighbours.sh"

before=(setup unit logout limits oom statistics update pause macvlan vlan syslog boot_prepare)
after=(boot_running boot_data boot_orderly ufw firewalld docker)

case ${1:-} in
  before-reboot) names=("${before[@]}") ;;
  after-reboot) names=("${after[@]}") ;;
  '') sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; printf 'checks: %s\n' "${before[*]} ${after[*]}"; exit 2 ;;
  *) names=("$@") ;;
esac

[ "$(id -u)" = 0 ] || { echo 'error: needs root' >&2; exit 2; }
[ "${MYCOMPOSE_VM_CHECKS:-}" = yes ] ||
  { echo 'error: only for a machine that may be broken: set MYCOMPOSE_VM_CHECKS=yes there' >&2; exit 2; }
mkdir -p "$work"
for name in "${names[@]}"; do run_check "$name"; done
exit "$failed"
