package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tokend/system"
)

// tell prints what the tries came to.
func (c *checkCommand) tell(tried []*system.Attempt) error {
	if c.output == "json" {
		return c.tellJSON(tried)
	}
	if len(tried) == 0 { // a signal came first
		return nil
	}
	rows := [][]string{{
		"SERVICE", "RESULT", "PROVIDER", "AUTH", "URL", "STATUS", "TOOK",
		"LIFE", "REFRESH AFTER", "WARNING AFTER", "LEAD", "SCOPES",
	}}
	todo := [][]string{{"SERVICE", "WHAT TO DO"}}
	for _, a := range tried {
		rows = append(rows, attemptRow(a))
		if what := advice(a); what != "" {
			todo = append(todo, []string{a.Service, what})
		}
	}
	paint := c.paintFor(c.stdout)
	if err := paint.table(c.stdout, rows, inColumn(1)); err != nil || len(todo) == 1 {
		return err
	}
	if _, err := fmt.Fprintln(c.stdout); err != nil {
		return err
	}
	return paint.table(c.stdout, todo, nil)
}

// attemptRow leaves no cell empty: columns are told apart by the spaces between
// them.
func attemptRow(a *system.Attempt) []string {
	t := &a.Token
	row := []string{
		a.Service, result(a), a.Provider, a.ClientAuth, a.URL, status(a), took(a.Took),
		"", since(t.CreatedAt, t.RefreshAt), since(t.CreatedAt, t.WarnAt), lead(t.RefreshThreshold), strings.Join(t.Scopes, " "),
	}
	if a.Failure == nil {
		row[7] = cmp.Or(since(t.CreatedAt, t.ExpiresAt), "no end")
	}
	for i := range row {
		row[i] = cmp.Or(row[i], "-")
	}
	return row
}

// since returns how long after birth a moment is, empty if there is none.
func since(birth, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return brief(t.Sub(birth))
}

// brief rounds what is long, for people.
func brief(d time.Duration) string {
	if d >= time.Minute {
		d = d.Round(time.Second)
	}
	return d.String()
}

// acquired is what a try comes to that brings a token; any other is called by the
// class of its failure.
const acquired = "acquired"

func result(a *system.Attempt) string {
	if a.Failure != nil {
		return a.Failure.Class
	}
	return acquired
}

func status(a *system.Attempt) string {
	if a.Status == 0 {
		return ""
	}
	return strconv.Itoa(a.Status)
}

func took(d time.Duration) string { return d.Round(time.Millisecond).String() }

func lead(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return brief(d)
}

// attempts and what is below it are the JSON form of check --acquire; see
// docs/check.md for what its fields mean.
type attempts struct {
	Services []attempt `json:"services"`
}

type attempt struct {
	Service          string    `json:"service"`
	Result           string    `json:"result"`
	Provider         string    `json:"provider"`
	ClientAuth       string    `json:"client_auth,omitempty"`
	URL              string    `json:"url,omitempty"`
	Status           int       `json:"status,omitempty"`
	Took             string    `json:"took"`
	TokenType        string    `json:"token_type,omitempty"`
	Scopes           []string  `json:"scopes,omitempty"`
	Fingerprint      string    `json:"fingerprint,omitempty"`
	CreatedAt        time.Time `json:"created_at,omitzero"`
	ExpiresAt        time.Time `json:"expires_at,omitzero"`
	RefreshAt        time.Time `json:"refresh_at,omitzero"`
	WarnAt           time.Time `json:"warn_at,omitzero"`
	RefreshThreshold string    `json:"refresh_threshold,omitempty"`
	Error            *problem  `json:"error,omitempty"`
	Advice           string    `json:"advice,omitempty"`
}

type problem struct {
	Class       string `json:"class"`
	Reason      string `json:"reason,omitempty"`
	Text        string `json:"text"`
	OAuthError  string `json:"oauth_error,omitempty"`
	Description string `json:"description,omitempty"`
	RetryAfter  string `json:"retry_after,omitempty"`
	TimedOut    bool   `json:"timed_out,omitempty"`
}

func (c *checkCommand) tellJSON(tried []*system.Attempt) error {
	all := attempts{Services: make([]attempt, 0, len(tried))}
	for _, a := range tried {
		all.Services = append(all.Services, attemptJSON(a))
	}
	enc := json.NewEncoder(c.stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(all)
}

func attemptJSON(a *system.Attempt) attempt {
	t := &a.Token
	return attempt{
		Service: a.Service, Result: result(a), Provider: a.Provider, ClientAuth: a.ClientAuth,
		URL: a.URL, Status: a.Status, Took: took(a.Took),
		TokenType: t.TokenType, Scopes: t.Scopes, Fingerprint: t.Fingerprint,
		CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt, RefreshAt: t.RefreshAt, WarnAt: t.WarnAt,
		RefreshThreshold: exact(t.RefreshThreshold), Error: problemJSON(a), Advice: advice(a),
	}
}

// exact is a duration for programs, empty for none.
func exact(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

func problemJSON(a *system.Attempt) *problem {
	f := a.Failure
	if f == nil {
		return nil
	}
	return &problem{
		Class: f.Class, Reason: f.Reason, Text: f.Text, OAuthError: f.Code, Description: f.Description,
		RetryAfter: exact(f.RetryAfter), TimedOut: f.TimedOut,
	}
}
