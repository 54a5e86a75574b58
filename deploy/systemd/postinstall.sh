#!/bin/sh
# After an installation or an upgrade: what runs, runs anew.
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart huaweicloud_meeting_exporter
fi
