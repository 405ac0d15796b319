package action

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"image-builder/internal/component"
)

// updateOS updates installed packages with the system's package manager.
func updateOS() component.Module {
	return module{
		component.Schema{
			Action: "UpdateOS", Platforms: onInstances, Bare: true,
			Fields: []component.Field{{Name: "include", Kind: component.Texts}, {Name: "exclude", Kind: component.Texts}},
		},
		func(ctx context.Context, call *component.Call) (component.Outputs, error) {
			if os.Geteuid() != 0 {
				return nil, errors.New("update packages: UpdateOS needs root")
			}
			var in component.Inputs

			if len(call.Inputs) > 0 {
				in = call.Inputs[0]
			}

			include := in.Texts("include")
			exclude := in.Texts("exclude")

			if _, err := lookup(call, "apt-get"); err == nil {
				return nil, updateAPT(ctx, call, include, exclude)
			}

			for _, name := range []string{"dnf", "yum"} {
				if _, err := lookup(call, name); err == nil {
					return nil, updateYUM(ctx, call, name, include, exclude)
				}
			}

			return nil, errors.New("update packages: the system has neither apt-get nor dnf nor yum")
		},
	}
}

// updateYUM works for dnf as well: it takes yum's arguments.
func updateYUM(ctx context.Context, call *component.Call, program string, include, exclude []string) error {
	args := []string{"-y", "update"}
	for _, name := range exclude {
		args = append(args, "--exclude="+name)
	}
	wanted := without(include, exclude)
	if len(include) > 0 && len(wanted) == 0 {
		return nil
	}
	return manage(ctx, call, program, append(args, wanted...)...)
}

// updateAPT upgrades everything that needs no removal, including kernels that come as new packages. Changed
// configuration files stay. It waits for a run of unattended-upgrades.
func updateAPT(ctx context.Context, call *component.Call, include, exclude []string) error {
	own := *call
	own.Env = append(slices.Clone(call.Env), "DEBIAN_FRONTEND=noninteractive")
	options := []string{
		"-y", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold",
	}
	if err := manage(ctx, &own, "apt-get", "-o", "DPkg::Lock::Timeout=300", "update"); err != nil {
		return err
	}

	upgrade := append(slices.Clone(options), "--with-new-pkgs", "upgrade")
	if len(include) == 0 && len(exclude) == 0 {
		return manage(ctx, &own, "apt-get", upgrade...)
	}
	packages, err := upgradable(ctx, &own)
	if err != nil {
		return err
	}

	if len(include) > 0 {
		packages = slices.DeleteFunc(packages, func(name string) bool { return !slices.Contains(include, name) })
	}

	packages = without(packages, exclude)
	if len(packages) == 0 {
		call.Log("UpdateOS: there is nothing to update")
		return nil
	}

	return upgradeOnly(ctx, &own, options, packages)
}

// upgradeOnly upgrades the named packages. Naming a package makes apt-get mark it as manually installed, so packages
// that were installed as dependencies are marked automatic again; otherwise autoremove would never remove them.
func upgradeOnly(ctx context.Context, call *component.Call, options, packages []string) error {
	needed, err := ask(ctx, call, "apt-mark", append([]string{"showauto"}, packages...)...)
	if err != nil {
		return err
	}
	if err := manage(ctx, call, "apt-get", slices.Concat(options, []string{"--only-upgrade", "install"}, packages)...); err != nil {
		return err
	}
	if names := strings.Fields(needed); len(names) > 0 {
		return manage(ctx, call, "apt-mark", append([]string{"auto"}, names...)...)
	}

	return nil
}

// upgradable lists the installed packages that have an update, from a simulation of apt-get: "Inst NAME [OLD] (NEW
// …)".
func upgradable(ctx context.Context, call *component.Call) ([]string, error) {
	plan, err := ask(ctx, call, "apt-get", "-s", "--with-new-pkgs", "upgrade")
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(plan) {
		fields := strings.Fields(line)
		if len(fields) > 2 && fields[0] == "Inst" && strings.HasPrefix(fields[2], "[") {
			names = append(names, fields[1])
		}
	}

	return names, nil
}

// ask runs the package manager and returns its output.
func ask(ctx context.Context, call *component.Call, name string, args ...string) (string, error) {
	var answer strings.Builder
	own := *call
	own.Stdout = &answer
	err := manage(ctx, &own, name, args...)
	return answer.String(), err
}

// manage runs the package manager.
func manage(ctx context.Context, call *component.Call, name string, args ...string) error {
	program, err := lookup(call, name)
	if err != nil {
		return err
	}
	call.Log("UpdateOS: %s %s", name, strings.Join(args, " "))
	_, err = execute(ctx, call, program, args...)
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return fmt.Errorf("run %s: %w", name, err)
	}
	return err
}

func without(names, excluded []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(excluded, name) })
}

// commas splits a comma-separated list.
func commas(text string) []string {
	var entries []string
	for entry := range strings.SplitSeq(text, ",") {
		entry = strings.TrimSpace(entry)
		if entry != "" {
			entries = append(entries, entry)
		}
	}
	return entries
}
