#!/bin/sh
# Stops and disables the service before a removal, but not before an upgrade.
# For a removal dpkg passes "remove" and rpm passes 0. The ledger and the secret
# are kept.
if [ -d /run/systemd/system ]; then
	case "$1" in
	remove | 0) systemctl disable --now huaweicloud_meeting_exporter || : ;;
	esac
fi
