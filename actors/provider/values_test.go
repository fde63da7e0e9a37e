package provider

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"
)

func TestDuration(t *testing.T) {
	cases := map[string]struct {
		json string
		unit time.Duration
		want time.Duration
		err  error
	}{
		"a number":                       {"3600", time.Second, time.Hour, nil},
		"a text":                         {`"3600"`, time.Second, time.Hour, nil},
		"a text with spaces":             {`" 3600 "`, time.Second, time.Hour, nil},
		"a fraction":                     {"0.5", time.Second, 500 * time.Millisecond, nil},
		"a fraction in a text":           {`"59.5"`, time.Second, 59*time.Second + 500*time.Millisecond, nil},
		"an exponent":                    {"3.6e3", time.Second, time.Hour, nil},
		"milliseconds":                   {"3600000", time.Millisecond, time.Hour, nil},
		"absent":                         {"", time.Second, 0, nil},
		"null":                           {"null", time.Second, 0, nil},
		"0":                              {"0", time.Second, 0, errNotPositive},
		"a text with 0":                  {`"0"`, time.Second, 0, errNotPositive},
		"negative":                       {"-1", time.Second, 0, errNotPositive},
		"so little that nothing is left": {"1e-300", time.Second, 0, errNotPositive},
		"absurdly much":                  {"1e300", time.Second, maxLifetime, nil},
		"so much that it is no number":   {`"1e999"`, time.Second, 0, errNoNumber},
		"an empty text":                  {`""`, time.Second, 0, errNoNumber},
		"a unit":                         {`"3600s"`, time.Second, 0, errNoNumber},
		"infinity":                       {`"inf"`, time.Second, 0, errNoNumber},
		"not a number":                   {`"NaN"`, time.Second, 0, errNoNumber},
		"hexadecimal":                    {`"0x10"`, time.Second, 0, errNoNumber},
		"a boolean":                      {"true", time.Second, 0, errNoNumber},
		"an object":                      {`{"a":1}`, time.Second, 0, errNoNumber},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := duration(gjson.Parse(c.json), c.unit)
			if got != c.want || err != c.err {
				t.Errorf("got %s, %v; want %s, %v", got, err, c.want, c.err)
			}
		})
	}
}

func TestInstant(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	cases := map[string]struct {
		json string
		want time.Time
		err  error
	}{
		"RFC 3339":                      {`"2026-03-01T12:00:00Z"`, at, nil},
		"RFC 3339 in another zone":      {`"2026-03-01T14:00:00+02:00"`, at, nil},
		"RFC 3339 with a fraction":      {`"2026-03-01T12:00:00.25Z"`, at.Add(250 * time.Millisecond), nil},
		"seconds":                       {"1772366400", at, nil},
		"seconds in a text":             {`"1772366400"`, at, nil},
		"seconds with a fraction":       {"1772366400.5", at.Add(500 * time.Millisecond), nil},
		"milliseconds":                  {"1772366400000", at, nil},
		"milliseconds in a text":        {`"1772366400000"`, at, nil},
		"the last seconds":              {"253402300799", time.Unix(253402300799, 0).UTC(), nil},
		"nanoseconds":                   {"1772366400000000000", at, nil},
		"nanoseconds in a text":         {`"1772366400000000000"`, at, nil},
		"the first microseconds":        {"100000000000000", time.Unix(100000000, 0).UTC(), nil},
		"the first milliseconds":        {"253402301000", time.UnixMilli(253402301000).UTC(), nil},
		"0":                             {"0", time.Time{}, errNotPositive},
		"absent":                        {"", time.Time{}, nil},
		"null":                          {"null", time.Time{}, nil},
		"microseconds":                  {"1772366400000000", at, nil},
		"negative":                      {"-1", time.Time{}, errNotPositive},
		"no zone":                       {`"2026-03-01T12:00:00"`, time.Time{}, errNoZone},
		"the year 1, which means never": {`"0001-01-01T00:00:00Z"`, time.Time{}, errNotPositive},
		"an empty text":                 {`""`, time.Time{}, errNoTime},
		"words":                         {`"tomorrow"`, time.Time{}, errNoTime},
		"a boolean":                     {"true", time.Time{}, errNoTime},
		"an array":                      {"[1]", time.Time{}, errNoTime},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := instant(gjson.Parse(c.json))
			if !got.Equal(c.want) || err != c.err {
				t.Errorf("got %s, %v; want %s, %v", got, err, c.want, c.err)
			}
		})
	}
}

func TestTokenType(t *testing.T) {
	cases := map[string]struct {
		json string
		said string
		want string
		err  error
	}{
		"as it should be": {`"Bearer"`, "Bearer", "Bearer", nil},
		"lower case":      {`"bearer"`, "bearer", "Bearer", nil},
		"upper case":      {`"BEARER"`, "BEARER", "Bearer", nil},
		"dpop":            {`"dpop"`, "dpop", "DPoP", nil},
		"mac":             {`"mac"`, "mac", "MAC", nil},
		"pop":             {`"pop"`, "pop", "PoP", nil},
		"spaces around":   {`" bearer "`, "bearer", "Bearer", nil},
		"a line end":      {`"Bearer\n"`, "Bearer", "Bearer", nil},
		"spaces alone":    {`" "`, "", "Bearer", nil},
		"unknown":         {`"urn:x"`, "urn:x", "Bearer", nil},
		"another scheme":  {`"Basic"`, "Basic", "Bearer", nil},
		"empty":           {`""`, "", "Bearer", nil},
		"absent":          {"", "", "Bearer", nil},
		"null":            {"null", "", "Bearer", nil},
		"a number":        {"1", "", "Bearer", errNoText},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var res Result
			said, err := tokenType(gjson.Parse(c.json))
			if res.called(said); said != c.said || res.ServerType != c.said || res.Type != c.want || err != c.err {
				t.Errorf("got %q, %+v, %v", said, res, err)
			}
		})
	}
}

func TestScopes(t *testing.T) {
	cases := map[string]struct {
		json string
		want []string
		err  error
	}{
		"a list":                 {`"read write"`, []string{"read", "write"}, nil},
		"an array":               {`["read","write"]`, []string{"read", "write"}, nil},
		"an array of lists":      {`["read write"]`, []string{"read", "write"}, nil},
		"none":                   {`""`, []string{}, nil},
		"no elements":            {`[]`, []string{}, nil},
		"absent":                 {``, nil, nil},
		"null":                   {`null`, nil, nil},
		"a number":               {`1`, nil, errNoScopes},
		"an object":              {`{}`, nil, errNoScopes},
		"an array with a number": {`["read",1]`, nil, errNoScopes},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := scopes(gjson.Parse(c.json))
			if diff := cmp.Diff(c.want, got); diff != "" || err != c.err {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}
