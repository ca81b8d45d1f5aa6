package data

import (
	"strconv"
	"time"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

// service is a row of the services table. Its document is generated from seed, key and version; only the values that
// an edit has set are stored, in fields.
type service struct {
	pk        int
	id        uint64
	framework uint8
	lot       uint8
	status    uint8
	copied    bool
	version   uint32
	supplier  int
	created   time.Time
	updated   time.Time
	archived  int // the key of its last archived copy
	fields    map[string]flask.Raw
}

func (s *service) name() string { return strconv.FormatUint(s.id, 10) }

// firstSupplier is the lowest supplier id.
const firstSupplier = 700000

// makeServices generates the services table in the order of keys: services published in G-Cloud 12, and scattered between
// them some that are not published, and some of G-Cloud 11.
func makeServices(seed uint64, services int, epoch time.Time) []service {
	unpublished := (services + 17) / 18
	older := (services + 24) / 25
	total := services + unpublished + older
	suppliers := 1 + total/7
	rows := make([]service, 0, total)
	seen := make(map[uint64]bool, total)
	for i := range total {
		r := mix(seed, 0x5e, uint64(i))
		s := service{pk: i + 1, framework: gcloud12, status: published}
		for s.id == 0 || seen[s.id] {
			s.id = 1e14 + r.next()%9e14 // 15 digits: app/utils.py random_positive_external_id
		}
		seen[s.id] = true
		left := total - i
		switch draw := r.n(left); {
		case draw < older:
			older--
			s.framework = gcloud11
			s.status = uint8(r.n(3))
		case draw < older+unpublished:
			unpublished--
			s.status = uint8(r.n(2))
		}
		switch draw := r.n(100); {
		case draw < 12:
			s.lot = hosting
		case draw < 58:
			s.lot = software
		default:
			s.lot = support
		}
		s.supplier = firstSupplier + int(r.next()>>8)%suppliers
		s.archived = i + 1
		years := time.Duration(1 - int(s.framework))
		s.created = epoch.Add(-(years+1)*8760*time.Hour + time.Duration(i)*time.Second + time.Duration(r.n(1e9))*time.Microsecond)
		s.updated = s.created
		if r.chance(40) {
			s.updated = s.created.Add(time.Duration(r.n(8_000_000)) * time.Second).Add(time.Duration(r.n(1e6)) * time.Microsecond)
		}
		if s.updated.After(epoch) {
			s.updated = epoch
		}
		rows = append(rows, s)
	}
	return rows
}
