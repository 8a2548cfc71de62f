#!/usr/bin/env bash
# A real Slurm on this machine alone, for the tests: one node, two partitions, no accounting.
#
#   scripts/slurm.sh start    install Debian's slurmctld, slurmd, slurm-client and munge, write /etc/slurm/slurm.conf, start
#   scripts/slurm.sh stop     end what start has started
#
# As root only, and never where a Slurm is set up already: a slurm.conf that this script did not write is left alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/debian.sh

CONFIGURATION=/etc/slurm/slurm.conf
MARK="# written by scripts/slurm.sh of xlpl"

fail() {
  echo "slurm.sh: $*" >&2
  exit 1
}

# give_up MESSAGE: end what has started already
give_up() {
  stop
  fail "$@"
}

# configuration HOST: more CPUs than a small machine has, so that the jobs of an array and their driver run side by side
configuration() {
  cat <<CONF
$MARK
ClusterName=one
SlurmctldHost=$1(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldLogFile=/var/log/slurmctld.log
SlurmdLogFile=/var/log/slurmd.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/backfill
# seconds between two looks at jobs that wait; 30 and 60 where it is not said
SchedulerParameters=bf_interval=2,sched_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
MailProg=/bin/true
# a training that is cancelled passes over SIGTERM
KillWait=2
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
NodeName=$1 NodeAddr=127.0.0.1 CPUs=4 RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=short Nodes=ALL MaxTime=5 State=UP
CONF
}

start() {
  if [ -e "$CONFIGURATION" ] && ! grep -qF "$MARK" "$CONFIGURATION"; then
    fail "$CONFIGURATION is another cluster's; nothing is done"
  fi
  if ! { command -v slurmctld && command -v slurmd && command -v sbatch && command -v munged; } >/dev/null; then
    echo "installing slurmctld, slurmd, slurm-client and munge" >&2
    # Debian's packages would start services where there is an init; here they are started below
    install_debian slurmctld slurmd slurm-client munge >/dev/null || fail "Slurm could not be installed"
  fi
  mkdir -p /run/munge /var/log/munge /var/spool/slurmctld /var/spool/slurmd /etc/slurm /etc/munge
  [ -s /etc/munge/munge.key ] || head -c 1024 /dev/urandom >/etc/munge/munge.key
  chown -R munge /etc/munge /run/munge /var/log/munge
  chmod 400 /etc/munge/munge.key
  configuration "$(hostname -s)" >"$CONFIGURATION"
  pgrep -x munged >/dev/null || su munge -s /bin/sh -c "munged --force" || fail "munged does not start"
  pgrep -x slurmctld >/dev/null || slurmctld -c || give_up "slurmctld does not start: /var/log/slurmctld.log"
  pgrep -x slurmd >/dev/null || slurmd || give_up "slurmd does not start: /var/log/slurmd.log"
  for _ in $(seq 60); do
    if [ "$(sinfo --noheader --partition=main --format=%t 2>/dev/null)" = idle ]; then
      echo "Slurm runs: one node of 4 CPUs, partitions main and short" >&2
      return
    fi
    sleep 0.5
  done
  sinfo >&2 || true
  give_up "the node is not idle after 30 s: /var/log/slurmctld.log, /var/log/slurmd.log"
}

stop() {
  grep -qsF "$MARK" "$CONFIGURATION" || fail "no Slurm of this script is set up here"
  local file
  scancel --user=root 2>/dev/null || true
  for file in /run/slurmd.pid /run/slurmctld.pid /run/munge/munged.pid; do
    if [ -s "$file" ]; then
      kill "$(cat "$file")" 2>/dev/null || true
    fi
  done
}

[ "$(id -u)" = 0 ] || fail "root only: Slurm's daemons start jobs for their users"
case "${1:-}" in
start | stop) "$1" ;;
*) fail "say start or stop" ;;
esac
