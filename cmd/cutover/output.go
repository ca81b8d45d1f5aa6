package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// output is stdout. It keeps the first error of a write, so that a command whose result
// is what it printed can fail by it.
type output struct {
	to  io.Writer
	err error
}

// Write writes until an error, and then no more.
func (o *output) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.to.Write(p)
	o.err = err
	return n, err
}

// failed is why what was printed did not arrive; nil where it did.
func (o *output) failed() error {
	if o.err == nil {
		return nil
	}
	return fmt.Errorf("the result could not be written to stdout: %w; run it again with its output to where there is room", o.err)
}

// stdout is standard output, or where it is closed a writer that says so.
func stdout() io.Writer {
	if closed(os.Stdout) {
		return closedOutput{}
	}
	return os.Stdout
}

// closed reports that the process began without this file. Go's runtime opens /dev/null
// for reading and writing in its place (runtime/fds_unix.go), which no shell does for an
// output that is thrown away.
func closed(f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return true
	}
	null, err := os.Stat(os.DevNull)
	if err != nil || !os.SameFile(info, null) {
		return false
	}
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), syscall.F_GETFL, 0)
	return errno == 0 && flags&syscall.O_ACCMODE == syscall.O_RDWR
}

type closedOutput struct{}

func (closedOutput) Write([]byte) (int, error) { return 0, errors.New("it is closed") }
