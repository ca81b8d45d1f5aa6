package router

import (
	"fmt"
	"strconv"
	"time"
)

// accessRecord is one line of a router's access log.
type accessRecord struct {
	host, method, uri, proto, referer, agent, remote string
	forwarded, scheme, id, fault, app, instance      string
	status, received, sent, index                    int
	started                                          time.Time
	took                                             time.Duration
}

// log writes the access log's line to the app's own stream. A request that has reached no app is in no app's log
// (gorouter: accesslog/schema/access_log_record.go).
func (x *exchange) log(status, sent int) {
	e := x.used
	if e == nil {
		return
	}
	x.router.opts.Log(e, &accessRecord{
		host: x.r.Host, method: x.r.Method, uri: x.r.URL.RequestURI(), proto: x.r.Proto, status: status,
		received: len(x.body), sent: sent, referer: x.r.Referer(), agent: x.r.UserAgent(), remote: x.r.RemoteAddr,
		forwarded: x.forwarded, scheme: x.scheme, id: x.id, fault: x.fault,
		started: x.started, took: x.router.opts.Clock.Now().Sub(x.started), app: e.AppGUID, index: e.Index, instance: e.InstanceGUID,
	})
}

// String writes the line out: the log does so only when somebody reads it.
func (a *accessRecord) String() string {
	dash := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	backend := "10.0.0." + strconv.Itoa(10+a.index) + ":" + strconv.Itoa(61000+a.index)
	return fmt.Sprintf("%s - [%s] %q %d %d %d %q %q %q %q x_forwarded_for:%q x_forwarded_proto:%q vcap_request_id:%q "+
		"response_time:%f gorouter_time:0.000050 app_id:%q app_index:\"%d\" instance_id:%q x_cf_routererror:%q",
		a.host, a.started.Format("2006-01-02T15:04:05.000000000Z"), a.method+" "+a.uri+" "+a.proto, a.status, a.received, a.sent,
		dash(a.referer), dash(a.agent), a.remote, backend, dash(a.forwarded), dash(a.scheme), a.id,
		a.took.Seconds(), a.app, a.index, a.instance, dash(a.fault))
}
