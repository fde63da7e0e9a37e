package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion(p program) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long:  "version prints which tokend this is: version, revision, Go release and system.",
		Args:  usage(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			info, _ := debug.ReadBuildInfo()
			_, err := fmt.Fprintln(p.stdout, versionText(info))
			return err
		},
	}
}

// versionText describes a build; info may be nil.
func versionText(info *debug.BuildInfo) string {
	version, revision := "(unknown)", ""
	if info != nil {
		version = info.Main.Version
		revision = revisionOf(info.Settings)
	}
	return fmt.Sprintf("tokend %s%s %s %s/%s", version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

const shortRevision = 12

func revisionOf(settings []debug.BuildSetting) string {
	var revision, modified string
	for _, s := range settings {
		switch s.Key {
		case "vcs.revision":
			revision = " " + s.Value[:min(shortRevision, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				modified = "+changes"
			}
		}
	}
	return revision + modified
}
