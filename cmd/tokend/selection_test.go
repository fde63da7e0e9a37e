package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tokend/config"
)

func TestServicesToTry(t *testing.T) {
	cfg := &config.Config{Services: map[string]config.Service{
		"erp":       {Provider: config.KindClientCredentials},
		"erp-mail":  {Provider: config.KindRefreshToken},
		"hr":        {Provider: config.KindLogin, NewestWins: true},
		"hr.static": {Provider: config.KindStatic},
	}}
	for name, test := range map[string]struct {
		globs         []string
		useUp         bool
		tried, passed []string
		wrong         bool
	}{
		"all but what a try can break":         {tried: []string{"erp", "hr.static"}, passed: []string{"erp-mail", "hr"}},
		"one by name":                          {globs: []string{"erp"}, tried: []string{"erp"}},
		"a name is no prefix":                  {globs: []string{"hr"}, passed: []string{"hr"}},
		"a star takes dots and hyphens":        {globs: []string{"*r*"}, tried: []string{"erp", "hr.static"}, passed: []string{"erp-mail", "hr"}},
		"a question mark takes one character":  {globs: []string{"h?"}, passed: []string{"hr"}},
		"a service that two globs name":        {globs: []string{"erp", "e*p"}, tried: []string{"erp"}},
		"use up what is named":                 {globs: []string{"hr", "erp-mail"}, useUp: true, tried: []string{"erp-mail", "hr"}},
		"use up only what is named in full":    {globs: []string{"hr", "erp*"}, useUp: true, tried: []string{"erp", "hr"}, passed: []string{"erp-mail"}},
		"use up without a name":                {useUp: true, wrong: true},
		"use up by a glob":                     {globs: []string{"*"}, useUp: true, wrong: true},
		"a glob without a service":             {globs: []string{"erp", "x*"}, wrong: true},
		"classes of characters are no globs":   {globs: []string{"[eh]r*"}, wrong: true},
		"an escape is no glob":                 {globs: []string{`e\rp`}, wrong: true},
		"names of services have no upper case": {globs: []string{"ERP"}, wrong: true},
	} {
		t.Run(name, func(t *testing.T) {
			picks, err := selection{globs: test.globs, useUp: test.useUp}.choose(cfg)
			if (err != nil) != test.wrong {
				t.Fatalf("error: %v", err)
			}
			var tried, passed []string
			for _, p := range picks {
				if p.skipped == "" {
					tried = append(tried, p.service)
				} else {
					passed = append(passed, p.service)
				}
			}
			if diff := cmp.Diff(test.tried, tried) + cmp.Diff(test.passed, passed); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestASkippedServiceFailsOnlyByItsName(t *testing.T) {
	for name, test := range map[string]struct {
		verdict verdict
		failed  bool
	}{
		"by a glob":       {verdict{Attempt: tries()[0].Attempt, skipped: "why"}, false},
		"by its name":     {verdict{Attempt: tries()[0].Attempt, skipped: "why", named: true}, true},
		"tried by a glob": {verdict{Attempt: tries()[2].Attempt}, true},
		"tried with luck": {verdict{Attempt: tries()[0].Attempt, named: true}, false},
	} {
		if got := test.verdict.failed(); got != test.failed {
			t.Errorf("%s: failed %v", name, got)
		}
	}
}
