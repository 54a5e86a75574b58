#!/bin/sh
# Before the removal, and not before an upgrade. dpkg says remove, rpm says 0.
# The ledger and the secret stay.
if [ -d /run/systemd/system ]; then
	case "$1" in
	remove | 0) systemctl disable --now huaweicloud_meeting_exporter || : ;;
	esac
fi
