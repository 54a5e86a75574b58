#!/bin/sh
# Restarts a running service after an upgrade.
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	# The package is installed even if the service fails to start. The reason is
	# in the journal.
	systemctl try-restart huaweicloud_meeting_exporter || :
fi
