package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

const versionHelp = `version prints which tokend this is: version, revision, Go release and system.
tokend --version does the same.

  tokend version
  tokend version --output json

Exit codes: 0 printed, 2 wrong usage.`

func newVersion(p program) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long:  versionHelp,
		Args:  noArgument(""),
		RunE:  func(*cobra.Command, []string) error { return p.version(output) },
	}
	addOutput(cmd, &output)
	return cmd
}

func (p program) version(output string) error {
	if err := oneOf(output, "text", "json"); err != nil {
		return err
	}
	info, _ := debug.ReadBuildInfo()
	b := buildOf(info)
	if output == "json" {
		return json.NewEncoder(p.stdout).Encode(b)
	}
	_, err := fmt.Fprintln(p.stdout, b)
	return err
}

// build describes a build of tokend.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // of the source
	Modified bool   `json:"modified"`           // the source differed from that
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

// String returns it in one line.
func (b build) String() string {
	revision := ""
	if b.Revision != "" {
		revision = " " + b.Revision
	}
	if b.Modified {
		revision += "+changes"
	}
	return fmt.Sprintf("tokend %s%s %s %s/%s", b.Version, revision, b.Go, b.OS, b.Arch)
}

// buildOf reads info, which may be nil.
func buildOf(info *debug.BuildInfo) build {
	b := build{Version: "(unknown)", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if info != nil {
		b.Version = info.Main.Version
		b.addRevision(info.Settings)
	}
	return b
}

const shortRevision = 12

func (b *build) addRevision(settings []debug.BuildSetting) {
	for _, s := range settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value[:min(shortRevision, len(s.Value))]
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
}
