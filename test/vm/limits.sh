# shellcheck shell=bash
# cgroup v2: limits as the kernel has them, kills for want of memory, figures, changes, the freezer.

check_limits() {
  equal cgroups cgroup2fs "$(stat -fc %T /sys/fs/cgroup)" || return
  project limits <<'Y'
services:
  a:
    image: busybox:vm
    command: sleep 1000000
    init: true
    mem_limit: 64m
    memswap_limit: 64m
    mem_reservation: 32m
    cpus: 0.5
    pids_limit: 50
    cpuset: "0"
Y
  expect up in_project limits up -d --wait || return
  local pid
  pid=$(pid_of limits a)
  equal memory.max 67108864 "$(cgroup_file "$pid" memory.max)" || return
  equal memory.swap.max 0 "$(cgroup_file "$pid" memory.swap.max)" || return
  equal memory.low 33554432 "$(cgroup_file "$pid" memory.low)" || return
  equal cpu.max '50000 100000' "$(cgroup_file "$pid" cpu.max)" || return
  equal pids.max 50 "$(cgroup_file "$pid" pids.max)" || return
  equal cpuset.cpus 0 "$(cgroup_file "$pid" cpuset.cpus)" || return
  # 60 processes where 50 are allowed
  in_project limits exec -T a sh -c 'for i in $(seq 60); do sleep 5 & done' > "$work/fork" 2>&1
  grep -qi "can't fork\|cannot fork\|resource" "$work/fork" || { saw "no limit of processes: $(head -c 200 "$work/fork")"; return 1; }
}

check_oom() {
  project oom <<'Y'
services: { a: { image: busybox:vm, mem_limit: 32m, memswap_limit: 32m, command: [ sh, -c, "tail /dev/zero" ] } }
Y
  in_project oom up -d >/dev/null 2>&1
  expect 'it ends' eventually 60 sh -c "[ -z \"\$(cd '$work/oom' && '$repository/bin/mycompose' ps -q)\" ]" || return
  local state
  state=$(in_project oom ps -a --format json)
  saw "ps: $(grep -o '"Status": *"[^"]*"' <<<"$state" | head -1)"
  api GET "/containers/$(in_project oom ps -aq --no-trunc | head -1)/json" | grep -q '"OOMKilled": *true' ||
    { saw 'OOMKilled is not true'; return 1; }
  remove_project oom
}

check_statistics() {
  local line
  line=$(in_project limits stats --no-stream --format json) || return
  saw "${line:0:200}"
  grep -q '64MiB' <<<"$line"
}

check_update() {
  local id pid
  id=$(id_of limits a) pid=$(pid_of limits a)
  expect update api POST "/containers/$id/update" '{"Memory":134217728,"MemorySwap":134217728,"NanoCpus":1000000000}' || return
  equal memory.max 134217728 "$(cgroup_file "$pid" memory.max)" || return
  equal cpu.max '100000 100000' "$(cgroup_file "$pid" cpu.max)"
}

check_pause() {
  local pid
  pid=$(pid_of limits a)
  expect pause in_project limits pause || return
  equal frozen 'frozen 1' "$(cgroup_file "$pid" cgroup.events | grep frozen)" || return
  expect unpause in_project limits unpause || return
  equal frozen 'frozen 0' "$(cgroup_file "$pid" cgroup.events | grep frozen)" || return
  remove_project limits
}
