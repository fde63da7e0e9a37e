package local

import "testing"

func TestUnmarked(t *testing.T) {
	for name, c := range map[string]struct {
		text, want string
		marked     bool
	}{
		"none":                           {"plain", "plain", false},
		"nothing":                        {"", "", false},
		"UTF-8":                          {"\xef\xbb\xbfpl\xc3\xa4in\n", "pl\u00e4in\n", true},
		"the mark alone":                 {"\xef\xbb\xbf", "", true},
		"UTF-16, little end first":       {"\xff\xfep\x00\xe4\x00", "p\u00e4", true},
		"UTF-16, big end first":          {"\xfe\xff\x00p\x00\xe4", "p\u00e4", true},
		"UTF-16 of half a unit":          {"\xff\xfep\x00a", "p\ufffd", true},
		"a mark that is not at the head": {"p\xef\xbb\xbf", "p\xef\xbb\xbf", false},
		"half a mark":                    {"\xef\xbbp", "\xef\xbbp", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got, marked := Unmarked([]byte(c.text)); string(got) != c.want || marked != c.marked {
				t.Errorf("got %q, %v", got, marked)
			}
		})
	}
}
