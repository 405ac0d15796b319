// Package action holds the action modules of component documents: what the steps of a document can do.
//
// Each module is one component.Module: its schema, complete enough to check a document without running it, and its
// action on this machine. A module knows nothing of phases, loops, retries or references: package component resolves
// those and calls it. Modules print nothing; output and remarks go through component.Call. The package reaches AWS
// only through ports, and never reboots the machine itself: it returns a component.Reboot.
//
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-action-modules.html
package action

import (
	"context"
	"fmt"
	"time"

	"image-builder/internal/component"
)

// Ports are the modules' connections to the outside. The zero value is enough to check documents and to run every
// module except those that move objects.
type Ports struct {
	// Objects is where S3Download and S3Upload read and write.
	Objects Objects
	// TempDir is where scripts are written while they run; empty: the operating system's default.
	TempDir string
	// Wait waits before WebDownload retries; nil: a real pause.
	Wait func(ctx context.Context, d time.Duration) error
}

// All returns every action module by its name.
func All(p Ports) map[string]component.Module {
	modules := map[string]component.Module{}
	for _, m := range []component.Module{
		assert(),
		executeBash(p.TempDir), executeBinary(), executePowerShell(), executeDocument(),
		s3Download(p.Objects), s3Upload(p.Objects), webDownload(p.Wait),
		appendFile(), createFile(), readFile(), setFileEncoding(), listFiles(),
		createFolder(), createSymlink(),
		copyFile(), copyFolder(), moveFile(), moveFolder(), deleteFile(), deleteFolder(),
		setFileOwner(), setFolderOwner(), setFilePermissions(), setFolderPermissions(),
		installMSI(), uninstallMSI(), setRegistry(),
		reboot(), updateOS(),
	} {
		modules[m.Schema().Action] = m
	}

	return modules
}

// module is a component.Module made of its schema and its action.
type module struct {
	schema component.Schema
	run    runFunc
}

type runFunc func(ctx context.Context, call *component.Call) (component.Outputs, error)

func (m module) Schema() component.Schema { return m.schema }

func (m module) Run(ctx context.Context, call *component.Call) (component.Outputs, error) {
	call.Log("%s: STARTED EXECUTION", m.schema.Action)
	defer call.Log("%s: FINISHED EXECUTION", m.schema.Action)
	return m.run(ctx, call)
}

// each makes the action of a module without outputs that handles its elements one after another, up to the first
// failure. As on the service, earlier elements stay done.
func each(do func(ctx context.Context, call *component.Call, in component.Inputs) error) runFunc {
	return func(ctx context.Context, call *component.Call) (component.Outputs, error) {
		for i, in := range call.Inputs {
			if err := context.Cause(ctx); err != nil {
				return nil, err
			}
			if err := do(ctx, call, in); err != nil {
				return nil, element(call, i, err)
			}
		}
		return nil, nil
	}
}

// element says which element of several inputs an error is about.
func element(call *component.Call, i int, err error) error {
	if len(call.Inputs) < 2 {
		return err
	}
	return fmt.Errorf("inputs[%d]: %w", i, err)
}
