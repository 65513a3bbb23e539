"""Tell programs how far a run is, and people what failed."""

import logging
import time

from snakemake_interface_logger_plugins.common import LogEvent

from basinwatch.run_status import Job, RunStatus, notify, stages_of


class StatusHandler(logging.Handler):
    """Follow the events of Snakemake's log; only the process that was started by hand does."""

    def __init__(self, path):
        super().__init__()
        self.path, self.status = path, None

    def emit(self, record):
        """Note what an event says of a job."""
        event = getattr(record, "event", None)
        if event == LogEvent.RUN_INFO and not workflow.dryrun:
            self.status = RunStatus(self.path, stages_of(record.stats))
            self.status.write("running")
        elif self.status is None:
            return
        elif event == LogEvent.JOB_INFO:
            logs = tuple(map(Path, record.log or []))
            purpose = record.rule_msg or record.rule_name
            self.status.start(
                record.jobid, Job(record.rule_name, purpose, logs, time.monotonic())
            )
        elif event == LogEvent.JOB_FINISHED:
            self.status.finish(record.job_id)
        elif event == LogEvent.JOB_ERROR:
            self.status.fail(record.jobid)

    def end(self, state):
        """Write the last word and call the program that is to be told."""
        if self.status is None:
            return
        self.status.end(state)
        for job in self.status.failed.values():
            logger.error(f"Failed: {job.purpose}")
        if self.status.failed:
            logger.error(
                "Why: results/failed.csv. Everything else is done; mend the input, or list a pair under the stack's "
                "exclude_pairs to go on without it."
            )
        for complaint in filter(
            None, (self.status.complaint, notify(state, self.path))
        ):
            logger.warning(complaint)


STATUS = StatusHandler(Path("results/status.json"))
if workflow.is_main_process:
    logger.addHandler(STATUS)


onsuccess:
    STATUS.end("finished")


onerror:
    STATUS.end("failed")
