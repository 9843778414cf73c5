#!/usr/bin/env bash
# A Slurm of one node on this machine, for the tests: needs root and Debian's slurmctld, slurmd,
# slurm-client and munge. Everything of it lives in DIR, and nothing of another Slurm is touched.
#
#   one-node.sh start DIR      prints the path of the configuration, for SLURM_CONF
#   one-node.sh stop DIR
set -euo pipefail
action=${1:?start or stop}
mkdir -p "${2:?where}"
dir=$(cd "$2" && pwd)

stop() {
  for name in slurmd slurmctld munged; do
    [ -f "$dir/$name.pid" ] || continue
    kill "$(cat "$dir/$name.pid")" 2>/dev/null || true
  done
  # Tasks that ran are gone with the daemons' own shepherds.
  pkill -f "slurmstepd.*" -u root 2>/dev/null || true
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start() {
  host=$(hostname -s 2>/dev/null || uname -n)
  cores=$(nproc)
  memory=$(awk '/^MemTotal/ { print int($2 / 1024 * 0.9) }' /proc/meminfo)
  mkdir -p "$dir"/state "$dir"/spool
  # munged refuses sockets and keys that others could replace.
  chmod 711 "$dir"
  (umask 077 && head -c 1024 /dev/urandom >"$dir/munge.key")
  munged --force --key-file="$dir/munge.key" --socket="$dir/munge.socket" --pid-file="$dir/munged.pid" \
    --log-file="$dir/munged.log" --seed-file="$dir/munge.seed"
  cat >"$dir/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
AuthType=auth/munge
AuthInfo=socket=$dir/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
ReturnToService=2
KillWait=5
MessageTimeout=60
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmdSpoolDir=$dir/spool
StateSaveLocation=$dir/state
SlurmUser=root
SlurmdUser=root
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobRequeue=1
MinJobAge=60
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cores RealMemory=$memory State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
  export SLURM_CONF=$dir/slurm.conf
  slurmctld -f "$SLURM_CONF" >/dev/null 2>&1
  slurmd -f "$SLURM_CONF" >/dev/null 2>&1
  for _ in $(seq 60); do
    if sinfo --noheader --format=%T 2>/dev/null | grep -qE 'idle|mixed|alloc'; then
      echo "$SLURM_CONF"
      return
    fi
    sleep 0.5
  done
  echo "one-node.sh: Slurm did not come up; see $dir/*.log" >&2
  tail -n 5 "$dir"/*.log >&2 || true
  stop
  exit 1
}

case "$action" in
start) start ;;
stop) stop ;;
*)
  echo "usage: one-node.sh start|stop DIR" >&2
  exit 2
  ;;
esac
