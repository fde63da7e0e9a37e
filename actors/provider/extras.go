package provider

import (
	"encoding/json"
	"net/url"
)

// extras are what is asked for besides scopes and the like. All of it counts as
// secret.
type extras struct {
	details Document
	text    string // details, as JSON; empty: none
	params  map[string]Text
}

// extras reads them anew.
func (g *grant) extras() (e extras, err error) {
	if g.Details != nil {
		if e.details, err = g.Details(); err != nil {
			return extras{}, unreadyf("authorization_details: %s", err)
		}
	}
	if e.details.Value != nil {
		text, err := json.Marshal(e.details.Value)
		if err != nil {
			return extras{}, unreadyf("authorization_details: cannot be written as JSON")
		}
		e.text = string(text)
	}
	if g.Params != nil {
		if e.params, err = g.Params(); err != nil {
			return extras{}, unreadyf("params: %s", err)
		}
	}
	return e, nil
}

// fill adds the extras to a form.
func (e *extras) fill(form url.Values) {
	if e.text != "" {
		form.Set("authorization_details", e.text)
	}
	for name, value := range e.params {
		form.Set(name, value.Reveal())
	}
}

func (e *extras) hide(hidden *secrets) {
	leavesOf("", e.details.Value, func(_, value string) { hidden.addLiteral(value) })
	for _, part := range e.details.Parts {
		hidden.add(part.Reveal())
	}
	for _, value := range e.params {
		hidden.addLiteral(value.Reveal())
		value.hide(hidden)
	}
}
