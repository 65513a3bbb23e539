#!/usr/bin/env bash
# Start or stop a throw-away Slurm of two nodes on this machine (as root; Debian packages slurm-wlm and munge).
# The nodes are two slurmd on two ports, and character devices stand in for the GPUs of the second.
set -euo pipefail
root=${LOCAL_SLURM_DIR:?where its files go}
host=$(hostname -s)

start() {
    if [ -e /etc/slurm/slurm.conf ]; then
        echo "/etc/slurm/slurm.conf exists: this machine has a Slurm already" >&2
        return 1
    fi
    mkdir -p "$root"/{state,spool/n1,spool/n2,log,run} /etc/slurm
    chmod 700 "$root"
    dd if=/dev/urandom of="$root/munge.key" bs=1024 count=1 status=none
    chmod 400 "$root/munge.key"
    # Without accounting database, cgroups and MPI: limits are booked, not enforced. MinJobAge keeps what ended in sight.
    cat > /etc/slurm/slurm.conf <<CONF
ClusterName=local
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
AuthType=auth/munge
AuthInfo=socket=$root/run/munge.sock
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$root/state
SlurmdSpoolDir=$root/spool/%n
SlurmctldPidFile=$root/run/slurmctld.pid
SlurmdPidFile=$root/run/slurmd-%n.pid
SlurmctldLogFile=$root/log/slurmctld.log
SlurmdLogFile=$root/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MinJobAge=900
GresTypes=gpu
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=16818 CPUs=4 RealMemory=16000
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=16819 CPUs=4 RealMemory=16000 Gres=gpu:2
PartitionName=cpu Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=n2 MaxTime=INFINITE State=UP
CONF
    cat > /etc/slurm/gres.conf <<CONF
NodeName=n2 Name=gpu File=/dev/zero
NodeName=n2 Name=gpu File=/dev/null
CONF
    munged --force --key-file="$root/munge.key" --socket="$root/run/munge.sock" --pid-file="$root/run/munged.pid" \
        --log-file="$root/log/munged.log" --seed-file="$root/run/munge.seed"
    slurmctld
    slurmd -N n1
    slurmd -N n2
    for _ in $(seq 60); do
        [ "$(sinfo -h -N -p cpu -o '%T' | grep -c idle)" -ge 2 ] && return
        sleep 1
    done
    sinfo -N -l
    return 1
}

stop() {
    for daemon in slurmd-n1 slurmd-n2 slurmctld munged; do
        if [ -f "$root/run/$daemon.pid" ]; then kill "$(cat "$root/run/$daemon.pid")" || true; fi
    done
    rm -f /etc/slurm/slurm.conf /etc/slurm/gres.conf
}

"$1"
