package data

import (
	"strings"

	"github.com/digitalmarketplace/cutover/test/sandbox/data/flask"
)

var words = strings.Fields(`access account accessible agile analytics api application approach architecture assessment
assurance audit automated availability backup benefits browser budget build business capability capacity case central
change citizen client cloud collaboration community compliance configuration consultancy content continuity cost council
customer cyber dashboard data delivery department deployment design desktop digital discovery document efficient email
encrypted engagement enterprise environment evidence experience expert feedback field flexible framework government
governance guidance health help hosting housing identity improvement incident information infrastructure innovation
insight integration interface learning legacy library licence local machine managed management migration mobile monitoring
network notification online onsite open operations optimisation patient payment performance personal phone planning
platform policy portal process procurement project public quality real-time recovery records regulatory release remote
report research resilient response retention review risk scalable schedule search secure security self-service server
service shared simple software solution source staff standard storage strategy supplier support survey system team
technical template test ticket time tracking training transformation transparent update usability user validation vendor
version video virtual visual web workflow workforce`)

// oddities are what people really type: quotes, markup, currency, dashes, letters outside of ASCII and of the basic plane,
// line ends of another system. They reveal code that does not copy text exactly.
var oddities = []string{
	`"fully managed"`, "£450–£900 a day", "the council’s", "R&D", "<b>24/7</b>", "naïve", "back\\slash", "Gwasanaeth Cymraeg ŵ",
	"100% uptime", "data\r\nprotection", "tab\tseparated", "\U0001F4C8 growth", "it's", "C++/C#", "zero\u200bwidth",
}

var supplierWords = strings.Fields(`Albion Anchor Apex Atlas Beacon Bright Cedar Clear Cobalt Compass Delta Echo Ember
Falcon Forge Granite Harbour Helix Horizon Indigo Iron Juniper Keystone Lantern Maple Meridian Nimbus North Oak Onyx
Orbit Pearl Pinnacle Quartz Raven Ridge River Sable Silver Summit Terra Thistle Topaz Union Vantage Vertex Willow Zephyr`)

var supplierEndings = []string{"Ltd", "Limited", "plc", "LLP", "Consulting Ltd", "Digital Limited", "Systems Ltd", "& Co", "(UK) Limited", "Group plc"}

// escaped are the oddities as they are in JSON, without quotes.
var escaped = func() []string {
	var list []string
	for _, o := range oddities {
		q := flask.AppendString(nil, o)
		list = append(list, string(q[1:len(q)-1]))
	}
	return list
}()

// phrase renders count words as a JSON string, with one random number a word: most of the time of generating is spent
// here.
func phrase(b []byte, r *random, count int) []byte {
	b = append(b, '"')
	for i := range count {
		if i > 0 {
			b = append(b, ' ')
		}
		v := r.next()
		if v>>56 < 5 {
			b = append(b, escaped[int(v&0xffff)*len(escaped)>>16]...)
			continue
		}
		at := len(b)
		b = append(b, words[int(v&0xffff)*len(words)>>16]...)
		if i == 0 {
			b[at] -= 'a' - 'A'
		}
	}
	return append(b, '"')
}

func supplierName(seed uint64, id int) string {
	r := mix(seed, 0x5a, uint64(id))
	name := supplierWords[r.n(len(supplierWords))]
	if r.chance(60) {
		name += " " + supplierWords[r.n(len(supplierWords))]
	}
	if r.chance(3) {
		name += " Caffè"
	}
	return name + " " + supplierEndings[r.n(len(supplierEndings))]
}
