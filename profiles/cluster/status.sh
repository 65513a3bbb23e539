#!/usr/bin/env bash
# Tell Snakemake what became of a PBS job: running, success or failed.
set -euo pipefail
state=$(qstat -x -f "$1" 2>/dev/null) || { echo running; exit; }  # the server may be busy: ask again
case $state in
    *"job_state = F"*) [[ $state == *"Exit_status = 0"* ]] && echo success || echo failed ;;
    *) echo running ;;
esac
