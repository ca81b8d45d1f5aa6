// Package platform is an in-memory Cloud Foundry: Cloud Controller v3, UAA, log-cache, the policy server, the router
// replicas, the containers behind them and the interface to a service broker, over real HTTP.
//
// This package is the Cloud Controller and the world model; the packages below it are the other components, which it puts
// together. It has the behaviours that make upgrades fail: jobs take time and may fail, an environment is fixed when a
// process is desired, routes appear and disappear late and at different times on each router replica, deletes cascade,
// names are unique, metadata has limits.
// Where a behaviour follows a component of Cloud Foundry, the comment beside it names the source: "ccng" is
// cloudfoundry/cloud_controller_ng (CC API 3.2xx), "gorouter" is cloudfoundry/gorouter, "bbs" is cloudfoundry/bbs,
// "log-cache" is cloudfoundry/log-cache-release, "uaa" is cloudfoundry/uaa.
//
// Modelled: the root and /v3, organisations, spaces, domains and route reservations, quotas and usage summaries,
// feature flags, the marketplace, service instances (managed by asynchronous jobs, user-provided), credential bindings
// and keys, route services, apps with environment, features, manifest and metadata, spaces' apply_manifest and
// manifest_diff, docker packages, bits (which all run one program), builds, droplets and copies of them, sidecars (which are
// kept, and run nothing), processes, scaling and stats, routes and destinations, jobs,
// rolling and canary deployments, revisions, tasks, audit events, network policies; tokens that expire; logs that are
// late, out of order and lossy; router replicas with a lag each, stale endpoints, route services; programs that crash
// and are restarted, requests in flight that end within the grace period or are cut; brokers that fail or unbind late.
//
// Domains are shared, private, internal or for TCP; hosts may be wildcards or missing.
//
// Not modelled: buildpacks' work, Cloud Native Buildpacks, the upload of a droplet, isolation segments, sharing of
// services and routes, service brokers' own API, what reaches TCP and internal routes, weights, container ports other than
// 8080, ssh, log streaming (only log-cache's reads), sticky sessions and load balancing other than round robin, tasks'
// programs (a
// command's words decide how it ends), containers that Diego loses and replaces, more than one space.
package platform
