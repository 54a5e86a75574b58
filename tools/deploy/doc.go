// Package deploy tests the files of deploy/ with helm, the types of Kubernetes
// and of the Prometheus Operator, and systemd. It is a separate module, to keep
// them out of the go.mod of the exporter. Run it with make check-deploy.
package deploy
