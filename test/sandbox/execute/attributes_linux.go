package execute

import "syscall"

// attributes put a process into a group of its own, which ends with this process whatever ends it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
