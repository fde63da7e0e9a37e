package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

// sidecar is what deploy/kubernetes holds.
type sidecar struct {
	config  *corev1.ConfigMap
	pod     *corev1.Pod
	node    *corev1.Container
	program *corev1.Container
}

// manifest reads the sidecar as an API server does that refuses fields which are
// unknown or there twice.
func manifest(t *testing.T) *sidecar {
	t.Helper()
	text, err := os.ReadFile("../../deploy/kubernetes/sidecar.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := &sidecar{}
	strict := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var object runtime.Object
		if err == nil {
			object, _, err = strict.Decode(document, nil, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		switch o := object.(type) {
		case *corev1.ConfigMap:
			s.config = o
		case *corev1.Pod:
			s.pod = o
		}
	}
	if s.config == nil || s.pod == nil || len(s.pod.Spec.InitContainers) != 1 || len(s.pod.Spec.Containers) != 1 {
		t.Fatal("it is no configuration, and a pod of a node and a program")
	}
	s.node, s.program = &s.pod.Spec.InitContainers[0], &s.pod.Spec.Containers[0]
	return s
}

func TestTheSidecarIsWhatKubernetesTakes(t *testing.T) {
	t.Parallel()
	s := manifest(t)
	c, p := s.node.SecurityContext, s.pod.Spec.SecurityContext
	if !*p.RunAsNonRoot || p.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault ||
		!*c.ReadOnlyRootFilesystem || *c.AllowPrivilegeEscalation || !slices.Equal(c.Capabilities.Drop, []corev1.Capability{"ALL"}) {
		t.Error("the node may do more than it needs")
	}
	if *s.node.RestartPolicy != corev1.ContainerRestartPolicyAlways {
		t.Error("the node does not run beside the program")
	}
	volumes := map[string]corev1.Volume{}
	for _, v := range s.pod.Spec.Volumes {
		volumes[v.Name] = v
	}
	if got := volumes["config"].ConfigMap.Name; got != s.config.Name {
		t.Errorf("the configuration is not that of the pod: %q", got)
	}
	for _, m := range slices.Concat(s.node.VolumeMounts, s.program.VolumeMounts) {
		if _, ok := volumes[m.Name]; !ok {
			t.Errorf("there is no volume %q", m.Name)
		}
	}
	for _, m := range s.program.VolumeMounts {
		if m.Name != "run" || !m.ReadOnly {
			t.Errorf("the program gets %q", m.Name)
		}
	}
}

func TestTheSidecarsConfigurationIsValid(t *testing.T) {
	t.Parallel()
	dir := place(t)
	write(t, filepath.Join(dir, "billing"), secret)
	file := filepath.Join(dir, "tokend.yaml")
	write(t, file, strings.ReplaceAll(manifest(t).config.Data["tokend.yaml"], "/var/run/secrets/tokend", dir))
	tool(t, "", dir, tokend(t), "check", "--config", file)
}

// as makes a command one of a container of the pod.
func (s *sidecar) as(c *corev1.Container, cmd *exec.Cmd) {
	own := c.SecurityContext
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{
		Uid: uint32(*own.RunAsUser), Gid: uint32(*own.RunAsGroup), Groups: []uint32{uint32(*s.pod.Spec.SecurityContext.FSGroup)},
	}}
}

// emptied makes a directory as Kubernetes makes an emptyDir for the pod.
func (s *sidecar) emptied(t *testing.T, dir string) {
	t.Helper()
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		err = os.Chown(dir, 0, int(*s.pod.Spec.SecurityContext.FSGroup))
	}
	if err == nil {
		err = os.Chmod(dir, 0o777|os.ModeSetgid)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The node, as the user that the pod has for it, serves the program and answers its
// own probes. The program gets no more than it is granted.
func TestTheSidecarServesItsPod(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("there is no other user to be here: that takes root")
	}
	s, idp, n := manifest(t), newIdP(t), &node{dir: place(t)}
	s.emptied(t, filepath.Join(n.dir, "run"))
	n.socket = filepath.Join(n.dir, "run", "tokend.sock")
	file := filepath.Join(n.dir, "tokend.yaml")
	write(t, file, strings.NewReplacer(
		"/run/tokend", filepath.Join(n.dir, "run"), "/var/run/secrets/tokend", n.dir, "https://idp.example/oauth2/token", idp.URL+"/token/600",
	).Replace(s.config.Data["tokend.yaml"]))
	write(t, filepath.Join(n.dir, "billing"), secret)
	for _, name := range []string{"tokend.yaml", "billing"} {
		if err := os.Chown(filepath.Join(n.dir, name), int(*s.node.SecurityContext.RunAsUser), -1); err != nil {
			t.Fatal(err)
		}
	}
	in := func(c *corev1.Container, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), tokend(t), args...)
		cmd.Env = []string{"TOKEND_ADDR=unix://" + n.socket}
		for _, v := range c.Env {
			cmd.Env = append(cmd.Env, v.Name+"="+v.Value)
		}
		s.as(c, cmd)
		said, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(said)), err
	}
	n.daemon = startAs(t, func(cmd *exec.Cmd) { s.as(s.node, cmd) }, tokend(t), []string{"serve", "--config", file}, nil)
	for _, probe := range []*corev1.Probe{s.node.StartupProbe, s.node.LivenessProbe} {
		if got := probe.Exec.Command[0]; got != "/usr/local/bin/tokend" {
			t.Errorf("the image has no %s", got)
		}
		n.until(t, "a probe fails", func() bool { _, err := in(s.node, probe.Exec.Command[1:]...); return err == nil })
	}
	if got, err := in(s.program, "get", "billing"); err != nil || !idp.lives(got) {
		t.Errorf("%v, the program gets no living token", err)
	}
	if said, err := in(s.program, "refresh", "billing"); err == nil || !strings.Contains(said, "denied") {
		t.Errorf("the program may do more than get a token: %v, %s", err, said)
	}
}
