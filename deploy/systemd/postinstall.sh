#!/bin/sh
# After an installation or an upgrade: what runs, runs anew.
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	# Why it does not start is in its log; the installation is good all the same.
	systemctl try-restart huaweicloud_meeting_exporter || :
fi
