package action

import (
	"context"
	"fmt"
	"regexp"
	"runtime"
	"strings"

	"image-builder/internal/component"
)

// elsewhere is the action of a module for Windows on any other platform: it fails and says so.
func elsewhere(action string) runFunc {
	return func(context.Context, *component.Call) (component.Outputs, error) {
		return nil, fmt.Errorf("run %s: it runs on Windows, this is %s", action, runtime.GOOS)
	}
}

func executePowerShell() component.Module {
	return module{
		component.Schema{
			Action: "ExecutePowerShell", Platforms: onWindows,
			Fields: []component.Field{{Name: "commands", Kind: component.Texts}, text("file", nil)},
			Check: func(in component.Inputs) error {
				if in.Has("commands") == in.Has("file") {
					return component.Fault{Message: "it takes either commands or file", Right: "give one of them"}
				}
				return nil
			},
			Outputs: []string{"stdout"},
		},
		elsewhere("ExecutePowerShell"),
	}
}

func installMSI() component.Module   { return msi("InstallMSI") }
func uninstallMSI() component.Module { return msi("UninstallMSI") }

func msi(action string) component.Module {
	return module{
		component.Schema{
			Action: action, Platforms: onWindows,
			Fields: []component.Field{
				need("path", nil),
				{Name: "reboot", Default: "Allow", OneOf: []string{"Allow", "Force", "Skip"}},
				{Name: "logOptions", Default: "*VX", Check: logOptions},
				text("logFile", nil),
				{Name: "properties", Kind: component.TextMap},
				flag("ignoreAuthenticodeSignatureErrors", false), flag("allowUnsignedInstaller", false),
			},
			Check:   msiProperties,
			Outputs: []string{"logFile", "msiExitCode", "stdout"},
		},
		elsewhere(action),
	}
}

// logOptions checks the flags of msiexec /L.
func logOptions(text string) error {
	if strings.Trim(strings.ToLower(text), "iwearucmopvx+!*") != "" {
		return component.Fault{Message: fmt.Sprintf("%q has letters that are not logging options of msiexec", text), Right: "use letters of iwearucmopvx+!*"}
	}
	return nil
}

// msiProperties refuses properties that the module sets itself.
func msiProperties(in component.Inputs) error {
	properties, _ := in["properties"].(map[string]string)
	for name, value := range properties {
		switch strings.ToUpper(name + "=" + value) {
		case "REBOOT=REALLYSUPPRESS", "REINSTALLMODE=ECMUS", "REINSTALL=ALL":
			return component.Fault{Field: "properties", Message: fmt.Sprintf("the property %s may not be set to %s", name, value), Right: "remove it"}
		}
	}
	return nil
}

func setRegistry() component.Module {
	return module{
		component.Schema{
			Action: "SetRegistry", Platforms: onWindows, List: true,
			Fields: []component.Field{
				need("path", registryPath), need("name", func(string) error { return nil }),
				{Name: "value", Kind: component.Scalars, Required: true},
				{Name: "type", Required: true, OneOf: []string{"BINARY", "DWORD", "QWORD", "SZ", "EXPAND_SZ", "MULTI_SZ"}},
			},
		},
		elsewhere("SetRegistry"),
	}
}

func registryPath(path string) error {
	hive := regexp.MustCompile(`(?i)^(HKEY_(CLASSES_ROOT|USERS|LOCAL_MACHINE|CURRENT_CONFIG|CURRENT_USER)|HK(CR|U|LM|CC|CU):)(\\|/|$)`)
	if !hive.MatchString(path) {
		return component.Fault{Message: fmt.Sprintf("%q is in no hive", path), Right: `start it with a hive, such as HKLM:\ or HKEY_LOCAL_MACHINE\`}
	}
	return nil
}
