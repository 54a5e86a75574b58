// Package deploy checks the files of deploy/ with the programs and types they
// are written for: helm, Kubernetes and the Prometheus Operator, systemd. It is
// a module of its own, so that the exporter's does not name them. Run it with
// make check-deploy.
package deploy
