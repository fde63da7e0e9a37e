package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tokend/system"
)

// verdict is what check --acquire says of one service.
type verdict struct {
	*system.Attempt        // of a service that was skipped: its name and its provider alone
	skipped         string // why it was not tried; empty: it was
	named           bool   // it was named in full
}

// tell prints what the tries came to.
func (c *checkCommand) tell(verdicts []verdict, about []string) error {
	if c.output == "json" {
		return c.tellJSON(verdicts, about)
	}
	if len(verdicts) == 0 { // a signal came first
		return nil
	}
	rows := [][]string{{
		"SERVICE", "RESULT", "PROVIDER", "AUTH", "URL", "STATUS", "TOOK",
		"LIFE", "REFRESH AFTER", "WARNING AFTER", "LEAD", "SCOPES",
	}}
	todo := [][]string{{"SERVICE", "WHAT TO DO"}}
	doubted := [][]string{{"SERVICE", "WARNING"}}
	for _, v := range verdicts {
		rows = append(rows, attemptRow(v))
		if what := v.advice(); what != "" {
			todo = append(todo, []string{v.Service, what})
		}
		for _, doubt := range v.doubts() {
			doubted = append(doubted, []string{v.Service, doubt})
		}
	}
	paint := c.paintFor(c.stdout)
	return errors.Join(
		paint.table(c.stdout, rows, inColumn(1)),
		c.tellMore(paint, todo), c.tellMore(paint, doubted),
	)
}

// tellMore prints another table below, unless it has a head alone.
func (c *checkCommand) tellMore(p paint, rows [][]string) error {
	if len(rows) == 1 {
		return nil
	}
	if _, err := fmt.Fprintln(c.stdout); err != nil {
		return err
	}
	return p.table(c.stdout, rows, nil)
}

// attemptRow leaves no cell empty: columns are told apart by the spaces between
// them.
func attemptRow(v verdict) []string {
	a, t := v.Attempt, &v.Token
	row := []string{
		a.Service, v.result(), a.Provider, a.ClientAuth, a.URL, status(a), v.took(),
		"", since(t.CreatedAt, t.RefreshAt), since(t.CreatedAt, t.WarnAt), lead(t.RefreshThreshold), strings.Join(t.Scopes, " "),
	}
	if a.Failure == nil && v.skipped == "" {
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

// The results of a service that has no failure; any other is called by the class of
// its failure.
const (
	acquired = "acquired"
	skipped  = "skipped" // it was not tried
)

func (v verdict) result() string {
	switch {
	case v.skipped != "":
		return skipped
	case v.Failure != nil:
		return v.Failure.Class
	default:
		return acquired
	}
}

// failed reports whether the verdict makes the command fail: a service that was
// named in full was to be tried.
func (v verdict) failed() bool { return v.Failure != nil || v.skipped != "" && v.named }

// advice says what to do about the verdict, nothing if there is nothing to do.
func (v verdict) advice() string {
	if v.skipped != "" {
		return fmt.Sprintf("%s: to try it all the same, use --service %s --use-up", v.skipped, v.Service)
	}
	return advice(v.Attempt)
}

func (v verdict) took() string {
	if v.skipped != "" {
		return ""
	}
	return took(v.Took)
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
	Warnings []string  `json:"warnings,omitempty"`
}

type attempt struct {
	Service          string    `json:"service"`
	Result           string    `json:"result"`
	Provider         string    `json:"provider"`
	ClientAuth       string    `json:"client_auth,omitempty"`
	URL              string    `json:"url,omitempty"`
	Status           int       `json:"status,omitempty"`
	Took             string    `json:"took,omitempty"`
	TokenType        string    `json:"token_type,omitempty"`
	ServerTokenType  string    `json:"server_token_type,omitempty"`
	Scopes           []string  `json:"scopes,omitempty"`
	Fingerprint      string    `json:"fingerprint,omitempty"`
	CreatedAt        time.Time `json:"created_at,omitzero"`
	ExpiresAt        time.Time `json:"expires_at,omitzero"`
	RefreshAt        time.Time `json:"refresh_at,omitzero"`
	WarnAt           time.Time `json:"warn_at,omitzero"`
	RefreshThreshold string    `json:"refresh_threshold,omitempty"`
	Error            *problem  `json:"error,omitempty"`
	Skipped          string    `json:"skipped,omitempty"`
	Advice           string    `json:"advice,omitempty"`
	Warnings         []string  `json:"warnings,omitempty"`
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

func (c *checkCommand) tellJSON(verdicts []verdict, about []string) error {
	all := attempts{Services: make([]attempt, 0, len(verdicts)), Warnings: about}
	for _, v := range verdicts {
		all.Services = append(all.Services, attemptJSON(v))
	}
	enc := json.NewEncoder(c.stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(all)
}

func attemptJSON(v verdict) attempt {
	a, t := v.Attempt, &v.Token
	return attempt{
		Service: a.Service, Result: v.result(), Provider: a.Provider, ClientAuth: a.ClientAuth,
		URL: a.URL, Status: a.Status, Took: v.took(),
		TokenType: t.TokenType, ServerTokenType: t.ServerTokenType, Scopes: t.Scopes, Fingerprint: t.Fingerprint,
		CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt, RefreshAt: t.RefreshAt, WarnAt: t.WarnAt,
		RefreshThreshold: exact(t.RefreshThreshold), Error: problemJSON(a),
		Skipped: v.skipped, Advice: v.advice(), Warnings: v.doubts(),
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
