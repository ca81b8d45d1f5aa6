// Package report says how an upgrade stands: the status of the run, the digest
// that ties an approval to the plan it was given for, what others changed
// meanwhile, and what the run leaves on the platform.
package report
