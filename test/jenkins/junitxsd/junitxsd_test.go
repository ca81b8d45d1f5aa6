package junitxsd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const good = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="4" failures="1" errors="1" time="1.5">
  <testsuite name="preview.09-map-live-route" tests="4" failures="1" errors="1" skipped="1" time="1.500" timestamp="2026-11-23T06:00:00Z">
    <properties><property name="run" value="r1"></property></properties>
    <testcase name="green answers on the live host" classname="preview.09-map-live-route.verify" time="0.250"></testcase>
    <testcase name="counts agree" classname="preview.09-map-live-route.verify" time="1">
      <failure message="41 992 of 42 000" type="failure"><![CDATA[8 are missing]]></failure>
      <system-out>asked 3 times</system-out>
    </testcase>
    <testcase name="logs are read" classname="preview.09-map-live-route.check"><error message="no answer"></error></testcase>
    <testcase name="map the route" classname="preview.09-map-live-route.apply"><skipped message="done by build 41"></skipped></testcase>
  </testsuite>
</testsuites>
`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.xml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestGoodReportsAreAccepted(t *testing.T) {
	inner := good[strings.Index(good, "<testsuite "):strings.LastIndex(good, "</testsuites>")]
	ValidateJUnit(t, write(t, good), write(t, inner))
}

func TestBadReportsAreRefused(t *testing.T) {
	for name, edit := range map[string][2]string{
		"four decimals":                       {`time="0.250"`, `time="0.2500"`},
		"an exponent in a time":               {`time="0.250"`, `time="2.5e-1"`},
		"a negative time":                     {`time="0.250"`, `time="-0.250"`},
		"a time of the suite too exact":       {`time="1.500"`, `time="1.50001"`},
		"a thousand with a comma":             {`time="1.500"`, `time="1,500"`},
		"no name of the suite":                {`name="preview.09-map-live-route" tests`, `tests`},
		"an empty name":                       {`name="counts agree"`, `name=""`},
		"no number of tests":                  {`route" tests="4"`, `route"`},
		"no number of failures":               {`failures="1" errors="1" skipped`, `errors="1" skipped`},
		"no number of errors":                 {`failures="1" errors="1" skipped`, `failures="1" skipped`},
		"a number that is none":               {`skipped="1"`, `skipped="one"`},
		"a timestamp that is none":            {`06:00:00Z"`, `6 o'clock"`},
		"a case without a class":              {` classname="preview.09-map-live-route.check"`, ``},
		"a timestamp on a case":               {`name="map the route"`, `name="map the route" timestamp="2026-11-23T06:00:00Z"`},
		"a file on a case":                    {`name="map the route"`, `name="map the route" file="a.go"`},
		"a line on a case":                    {`name="map the route"`, `name="map the route" line="1"`},
		"properties on a case":                {`<error message="no answer">`, `<properties><property name="a" value="b"/></properties><error message="no answer">`},
		"properties after the cases":          {`  </testsuite>`, `<properties/></testsuite>`},
		"output before the verdict":           {`<failure message`, `<system-out>early</system-out><failure message`},
		"output of the suite before its case": {`<testcase name="counts agree"`, `<system-out>early</system-out><testcase name="counts agree"`},
		"two verdicts":                        {`<skipped message="done by build 41">`, `<failure/><skipped message="done by build 41">`},
		"an element nobody knows":             {`<skipped message="done by build 41"></skipped>`, `<passed/>`},
		"an attribute nobody knows":           {`<error message="no answer">`, `<error message="no answer" text="none">`},
		"a report that is cut off":            {"</testsuites>\n", ""},
		"another document":                    {good, "<report/>"},
		"nothing":                             {good, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bad := strings.Replace(good, edit[0], edit[1], 1)
			if bad == good {
				t.Fatal("the edit changes nothing")
			}
			if err := validate(t, write(t, bad)); err == nil {
				t.Errorf("accepted:\n%s", bad)
			}
		})
	}

	withoutCases := `<testsuite name="a" tests="0" failures="0" errors="0"></testsuite>`
	if err := validate(t, write(t, withoutCases)); err == nil {
		t.Error("accepted a suite without a case, which Jenkins drops")
	}
	if err := validate(t, filepath.Join(t.TempDir(), "absent.xml")); err == nil {
		t.Error("accepted a report that is not there")
	}
}
